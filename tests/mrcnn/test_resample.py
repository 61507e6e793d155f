import numpy as np
import pytest
from mrcnn_goldens import stored

from mrcnn import resample

RAMP = np.array([[0.0, 10.0, 20.0]])


@pytest.mark.parametrize("function", [resample.resize, resample.resize_exactly])
def test_pixels_are_areas_and_the_edge_is_repeated(function) -> None:
    np.testing.assert_allclose(function(RAMP, (1, 6)), [[0, 2.5, 7.5, 12.5, 17.5, 20]])
    np.testing.assert_allclose(function(RAMP, (2, 1)), [[10], [10]])


@pytest.mark.parametrize("function", [resample.resize, resample.resize_exactly])
def test_the_constant_border_blends_with_zero_only_when_it_grows(function) -> None:
    np.testing.assert_allclose(function(RAMP, (1, 6), "constant"), [[0, 2.5, 7.5, 12.5, 17.5, 15]])
    np.testing.assert_allclose(function(RAMP, (1, 1), "constant"), [[10]])


@pytest.mark.parametrize("function", [resample.resize, resample.resize_exactly])
def test_values_stay_within_the_old_ones(function) -> None:
    assert function(np.full((2, 2), 7.0), (4, 4), "constant").tolist() == [[7.0] * 4] * 4


def test_whole_numbers_are_cut_off_and_keep_their_type() -> None:
    resized = resample.resize_like(np.array([[0, 3]], np.uint8), (1, 4))
    assert resized.dtype == np.uint8
    assert resized.tolist() == [[0, 0, 2, 3]]
    below = resample.resize_like(np.array([[-3, 0]], np.int16), (1, 4))
    assert below.tolist() == [[-3, -3, -1, 0]]  # down, also below 0


def test_a_single_channel_stays_an_axis() -> None:
    assert resample.resize(np.ones((3, 3, 1)), (5, 4)).shape == (5, 4, 1)


def test_unknown_border_is_named() -> None:
    with pytest.raises(ValueError, match="no border 'mirror'"):
        resample.resize(RAMP, (1, 1), "mirror")


@pytest.mark.shared
@pytest.mark.parametrize("case", [0, 1])
@pytest.mark.parametrize("function", [resample.resize, resample.resize_exactly])
def test_resizing_equals_the_originals(function, case: int) -> None:
    parts = stored("utils")
    golden = parts[f"resize.{case}.out"]
    np.testing.assert_allclose(function(parts[f"resize.{case}.image"], golden.shape, "constant"), golden, atol=1e-6)
