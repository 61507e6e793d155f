import numpy as np
import pytest
from mrcnn_goldens import stored, unpacked

from mrcnn import postprocess


def test_boxes_lose_the_padding_and_empty_ones_go() -> None:
    detections = np.array(
        [
            [0.25, 0, 0.75, 1, 2, 0.9],  # the whole window
            [0.25, 0.1, 0.23, 0.9, 1, 0.8],  # no area
            [0.25, 0, 0.5, 0.5, 1, 0.7],
            [0, 0, 0, 0, 0, 0],
            [0.25, 0, 0.75, 1, 1, 0.6],  # behind the end
        ]
    )
    boxes, places = postprocess.boxes_in_picture(detections, (25, 0, 76, 101), (101, 101), (51, 101))
    assert boxes.tolist() == [[0, 0, 51, 101], [0, 0, 26, 51]]
    assert places.tolist() == [0, 2]


@pytest.mark.parametrize("border", ["edge", "constant"])
def test_compact_masks_equal_full_ones(border: str) -> None:
    generator = np.random.default_rng(3)
    masks = generator.random((30, 28, 28)).astype("float32")
    corners = generator.integers(-10, 80, (30, 2))
    boxes = np.concatenate([corners, corners + generator.integers(0, 60, (30, 2))], axis=1)
    full = postprocess.full_masks(masks, boxes, (90, 100), border)
    compact = postprocess.compact_masks(masks, boxes, (90, 100), border)
    assert compact.shape == (30, 90, 100)
    np.testing.assert_array_equal(np.asarray(compact).transpose(1, 2, 0), full)
    assert full.any()


def test_no_detections_are_no_masks() -> None:
    assert postprocess.full_masks(np.zeros((0, 28, 28)), np.zeros((0, 4), int), (9, 8)).shape == (9, 8, 0)
    assert postprocess.compact_masks(np.zeros((0, 28, 28)), np.zeros((0, 4), int), (9, 8)).shape == (0, 9, 8)


def test_a_full_mask_fills_its_box_unless_the_original_border_is_asked_for() -> None:
    boxes, masks = np.array([[2, 3, 62, 83]]), np.full((1, 28, 28), 0.6, "float32")
    masks[0, 14, 14] = 0.1
    filled = postprocess.full_masks(masks, boxes, (100, 100))
    assert filled[2:62, 3:83].mean() > 0.99
    assert filled[2, 3, 0]
    assert not postprocess.full_masks(masks, boxes, (100, 100), "constant")[2, 3, 0]


@pytest.mark.shared
@pytest.mark.parametrize("case", range(6))
def test_masks_equal_the_originals(case: int) -> None:
    parts = stored("utils")
    mask, box = parts[f"unmold_mask.{case}.mask"], parts[f"unmold_mask.{case}.bbox"]
    size = tuple(int(length) for length in parts[f"unmold_mask.{case}.image_shape"][:2])
    golden = unpacked(parts, f"unmold_mask.{case}.out", ".")
    np.testing.assert_array_equal(postprocess.full_masks(mask[None], box[None], size, "constant")[..., 0], golden)
    compact = postprocess.compact_masks(mask[None], box[None], size, "constant")
    np.testing.assert_array_equal(compact[0], golden)


@pytest.mark.shared
@pytest.mark.parametrize("photo", [0, 1])
def test_what_the_network_gave_becomes_what_the_original_returned(photo: int) -> None:
    golden = stored(f"small_infer_{photo}")
    size = golden["image"].shape[:2]
    boxes, places = postprocess.boxes_in_picture(golden["detections"], golden["window"], (256, 256), size)
    np.testing.assert_array_equal(boxes, golden["result_rois"])
    class_ids = golden["detections"][places, 4].astype(int)
    np.testing.assert_array_equal(class_ids, golden["result_class_ids"])
    own = postprocess.own_masks(golden["mrcnn_mask"], class_ids, places)
    pasted = postprocess.full_masks(own, boxes, size, "constant")
    np.testing.assert_array_equal(pasted, unpacked(golden, "result_masks"))
