import numpy as np
import pytest
from mrcnn_goldens import stored, unpacked

from mrcnn import masks


def test_boxes_hold_the_masks_with_the_far_corner_outside() -> None:
    drawn = np.zeros((6, 7, 3), bool)
    drawn[2:4, 1:6, 0] = True
    drawn[5, 6, 2] = True
    assert masks.extract_boxes(drawn).tolist() == [[2, 1, 4, 6], [0, 0, 0, 0], [5, 6, 6, 7]]
    assert masks.extract_boxes(np.zeros((6, 7, 0), bool)).shape == (0, 4)


def test_a_mask_that_fills_its_box_fills_its_small_copy_and_comes_back() -> None:
    drawn = np.zeros((20, 30, 1), bool)
    drawn[3:18, 4:29] = True
    boxes = masks.extract_boxes(drawn)
    small = masks.minimize(boxes, drawn, (8, 8))
    assert small.all()
    np.testing.assert_array_equal(masks.expand(boxes, small, (20, 30)), drawn)


def test_an_empty_box_gives_an_empty_copy() -> None:
    drawn = np.ones((20, 30, 2), bool)
    boxes = np.array([[5, 5, 5, 9], [0, 0, 20, 30]])
    small = masks.minimize(boxes, drawn, (4, 4))
    assert small.any(axis=(0, 1)).tolist() == [False, True]
    assert masks.expand(boxes, small, (20, 30)).any(axis=(0, 1)).tolist() == [False, True]


def test_overlaps_of_masks_count_pixels() -> None:
    first, second = np.zeros((4, 4, 2), bool), np.zeros((4, 4, 1), bool)
    first[:2, :, 0], second[1:3, :, 0] = True, True
    np.testing.assert_allclose(masks.mask_overlaps(first, second), [[1 / 3], [0]])
    assert masks.mask_overlaps(first[..., :0], second).shape == (0, 1)


@pytest.mark.shared
@pytest.mark.parametrize("shape", ["56x56", "28x28", "14x21"])
def test_small_copies_equal_the_originals(shape: str) -> None:
    parts = stored("utils")
    small = masks.minimize(
        parts[f"minimize_mask.{shape}.bbox"],
        unpacked(parts, f"minimize_mask.{shape}.mask", "."),
        parts[f"minimize_mask.{shape}.mini_shape"],
        border="constant",
    )
    np.testing.assert_array_equal(small, unpacked(parts, f"minimize_mask.{shape}.out", "."))
    large = masks.expand(
        parts[f"expand_mask.{shape}.bbox"],
        unpacked(parts, f"expand_mask.{shape}.mini_mask", "."),
        parts[f"expand_mask.{shape}.image_shape"],
        border="constant",
    )
    np.testing.assert_array_equal(large, unpacked(parts, f"expand_mask.{shape}.out", "."))


@pytest.mark.shared
def test_boxes_and_overlaps_equal_the_originals() -> None:
    parts = stored("utils")
    found = masks.extract_boxes(unpacked(parts, "extract_bboxes.0.mask", "."))
    np.testing.assert_array_equal(found, parts["extract_bboxes.0.out"])
    given = (unpacked(parts, f"compute_overlaps_masks.0.masks{number}", ".") for number in (1, 2))
    np.testing.assert_allclose(masks.mask_overlaps(*given), parts["compute_overlaps_masks.0.out"], rtol=1e-5)
