import keras
import numpy as np
import pytest
from keras import ops
from mrcnn_goldens import stored, unpacked
from squares_set import SquaresSet, prepared

from mrcnn import model
from mrcnn.boxes import normalize
from mrcnn.config import Config


class SmallConfig(Config):
    NUM_CLASSES = 4
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 64
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TRAIN_ROIS_PER_IMAGE = 10


def tensors(*arrays: np.ndarray) -> list:
    return [ops.convert_to_tensor(np.ascontiguousarray(array)) for array in arrays]


def test_blocks_halve_the_picture_and_carry_the_originals_names() -> None:
    image = keras.Input((32, 32, 64))
    x = model.conv_block(image, 3, [16, 16, 64], stage=7, block="a", use_bias=False)
    x = model.identity_block(x, 3, [16, 16, 64], stage=7, block="b")
    net = keras.Model(image, x)
    assert net.output_shape == (None, 16, 16, 64)
    assert not net.get_layer("res7a_branch1").use_bias
    assert net.get_layer("res7b_branch2c").use_bias
    with pytest.raises(ValueError, match=r"a kernel of 3 and filters \(F, F, 4F\)"):
        model.identity_block(image, 5, [16, 16, 64], 7, "c")


def test_heads_and_proposals_can_be_built_alone() -> None:
    features = [keras.Input((size, size, 32)) for size in (16, 8, 4, 2)]
    rois, meta = keras.Input((5, 4)), keras.Input((16,))
    logits, probabilities, deltas = model.fpn_classifier_graph(rois, features, meta, 7, 4, fc_layers_size=16)
    masks = model.build_fpn_mask_graph(rois, features, meta, 14, 4)
    assert [tuple(part.shape) for part in (logits, probabilities, deltas, masks)] == [
        (None, 5, 4),
        (None, 5, 4),
        (None, 5, 4, 4),
        (None, 5, 28, 28, 4),
    ]
    assert [part.shape[-1] for part in model.rpn_graph(features[0], 3, 1)] == [2, 2, 4]


def test_rows_are_packed_and_zeros_trimmed() -> None:
    (rows,) = tensors(np.arange(12.0).reshape(2, 3, 2))
    packed = model.batch_pack_graph(rows, [2, 1], 2)
    assert ops.convert_to_numpy(packed).tolist() == [[0, 1], [2, 3], [6, 7]]
    kept, filled = model.trim_zeros_graph(*tensors(np.array([[0.0, 0, 1, 1], [0] * 4, [1] * 4])))
    assert ops.convert_to_numpy(kept).tolist() == [[0, 0, 1, 1], [1] * 4]
    assert ops.convert_to_numpy(filled).tolist() == [True, False, True]


def test_the_generator_hands_out_drawn_boxes_and_their_targets() -> None:
    data = prepared(SquaresSet(), 3)
    stream = model.data_generator(data, SmallConfig(), random_rois=40, batch_size=2, detection_targets=True)
    inputs, outputs = next(stream)
    assert [part.shape for part in inputs[4:]] == [(2, 100), (2, 100, 4), (2, 56, 56, 100), (2, 40, 4), (2, 10, 4)]
    assert [part.shape for part in outputs] == [(2, 10, 1), (2, 10, 4, 4), (2, 10, 28, 28, 4)]
    inputs, outputs = next(model.data_generator(data, SmallConfig()))
    assert (len(inputs), outputs) == (7, [])


@pytest.mark.shared
def test_detections_of_one_picture_equal_the_originals() -> None:
    golden = stored("layers")
    window = normalize(golden["detection.meta"][0, 7:11], (256, 256))
    given = tensors(*(golden[f"detection.{part}"][0] for part in ("rois", "probs", "deltas")), window)
    found = model.refine_detections_graph(*given, SmallConfig())
    np.testing.assert_allclose(ops.convert_to_numpy(found), golden["detection.out_default"][0], atol=1e-5)


@pytest.mark.shared
def test_targets_of_one_picture_are_drawn_from_its_proposals() -> None:
    golden, name = stored("layers"), "dettarget.mini.nocrowd."
    given = [golden[f"{name}{part}"][0] for part in ("proposals", "gt_class_ids", "gt_boxes")]
    masks = unpacked(golden, f"{name}gt_masks")[0]
    rois, class_ids, deltas, drawn = model.detection_targets_graph(*tensors(*given, masks), SmallConfig())
    assert [tuple(part.shape) for part in (rois, class_ids, deltas, drawn)] == [(10, 4), (10,), (10, 4), (10, 28, 28)]
    assert (ops.convert_to_numpy(class_ids) > 0).sum() == 3
    rows = {tuple(row) for row in given[0].tolist()}
    assert all(tuple(row) in rows for row in ops.convert_to_numpy(rois).tolist())
