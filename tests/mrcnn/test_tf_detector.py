"""Graphs made here find coloured things, an L of each colour: boxes, masks and classes can be checked by eye."""

import shutil
import sys
import tarfile

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from coloured_shapes import LABEL_MAP, frozen_graph, picture, saved_model  # noqa: E402

from common.errors import UserError  # noqa: E402
from mrcnn import tf_graph  # noqa: E402
from mrcnn.tf_detector import GraphDetector, class_names_of  # noqa: E402

NAMES = ("clown", "dog", "teddy bear")
RED, BLUE = (10, 20, 50, 60), (4, 61, 14, 77)  # top, left, bottom, right
SCENE = picture(60, 80, red=RED, blue=BLUE)


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    path = tmp_path_factory.mktemp("labels") / "label_map.pbtxt"
    path.write_text(LABEL_MAP, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    return frozen_graph(tmp_path_factory.mktemp("frozen") / "frozen_inference_graph.pb")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return saved_model(tmp_path_factory.mktemp("saved") / "saved_model")


def l_shaped(box, size=(60, 80)):
    top, left, bottom, right = box
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    mask[top : (top + bottom) // 2, (left + right) // 2 : right] = False
    return mask


def overlap(first, second):
    return (first & second).sum() / (first | second).sum()


def assert_scene(detector, found, masks=True):
    """The red and the blue thing of `SCENE` were found, surest first."""
    assert [detector.classes[number] for number in found.class_id] == ["clown", "teddy bear"]
    assert found.confidence == pytest.approx([0.9, 0.7])
    assert found.xyxy == pytest.approx(np.array([[20, 10, 60, 50], [61, 4, 77, 14]]), abs=1e-3)
    assert (found.mask is not None) == masks
    if masks:
        dense = found.mask.to_dense()
        assert overlap(dense[0], l_shaped(RED)) > 0.95 and overlap(dense[1], l_shaped(BLUE)) > 0.9


def test_a_frozen_graph_finds_things_with_masks(frozen, labels):
    detector = GraphDetector(frozen, classes=labels)
    assert detector.classes == NAMES
    assert "TensorFlow" in detector.device
    assert_scene(detector, detector([SCENE])[0])


def test_a_frozen_graph_has_loops_of_the_old_kind(frozen):
    nodes = tf.compat.v1.GraphDef.FromString(frozen.read_bytes())
    assert {"Switch", "Merge", "TensorArrayV3", "NonMaxSuppressionV3", "CropAndResize"} <= {
        node.op for node in nodes.node
    }


def test_a_saved_model_finds_the_same(frozen, saved, labels):
    detector = GraphDetector(saved, classes=labels)
    found, expected = detector([SCENE])[0], GraphDetector(frozen, classes=labels)([SCENE])[0]
    assert_scene(detector, found)
    assert np.array_equal(found.mask.to_dense(), expected.mask.to_dense())


@pytest.mark.parametrize("masks", ["frame", "last", "first", None])
def test_masks_come_in_several_forms(tmp_path, labels, masks):
    detector = GraphDetector(frozen_graph(tmp_path / "graph.pb", masks=masks), classes=labels)
    found = detector([SCENE])[0]
    assert_scene(detector, found, masks=masks is not None)
    if masks == "frame":
        assert np.array_equal(found.mask.to_dense(), [l_shaped(RED), l_shaped(BLUE)])


def test_masks_may_come_reframed_only(tmp_path, labels):
    detector = GraphDetector(saved_model(tmp_path / "m", masks="reframed"), classes=labels)
    assert detector.graph.outputs[-1] == "detection_masks_reframed"
    assert np.array_equal(detector([SCENE])[0].mask.to_dense(), [l_shaped(RED), l_shaped(BLUE)])


@pytest.mark.parametrize("taken", ["encoded_image_string_tensor", "tf_example", "ToFloat"])
def test_pictures_go_in_as_the_graph_wants_them(tmp_path, labels, taken):
    detector = GraphDetector(frozen_graph(tmp_path / "graph.pb", taken), classes=labels)
    assert_scene(detector, detector([SCENE])[0])


def test_a_graph_of_fixed_size_gets_pictures_of_that_size(tmp_path, labels):
    detector = GraphDetector(frozen_graph(tmp_path / "graph.pb", shape=(1, 120, 160, 3)), classes=labels)
    assert (detector.graph.input.batch, detector.graph.input.size) == (1, (120, 160))
    assert_scene(detector, detector([SCENE])[0])


@pytest.mark.parametrize("count", [None, 1, 3], ids=["any", "one", "three"])
def test_pictures_of_any_sizes_in_graphs_of_any_batch(tmp_path, labels, count):
    graph = frozen_graph(tmp_path / "graph.pb", shape=(count, None, None, 3))
    detector = GraphDetector(graph, classes=labels, batch=2)
    empty, green = picture(60, 80), picture(40, 50, green=(10, 10, 30, 30))
    first, none, other, again = detector([SCENE, empty, green, SCENE])
    assert_scene(detector, first)
    assert_scene(detector, again)
    assert len(none) == 0
    assert (other.class_id.tolist(), other.xyxy.tolist()) == ([1], [pytest.approx([10, 10, 30, 30])])


def test_lower_thresholds_give_larger_masks_and_the_floor_leaves_weak_ones_out(frozen, labels):
    areas = [
        GraphDetector(frozen, classes=labels, mask_threshold=least)([SCENE])[0].mask.area.sum()
        for least in (0.9, 0.5, 0.1)
    ]
    assert areas == sorted(areas) and areas[0] < areas[2]
    assert GraphDetector(frozen, classes=labels, floor=0.8)([SCENE])[0].confidence == pytest.approx([0.9])


def test_a_class_that_the_label_map_does_not_name_is_passed_over_and_said(frozen, caplog):
    detector = GraphDetector(frozen, classes="clown,dog")
    assert detector([SCENE])[0].class_id.tolist() == [0]
    assert "class 5, which its label map does not name" in caplog.text


def test_a_label_map_beside_the_graph_is_taken_and_said(frozen, tmp_path, caplog):
    graph = shutil.copy(frozen, tmp_path)
    (tmp_path / "my_label_map.pbtxt").write_text(LABEL_MAP, encoding="utf-8")
    assert class_names_of(graph) == NAMES
    assert GraphDetector(graph).classes == NAMES
    assert "those of my_label_map.pbtxt beside it are taken" in caplog.text


@pytest.mark.parametrize("classes", [90, 37])
def test_coco_is_assumed_for_ninety_classes_only_and_said(frozen, tmp_path, caplog, classes):
    graph = shutil.copy(frozen, tmp_path)
    (tmp_path / "pipeline.config").write_text(f"model {{ faster_rcnn {{ num_classes: {classes} }} }}")
    if classes == 90:
        detector = GraphDetector(tmp_path)
        assert (len(detector.classes), detector.classes[0]) == (80, "person")
        assert [detector.classes[number] for number in detector([SCENE])[0].class_id] == ["person", "airplane"]
        assert "COCO's are taken, as it knows 90 classes" in caplog.text
    else:
        with pytest.raises(UserError, match=r"numbers its classes and does not name them; give .* --labels"):
            GraphDetector(graph)


def test_ninety_classes_are_told_by_the_layers_of_a_graph(tmp_path):
    with tf.Graph().as_default() as graph:
        for name in ("detection_boxes", "detection_scores", "detection_classes"):
            tf.constant(0, name=name)
        tf.constant(np.zeros(24), name="FirstStageBoxPredictor/ClassPredictor/biases")
        tf.constant(np.zeros(91), name="SecondStageBoxPredictor/ClassPredictor/biases")
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    assert class_names_of(tmp_path / "graph.pb")[0] == "person"


def test_the_archive_of_the_model_zoo_is_opened_as_it_is(saved, tmp_path, labels):
    with tarfile.open(tmp_path / "zoo.tar.gz", "w:gz") as archive:
        archive.add(saved, "some_model/saved_model")
    detector = GraphDetector(tmp_path / "zoo.tar.gz", classes=labels)
    assert_scene(detector, detector([SCENE])[0])


@pytest.mark.parametrize("length", [91, 6])
def test_ninety_classes_are_told_by_the_outputs_of_a_saved_model(tmp_path, length):
    saved_model(tmp_path, raw=length)
    if length == 91:
        assert len(class_names_of(tmp_path)) == 80
    else:
        with pytest.raises(UserError, match="does not name them"):
            class_names_of(tmp_path)


def test_a_model_that_detects_nothing_is_named_before_its_classes_are_asked_for(tmp_path):
    class Classifier(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3), tf.float32)])
        def __call__(self, pictures):
            return {"softmax": tf.nn.softmax(tf.reduce_mean(pictures, (1, 2)))}

    model = Classifier()
    tf.saved_model.save(model, str(tmp_path / "m"), signatures=model.__call__)
    for path in (tmp_path / "m", other_graph(tmp_path / "graph.pb", "softmax")):
        with pytest.raises(
            UserError, match=r"has no output detection_boxes, .*; found softmax: expected a model exported"
        ):
            class_names_of(path)


