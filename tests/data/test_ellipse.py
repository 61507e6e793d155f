import numpy as np
import pytest

from data.ellipse import Ellipse


def test_mask_and_area_of_a_circle_by_hand():
    left, top, mask = Ellipse.upright(5, 4, 1, 1).mask((20, 20))
    assert (left, top) == (4, 3)
    assert mask[:3, :3].tolist() == [[False, True, False], [True, True, True], [False, True, False]]
    assert mask.sum() == 5
    assert Ellipse.upright(0, 0, 3, 2).area() == pytest.approx(6 * np.pi)


def test_a_quarter_turn_swaps_the_axes():
    assert Ellipse.upright(10, 10, 6, 2, 90).box() == pytest.approx([8, 4, 12, 16])


def test_through_a_matrix_is_the_picture_of_its_points():
    matrix = np.array([[1.5, 0.4, 3.0], [-0.2, 0.8, 7.0]])
    ellipse = Ellipse.upright(10, 20, 5, 3, 30)
    image = ellipse.through(matrix)
    turns = np.linspace(0, 2 * np.pi, 50)
    rim = ellipse.middle[:, None] + ellipse.axes @ np.array([np.cos(turns), np.sin(turns)])
    moved = matrix[:, :2] @ rim + matrix[:, 2:]
    back = np.linalg.inv(image.axes) @ (moved - image.middle[:, None])
    assert (back**2).sum(axis=0) == pytest.approx(np.ones(50))


def test_only_what_is_inside_the_picture_is_rasterised():
    left, _, mask = Ellipse.upright(0, 10, 4, 4).mask((20, 20))
    assert left == 0 and mask.shape[1] == 5
    assert mask.sum() == pytest.approx(Ellipse.upright(0, 10, 4, 4).area() / 2, abs=6)
    assert Ellipse.upright(-50, 10, 4, 4).mask((20, 20))[2].size == 0
