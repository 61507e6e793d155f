import numpy as np
import pytest

from common.face_crop import crop_face, middle_square


def gradient(height: int, width: int) -> np.ndarray:
    """A picture whose red is the column and whose green is the row."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0], picture[..., 1] = np.arange(width), np.arange(height)[:, None]
    return picture


def test_a_square_with_margin_around_the_longer_side() -> None:
    # Box 20 wide, 40 high; with a quarter on every side 60; its middle is (50, 60).
    crop = crop_face(gradient(120, 100), (40, 40, 60, 80), 0.25, 60)
    assert crop.shape == (60, 60, 3)
    assert crop[0, 0, :2].tolist() == [20, 30] and crop[-1, -1, :2].tolist() == [79, 89]


def test_beyond_the_picture_its_edge_is_repeated() -> None:
    crop = crop_face(gradient(50, 50), (-10, 0, 10, 20), 0.0, 20)
    assert (crop[:, :11, 0] == 0).all() and crop[0, -1, 0] == 9
    assert crop[-1, 0, 1] == 19


def test_shrinking_averages() -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[::2] = 200
    assert (crop_face(picture, (0, 0, 40, 40), 0.0, 10) == 100).all()


@pytest.mark.parametrize("box", [(10, 10, 10, 20), (60, 0, 70, 10), (0, -30, 10, -5), (float("nan"), 0, 10, 10)])
def test_a_box_without_picture_is_refused(box: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="no face at"):
        crop_face(gradient(50, 50), box, 0.1, 20)


def test_the_middle_square() -> None:
    assert middle_square(gradient(20, 60), 20)[0, [0, -1], 0].tolist() == [20, 39]
    assert middle_square(gradient(61, 20), 20)[[0, -1], 0, 1].tolist() == [20, 39]