def other_graph(path, *names):
    with tf.Graph().as_default() as graph:
        pictures = tf.compat.v1.placeholder(tf.uint8, (None, None, None, 3), "image_tensor")
        for name in names:
            tf.reduce_mean(tf.cast(pictures, tf.float32), name=name)
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["dense/Softmax"], "has no output detection_boxes, detection_scores, detection_classes; found dense/Softmax"),
        (["mrcnn_detection/Reshape_1", "mrcnn_mask/Sigmoid"], r"give the \.h5 checkpoint that it was made from"),
        (["raw_outputs/box_encodings"], "exported for TensorFlow Lite"),
        (["detection_boxes", "detection_scores", "detection_classes"], "the graph does not run here"),
    ],
)
def test_other_graphs_are_named_by_what_they_give(tmp_path, names, complaint):
    with pytest.raises(UserError, match=complaint):
        GraphDetector(other_graph(tmp_path / "graph.pb", *names), classes="dog")


def test_boxes_in_pixels_are_no_shares(tmp_path):
    with tf.Graph().as_default() as graph:
        pictures = tf.compat.v1.placeholder(tf.uint8, (None, None, None, 3), "image_tensor")
        scores = tf.reduce_mean(tf.cast(pictures, tf.float32), (1, 2)) / 255
        tf.identity(scores, "detection_scores")
        tf.ones_like(scores, name="detection_classes")
        tf.tile(tf.constant([[[0, 0, 40.0, 50.0]]]), (tf.shape(pictures)[0], 3, 1), "detection_boxes")
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    with pytest.raises(UserError, match="gives boxes in pixels; expected shares of the picture"):
        GraphDetector(tmp_path / "graph.pb", classes="dog")


