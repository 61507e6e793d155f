import numpy as np
import pytest

from data.camera import View, expose, sense, shake, shutter

SIZE = (36, 64)


def at(view: View, x: float, y: float) -> np.ndarray:
    return view.matrix(SIZE) @ [x, y, 1.0]


def test_the_point_looked_at_is_in_the_middle_whatever_scale_and_roll():
    assert at(View(100, 50, 3.0, 25.0), 100, 50) == pytest.approx([31.5, 17.5])


def test_scale_and_clockwise_roll():
    assert at(View(100, 50, 2.0), 101, 50) == pytest.approx([33.5, 17.5])
    # A point to the right moves down (y grows) when the picture turns clockwise.
    assert at(View(100, 50, 2.0, 90.0), 101, 50) == pytest.approx([31.5, 19.5])


def test_a_still_camera_exposes_once_and_a_fast_one_symmetrically():
    still = View(10, 10, 1.0)
    assert shutter(still, still, still, SIZE) == [still]
    views = shutter(View(0, 10, 1.0), View(12, 10, 1.0), View(24, 10, 1.0), SIZE)
    places = [view.x for view in views]
    assert len(views) == 4  # 180 degrees of a 12 pixel step: 6 pixels, 1.5 apart
    assert np.mean(places) == pytest.approx(12)
    assert min(places) >= 9 and max(places) <= 15


def test_expose_shifts_a_dot_by_the_matrix_and_averages_over_the_shutter():
    scene = np.zeros((50, 50, 3), np.float32)
    scene[20, 20] = 100
    centre = View(20 + 0.5, 20 + 0.5, 1.0)  # an even size: the middle lies between pixels
    picture = expose(scene, [centre.matrix((10, 10))], (10, 10))
    assert picture[4, 4, 0] == pytest.approx(100, abs=1)
    both = expose(scene, [centre.matrix((10, 10)), View(18.5, 20.5, 1.0).matrix((10, 10))], (10, 10))
    assert both[4, 4, 0] == pytest.approx(50, abs=1) and both[4, 6, 0] == pytest.approx(50, abs=1)


def test_fine_sampling_keeps_the_place_of_an_edge():
    scene = np.zeros((40, 40, 3), np.float32)
    scene[:, 20:] = 100
    coarse, fine = (expose(scene, [View(19.5, 19.5, 1.0).matrix((20, 20))], (20, 20), fine=f) for f in (1, 4))
    assert coarse.mean() == pytest.approx(fine.mean(), abs=0.5) == pytest.approx(50, abs=0.5)


def test_noise_is_that_asked_for_and_repeats():
    grey = np.full((200, 200, 3), 100, np.float32)
    noisy = sense(grey, np.random.default_rng(1), noise=3.0, grain=0.0)
    assert noisy.mean() == pytest.approx(100, abs=0.2)
    assert noisy.std() == pytest.approx(3.0 * np.hypot(0.8, 0.4), rel=0.05)
    assert (noisy == sense(grey, np.random.default_rng(1), noise=3.0, grain=0.0)).all()


def test_shake_has_unit_strength_and_is_smooth():
    unrest = shake(3000, 30.0, np.random.default_rng(2))
    assert unrest.shape == (3000, 3)
    assert unrest.std(axis=0) == pytest.approx([1, 1, 1], abs=0.15)
    assert np.abs(np.diff(unrest, axis=0)).max() < 0.6
