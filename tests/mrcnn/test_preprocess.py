import random
from typing import Any

import numpy as np
import pytest
from mrcnn_goldens import stored, unpacked

from mrcnn import masks, preprocess

CASES = [
    ("none", {}),
    ("square", {"max_dim": 256, "min_dim": 256}),
    ("square", {"max_dim": 512, "min_dim": 800}),
    ("square", {"max_dim": 512, "min_dim": 128, "min_scale": 1.5}),
    ("square", {"max_dim": 128, "min_dim": 64}),
    ("pad64", {"min_dim": 256}),
    ("pad64", {"min_dim": 128, "min_scale": 2}),
    ("crop", {"min_dim": 128}),
    ("crop", {"min_dim": 256}),
]


def test_square_puts_the_picture_in_the_middle_of_black() -> None:
    molded, placement = preprocess.resize_image(np.full((2, 4, 3), 9, np.uint8), max_dim=8, min_dim=4)
    assert molded.shape == (8, 8, 3)
    assert placement == ((2, 0, 6, 8), 2, [(2, 2), (0, 0), (0, 0)], None)
    assert np.all(molded[2:6] == 9)
    assert molded.sum() == 9 * 32 * 3


def test_pad64_can_be_limited() -> None:
    picture = np.zeros((1080, 1920, 3), np.uint8)
    assert preprocess.resize_image(picture, 800, 1024, mode="pad64")[0].shape == (1088, 1920, 3)
    molded, placement = preprocess.resize_image(picture, 800, 1024, mode="pad64", limited=True)
    assert molded.shape == (576, 1024, 3)
    assert placement.window == (0, 0, 576, 1024)


def test_the_crop_comes_from_the_given_dice() -> None:
    picture = np.arange(100, dtype=np.uint8).reshape(10, 10, 1)
    first, second = (preprocess.resize_image(picture, min_dim=4, mode="crop", dice=random.Random(5)) for _ in range(2))
    assert first[1] == second[1]
    y, x, height, width = first[1].crop or ()
    np.testing.assert_array_equal(first[0], picture[y : y + height, x : x + width])


@pytest.mark.parametrize("mode", preprocess.MODES)
def test_the_molded_size_is_known_before_the_picture_is_touched(mode: str) -> None:
    for size in ((30, 50), (50, 30), (64, 64), (200, 90)):
        numbers: Any = {"min_dim": 40, "max_dim": 64, "min_scale": 0, "mode": mode}
        molded, placement = preprocess.resize_image(np.zeros((*size, 3), np.uint8), **numbers, dice=random.Random(3))
        assert preprocess.find_placement(size, **numbers, dice=random.Random(3)) == placement
        assert preprocess.molded_size(size, placement) == molded.shape[:2]


@pytest.mark.parametrize(
    ("shape", "channels", "expected"),
    [((5, 6), 3, 3), ((5, 6, 1), 3, 3), ((5, 6, 4), 3, 3), ((5, 6, 3), 1, 1), ((5, 6, 7), 7, 7)],
)
def test_grey_and_transparent_pictures_are_brought_to_the_networks_channels(shape, channels, expected) -> None:
    matched = preprocess.match_channels(np.full(shape, 200, np.uint8), channels)
    assert matched.shape == (5, 6, expected)
    assert np.all(matched == 200)


def test_what_cannot_be_matched_is_named() -> None:
    with pytest.raises(ValueError, match=r"shape \(5, 6, 2\) cannot be brought to 3 channels"):
        preprocess.match_channels(np.zeros((5, 6, 2), np.uint8))
    with pytest.raises(ValueError, match="no resize mode 'fill'"):
        preprocess.resize_image(np.zeros((5, 6, 3)), mode="fill")


@pytest.mark.shared
@pytest.mark.parametrize("picture", ["wide", "tall"])
@pytest.mark.parametrize(("mode", "numbers"), CASES)
def test_molding_equals_the_originals(picture: str, mode: str, numbers: dict) -> None:
    parts = stored("utils")
    name = f"resize_image.{picture}.{mode}." + "_".join(f"{key}{value}" for key, value in numbers.items())
    random.seed(11)
    image = parts[f"resize_image.{picture}.image"]
    molded, placement = preprocess.resize_image(image, **numbers, mode=mode, border="constant")
    np.testing.assert_array_equal(molded, parts[f"{name}.out"])
    assert placement.window == tuple(parts[f"{name}.window"])
    assert placement.scale == parts[f"{name}.scale"]
    np.testing.assert_array_equal(placement.padding, parts[f"{name}.padding"])
    np.testing.assert_array_equal(placement.crop or (), parts[f"{name}.crop"])
    given = unpacked(parts, f"resize_image.{picture}.mask", ".")
    ours = masks.resize_masks(given, placement.scale, placement.padding, placement.crop)
    np.testing.assert_array_equal(ours, unpacked(parts, f"{name}.mask_out", "."))


@pytest.mark.shared
def test_pictures_of_floats_keep_their_type() -> None:
    parts = stored("utils")
    image = parts["resize_image.float.square.image"]
    molded, _ = preprocess.resize_image(image, 256, 256, border="constant")
    assert molded.dtype == np.float32
    np.testing.assert_allclose(molded, parts["resize_image.float.square.out"], atol=1e-6)


@pytest.mark.shared
def test_the_unshaved_border_changes_the_border_alone() -> None:
    image = stored("utils")["resize_image.tall.image"]
    ours, placement = preprocess.resize_image(image, min_dim=256, mode="pad64")
    golden, _ = preprocess.resize_image(image, min_dim=256, mode="pad64", border="constant")
    different = np.abs(ours.astype(int) - golden) > 1
    top, left, bottom, right = placement.window
    assert different.any()
    assert not different[top + 1 : bottom - 1, left + 1 : right - 1].any()


@pytest.mark.shared
def test_the_mean_goes_and_comes_back() -> None:
    parts = stored("utils")
    image, mean = parts["mold_image.0.image"], (123.7, 116.8, 103.9)
    molded = preprocess.subtract_mean(image, mean)
    np.testing.assert_allclose(molded, parts["mold_image.0.out"], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(preprocess.add_mean(parts["mold_image.0.out"], mean), parts["mold_image.0.unmold"])