@pytest.mark.parametrize("part", [0, 0.5, 0.98])
def test_a_truncated_graph_is_an_error(frozen, tmp_path, part):
    content = frozen.read_bytes()
    (tmp_path / "graph.pb").write_bytes(content[: int(len(content) * part)])
    with pytest.raises(UserError, match=r"graph\.pb: (not a TensorFlow graph, or cut off|an empty graph)"):
        GraphDetector(tmp_path / "graph.pb", classes="dog")


def test_a_graph_without_its_first_nodes_and_a_text_are_errors(frozen, tmp_path):
    nodes = tf.compat.v1.GraphDef.FromString(frozen.read_bytes())
    inner = next(place for place, node in enumerate(nodes.node) if node.op == "Cast")
    del nodes.node[inner]
    (tmp_path / "holes.pb").write_bytes(nodes.SerializeToString())
    (tmp_path / "text.pb").write_text("<!DOCTYPE html>")
    for name, complaint in (("holes.pb", "cannot load it"), ("text.pb", "not a TensorFlow graph")):
        with pytest.raises(UserError, match=complaint):
            GraphDetector(tmp_path / name, classes="dog")


def test_a_saved_model_without_its_weights_is_an_error(saved, tmp_path):
    shutil.copy(saved / "saved_model.pb", tmp_path)
    with pytest.raises(UserError, match="cannot load it"):
        GraphDetector(tmp_path, classes="dog")


def test_without_tensorflow_a_graph_says_what_to_install(frozen, labels, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    assert class_names_of(frozen, labels) == NAMES  # a label map needs none
    with pytest.raises(UserError, match=r"needs TensorFlow, which is not installed; run `pip install"):
        class_names_of(frozen)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"device": "abacus"}, "unknown device 'abacus' for TensorFlow: choose one of auto, cpu"),
        ({"floor": 0}, "floor is a score between 0 and 1"),
        ({"mask_threshold": 1}, "mask_threshold is a probability between 0 and 1"),
        ({"batch": 0}, "1 or more, got 0"),
    ],
)
def test_wrong_options_are_errors(frozen, labels, options, complaint):
    with pytest.raises(UserError, match=complaint):
        GraphDetector(frozen, classes=labels, **options)


def test_the_cpu_can_be_asked_for(frozen, saved, labels):
    for graph in (frozen, saved):
        detector = GraphDetector(graph, classes=labels, device="cpu")
        assert detector.device == "CPU (TensorFlow)"
        assert_scene(detector, detector([SCENE])[0])


@pytest.mark.parametrize("part", [tf_graph.BOXES, tf_graph.SCORES, tf_graph.CLASSES, tf_graph.MASKS])
def test_what_is_no_number_is_not_passed_over(frozen, labels, part):
    detector = GraphDetector(frozen, classes=labels)
    answer = {
        tf_graph.BOXES: np.array([[0.1, 0.1, 0.6, 0.6]], np.float32),
        tf_graph.SCORES: np.array([0.9], np.float32),
        tf_graph.CLASSES: np.array([1], np.float32),
        tf_graph.MASKS: np.ones((1, 15, 15), np.float32),
    }
    assert len(detector._in_picture(answer, (60, 80), (60, 80))) == 1
    answer[part] = np.full_like(answer[part], np.nan)
    with pytest.raises(ValueError, match="no numbers"):
        detector._in_picture(answer, (60, 80), (60, 80))


def test_names_that_are_too_few_for_a_graph_of_coco_are_refused(frozen, monkeypatch):
    """Else "dog" would be what the graph calls a person."""
    monkeypatch.setattr(tf_graph, "names_coco", lambda file: True)
    with pytest.raises(UserError, match="knows 90 classes, and names for numbers up to 2 were given"):
        GraphDetector(frozen, classes="dog,cat")
