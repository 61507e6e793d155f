"""Masks that travel as crops arrive where the picture does."""

import numpy as np
from small_folder import ellipse

from mrcnn import masks, moved_objects, preprocess, resample

SIZE = (48, 64)


def runs_of(mask: np.ndarray) -> list[int]:
    """Lengths of the runs down the columns, background first."""
    pixels = np.concatenate([[False], mask.T.ravel()])
    ends = np.flatnonzero(np.diff(pixels)).tolist()
    return np.diff([0, *ends, mask.size]).tolist()


def whole(moved: moved_objects.Moved, size: tuple[int, int]) -> np.ndarray:
    canvas = np.zeros(size, bool)
    canvas[moved.box[0] : moved.box[2], moved.box[1] : moved.box[3]] = moved.mask
    return canvas


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.sum(first & second) / np.sum(first | second))


def test_a_crop_holds_the_mask_and_nothing_else() -> None:
    mask = np.zeros((5, 6), bool)
    mask[1:4, 2:4] = mask[4, 3] = True
    crop = moved_objects.crop_of(runs_of(mask), (5, 6))
    assert crop is not None
    assert (crop.left, crop.top) == (2, 1)
    assert (crop.mask // 255).tolist() == [[1, 1], [1, 1], [1, 1], [0, 1]]
    assert moved_objects.crop_of([30], (5, 6)) is None
    full = moved_objects.crop_of([0, 30], (5, 6))
    assert full is not None
    assert full.mask.shape == (5, 6)


def test_crops_of_any_runs_are_the_masks() -> None:
    dice = np.random.default_rng(0)
    for _ in range(60):
        size = (int(dice.integers(1, 20)), int(dice.integers(1, 20)))
        mask = dice.random(size) < dice.choice([0.02, 0.3, 0.98])
        runs = runs_of(mask)
        if len(runs) > 2 and runs[1] > 1:
            runs[1:2] = [1, 0, runs[1] - 1]  # one run that ends where the next begins
        if len(runs) % 2:
            runs.pop()  # the background behind the last run may be left out
        crop = moved_objects.crop_of(runs, size)
        if not mask.any():
            assert crop is None
            continue
        assert crop is not None
        drawn = np.zeros(size, np.uint8)
        drawn[crop.top : crop.top + crop.mask.shape[0], crop.left : crop.left + crop.mask.shape[1]] = crop.mask
        np.testing.assert_array_equal(drawn, np.uint8(255) * mask)
        np.testing.assert_array_equal([crop.mask.any(axis=0)[[0, -1]], crop.mask.any(axis=1)[[0, -1]]], True)


def test_masks_go_where_resizing_brings_the_picture() -> None:
    mask = ellipse((20, 30), (11, 17), SIZE)
    crop = moved_objects.crop_of(runs_of(mask), SIZE)
    assert crop is not None
    picture = np.repeat(np.uint8(255) * mask[..., None], 3, axis=2)
    for mode, low, high in (("square", 64, 128), ("pad64", 100, 200), ("none", 1, 1), ("square", 20, 30)):
        molded, placement = preprocess.resize_image(picture, low, high, 0, mode)
        matrix = moved_objects.molding_matrix(SIZE, placement)
        size = (molded.shape[0], molded.shape[1])
        moved = moved_objects.move(crop, matrix, size)
        assert moved is not None
        assert overlap(whole(moved, size), molded[..., 0] > 127) > 0.99, mode
        assert moved.visible > 0.97
        assert list(moved.box) == masks.extract_boxes(whole(moved, size)[..., None])[0].tolist()


def test_an_ellipse_is_moved_as_an_ellipse() -> None:
    mask = ellipse((24, 32), (10, 16), SIZE)
    crop = moved_objects.crop_of(runs_of(mask), SIZE)
    assert crop is not None
    # Three times as large, and a quarter of a turn: (x, y) -> (200 - 3 y, 3 x).
    moved = moved_objects.move(crop, np.array([[0.0, -3, 200], [3, 0, 0]]), (240, 240))
    assert moved is not None
    assert overlap(whole(moved, (240, 240)), ellipse((96, 128), (48, 30), (240, 240))) > 0.97
    # To the left until the middle lies on the edge: half of it is seen.
    half = moved_objects.move(crop, np.array([[1.0, 0, -32], [0, 1, 0]]), SIZE)
    assert half is not None
    assert (half.box[1], half.box[3]) == (0, 17)
    assert 0.45 < half.visible < 0.58
    assert moved_objects.move(crop, np.array([[1.0, 0, -64], [0, 1, 0]]), SIZE) is None


def test_small_copies_keep_what_counts() -> None:
    for side, least in ((40, 0.999), (200, 0.98), (800, 0.98)):
        mask = ellipse((side / 2 - 0.5, side / 2 - 0.5), (side / 2, side / 2), (side, side))
        small = moved_objects.minimize(mask, (56, 56))
        assert overlap(resample.resize_exactly(small, mask.shape) > 0.5, mask) >= least, side
