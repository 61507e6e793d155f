"""Graphs with the signature of the TensorFlow Object Detection API that find red, green and blue things.

Every step is what real graphs do, with the same operations: a loop over objects, suppression of overlapping boxes,
masks cut out of the picture by `crop_and_resize`. What they find can be checked by eye.
"""

import numpy as np
import tensorflow as tf

NUMBERS = (1, 3, 5)  # of red, green and blue: a label map with holes
SCORES = (0.9, 0.8, 0.7)
LABEL_MAP = """\
# numbers have holes
item { id: 1 name: "/m/01" display_name: "clown" }
item { name: 'dog', id: 3 }
item {
  id: 5
  name: "teddy"
  display_name: "teddy bear"
  keypoints { id: 0 label: "nose" }
}
"""
ROWS, SIDE = 4, 15  # answers of a picture, with padding; cells of a mask


def picture(height=60, width=80, red=None, green=None, blue=None):
    """A grey picture with an L for each (top, left, bottom, right), its upper right quarter empty."""
    drawn = np.full((height, width, 3), 90, np.uint8)
    for channel, box in enumerate((red, green, blue)):
        if box is not None:
            top, left, bottom, right = box
            grey = drawn[top : (top + bottom) // 2, (left + right) // 2 : right].copy()
            drawn[top:bottom, left:right] = np.eye(3, dtype=np.uint8)[channel] * 255
            drawn[top : (top + bottom) // 2, (left + right) // 2 : right] = grey
    return drawn


def find(pictures, masks="box"):
    """(B, H, W, 3) pictures -> the API's outputs, with masks "box", "frame", "last", "first" or None."""
    boxes, scores, classes, count, drawn = tf.map_fn(
        lambda of_one: _objects(of_one, masks),
        pictures,
        fn_output_signature=(tf.float32, tf.float32, tf.float32, tf.float32, tf.float32),
    )
    found = {"detection_boxes": boxes, "detection_scores": scores, "detection_classes": classes}
    found["num_detections"] = count
    if masks is not None:
        found["detection_masks"] = drawn
    return found


def _objects(of_one, masks):
    values = tf.cast(of_one, tf.int32)
    height, width = tf.unstack(tf.cast(tf.shape(of_one)[:2], tf.float32))

    def of_colour(channel):
        lit = (values[:, :, channel] > 200) & (tf.reduce_sum(values, 2) - values[:, :, channel] < 100)
        rows = tf.cast(tf.where(tf.reduce_any(lit, 1))[:, 0], tf.float32)
        columns = tf.cast(tf.where(tf.reduce_any(lit, 0))[:, 0], tf.float32)
        edges = [tf.reduce_min(rows), tf.reduce_min(columns), tf.reduce_max(rows) + 1, tf.reduce_max(columns) + 1]
        exists = tf.reduce_any(lit)
        box = tf.where(exists, tf.stack(edges) / tf.stack([height, width, height, width]), tf.zeros(4))
        return box, tf.where(exists, tf.gather(SCORES, channel), 0.0), tf.cast(lit, tf.float32)

    boxes, scores, lit = tf.map_fn(of_colour, tf.range(3), fn_output_signature=(tf.float32,) * 3)
    chosen = tf.image.non_max_suppression(boxes, scores, 3, 0.5, score_threshold=0.1)
    boxes, scores, lit = (tf.gather(each, chosen) for each in (boxes, scores, lit))
    classes = tf.gather(tf.constant(NUMBERS, tf.float32), chosen)
    drawn = lit
    if masks != "frame":
        drawn = tf.image.crop_and_resize(lit[..., None], boxes, tf.range(tf.shape(boxes)[0]), (SIDE, SIDE))[..., 0]
    if masks in ("last", "first"):
        own = tf.one_hot(tf.cast(classes, tf.int32) - 1, max(NUMBERS))
        drawn = tf.einsum("nij,nc->nijc" if masks == "last" else "nij,nc->ncij", drawn, own)
    missing = ROWS - tf.shape(boxes)[0]
    padded = [
        tf.pad(each, [[0, missing]] + [[0, 0]] * (each.shape.rank - 1)) for each in (boxes, scores, classes, drawn)
    ]
    return padded[0], padded[1], padded[2], tf.cast(tf.shape(chosen)[0], tf.float32), padded[3]


def frozen_graph(path, taken="image_tensor", shape=(None, None, None, 3), masks="box", rename=None):
    """Write a frozen graph as TensorFlow 1 does: loops of the old kind, outputs known by their names."""
    tf.compat.v1.disable_control_flow_v2()
    try:
        with tf.Graph().as_default() as graph:
            outputs = find(_pictures(taken, shape), masks)
            for name, tensor in outputs.items():
                tf.identity(tensor, name=(rename or {}).get(name, name))
    finally:
        tf.compat.v1.enable_control_flow_v2()
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def _pictures(taken, shape):
    if taken in ("image_tensor", "ToFloat"):
        return tf.compat.v1.placeholder(tf.uint8 if taken == "image_tensor" else tf.float32, shape, taken)
    texts = tf.compat.v1.placeholder(tf.string, [None], taken)
    if taken == "tf_example":
        texts = tf.io.parse_example(texts, {"image/encoded": tf.io.FixedLenFeature([], tf.string)})["image/encoded"]
    return tf.map_fn(lambda text: tf.io.decode_png(text, 3), texts, fn_output_signature=tf.uint8)


def saved_model(folder, shape=(1, None, None, 3), masks="box", threshold=0.1, raw=6):
    """Write a SavedModel as TensorFlow 2 does, with a weight that lies in a file of its own."""

    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            self.least = tf.Variable(threshold)

        @tf.function(input_signature=[tf.TensorSpec(shape, tf.uint8, "input_tensor")])
        def __call__(self, input_tensor):
            found = find(input_tensor, "box" if masks == "reframed" else masks)
            found["detection_scores"] *= tf.cast(found["detection_scores"] >= self.least, tf.float32)
            found["raw_detection_boxes"] = found["detection_boxes"]
            found["raw_detection_scores"] = tf.zeros((1, ROWS, raw))
            if masks == "reframed":
                found["detection_masks_reframed"] = tf.cast(find(input_tensor, "frame")["detection_masks"], tf.uint8)
                del found["detection_masks"]
            return found

    model = Model()
    tf.saved_model.save(model, str(folder), signatures=model.__call__)
    return folder
