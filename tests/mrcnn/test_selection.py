"""Proposals and detections: what follows the two decisions of the network."""

import keras
import numpy as np
import pytest
from keras import ops
from mrcnn_goldens import stored

from mrcnn.detections import DetectionLayer
from mrcnn.proposals import ProposalLayer, gather_rows

KERNELS = ["portable", "tensorflow"] if keras.backend.backend() == "tensorflow" else ["portable"]


def tensors(*arrays: np.ndarray) -> list:
    return [ops.convert_to_tensor(np.ascontiguousarray(array)) for array in arrays]


def test_gathered_rows_of_nothing_are_zero() -> None:
    values, places = tensors(np.arange(6.0).reshape(1, 3, 2), np.array([[2, -1, 0]], "int32"))
    assert ops.convert_to_numpy(gather_rows(values, places)).tolist() == [[[4, 5], [0, 0], [0, 1]]]


@pytest.mark.parametrize("kernel", KERNELS)
def test_fewer_anchors_than_proposals_leave_rows_of_zeros(kernel: str) -> None:
    probabilities = np.array([[[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]], "float32")
    anchors = np.array([[[0, 0, 0.5, 0.5], [0.5, 0.5, 1.5, 1.5], [0, 0, 0.5, 0.45]]], "float32")
    layer = ProposalLayer(proposal_count=4, nms_threshold=0.7, nms_kernel=kernel)
    found = ops.convert_to_numpy(layer(tensors(probabilities, np.zeros_like(anchors), anchors)))
    np.testing.assert_allclose(found, [[[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], [0] * 4, [0] * 4]])


@pytest.mark.parametrize("min_confidence", [0.0, 0.5])
def test_background_and_low_scores_are_no_detections(min_confidence: float) -> None:
    rois = np.array([[[0, 0, 0.4, 0.4], [0.5, 0.5, 0.9, 0.9], [0, 0.5, 0.4, 0.9]]], "float32")
    probabilities = np.array([[[0.1, 0.9, 0], [0.7, 0.3, 0], [0.3, 0.3, 0.4]]], "float32")
    deltas = np.zeros((1, 3, 3, 4), "float32")
    deltas[0, 0, 1] = [1, 0, 0, 0]  # a tenth of the height down, by the standard deviation
    layer = DetectionLayer(max_instances=3, min_confidence=min_confidence)
    windows, sizes = np.array([[0, 0, 101, 101]], "float32"), np.array([[101, 101]], "float32")
    found = ops.convert_to_numpy(layer(tensors(rois, probabilities, deltas, windows, sizes)))[0]
    expected = [[0.04, 0, 0.44, 0.4, 1, 0.9], [0, 0.5, 0.4, 0.9, 2, 0.4], [0] * 6]
    if min_confidence:
        expected[1] = [0] * 6
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.shared
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("name", "count", "limit"),
    [("300", 300, 6000), ("1000", 1000, 6000), ("2000", 2000, 6000), ("prenms200", 1000, 200)],
)
def test_proposals_equal_the_originals(kernel: str, name: str, count: int, limit: int) -> None:
    golden = stored("layers")
    anchors = np.broadcast_to(golden["proposal.anchors"], (2, 16368, 4))
    layer = ProposalLayer(count, 0.7, pre_nms_limit=limit, nms_kernel=kernel)
    found = ops.convert_to_numpy(layer(tensors(golden["proposal.probs"], golden["proposal.deltas"], anchors)))
    expected = golden[f"proposal.out_{name}"]
    assert found.shape == expected.shape
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("default", {}),
        ("minconf0_max35", {"min_confidence": 0.0, "max_instances": 35}),
        ("nms0.7", {"nms_threshold": 0.7, "min_confidence": 0.0}),
    ],
)
def test_detections_equal_the_originals(name: str, numbers: dict) -> None:
    golden = stored("layers")
    meta = golden["detection.meta"]
    parts = (golden[f"detection.{part}"] for part in ("rois", "probs", "deltas"))
    found = ops.convert_to_numpy(DetectionLayer(**numbers)(tensors(*parts, meta[:, 7:11], meta[:, 4:6])))
    np.testing.assert_allclose(found, golden[f"detection.out_{name}"], atol=1e-5)


@pytest.mark.shared
def test_nothing_above_the_confidence_is_all_zeros() -> None:
    golden = stored("layers")
    meta = golden["detection.meta"]
    parts = (golden[f"detection.{part}"] for part in ("rois", "probs", "deltas"))
    found = DetectionLayer(min_confidence=1.1)(tensors(*parts, meta[:, 7:11], meta[:, 4:6]))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), golden["detection.out_none"])
