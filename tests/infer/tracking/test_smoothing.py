import numpy as np
import pytest

from infer.tracking.smoothing import smear, smooth


def test_an_edge_reaches_as_far_out_as_next_door():
    boxes = np.array([[10.0, 10, 30, 30]] * 7)
    boxes[3] = [8, 10, 31, 30]
    smoothed = smooth(boxes, np.zeros((7, 2)), 1)
    # left edges after the union over 1 frame: 10 10 8 8 8 10 10; after the mean over 1 frame: 9 1/3 beside the middle
    assert smoothed[:, 0] == pytest.approx([10, 28 / 3, 26 / 3, 8, 26 / 3, 28 / 3, 10])
    assert smoothed[:, 1] == pytest.approx([10] * 7)
    assert smoothed[3, 2] == pytest.approx(31)


def test_no_edge_shrinks_inwards_whatever_comes():
    random = np.random.default_rng(3)
    low = random.uniform(0, 50, (40, 2))
    boxes = np.concatenate([low, low + random.uniform(5, 30, (40, 2))], axis=1)
    smoothed = smooth(boxes, random.normal(0, 5, (40, 2)), 2)
    assert (smoothed[:, :2] <= boxes[:, :2] + 1e-9).all() and (smoothed[:, 2:] >= boxes[:, 2:] - 1e-9).all()


def test_a_moving_box_of_one_size_stays_as_it_is():
    path = np.arange(10)[:, None] * np.array([[8.0, -3.0]])
    boxes = np.array([[100.0, 100, 120, 130]]) + np.tile(path, 2)
    assert smooth(boxes, np.tile([8.0, -3.0], (10, 1)), 2) == pytest.approx(boxes)


def test_a_fast_box_covers_its_smear_up_to_half_its_size():
    box = np.array([100.0, 100, 120, 130])
    assert smear(box, np.array([20.0, -10.0])).tolist() == [96, 98, 124, 132]
    assert smear(box, np.array([200.0, 0.0])).tolist() == [90, 100, 130, 130]
