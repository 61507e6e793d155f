import numpy as np
import pytest

from infer.tracking.assignment import NEVER, assign, grown, likeness, overlaps


def test_boxes_grow_by_a_share_of_their_own_sides():
    assert grown(np.array([[10.0, 10, 20, 30]]), 0.1).tolist() == [[9, 8, 21, 32]]


def test_every_pair_is_compared():
    first = np.array([[0.0, 0, 10, 10], [20, 0, 30, 10]])
    second = np.array([[5.0, 0, 15, 10]])
    assert overlaps(first[:, None], second[None]) == pytest.approx(np.array([[1 / 3], [0]]))


def test_a_buffer_lets_small_fast_things_find_each_other():
    here, there = np.array([[0.0, 0, 10, 10]]), np.array([[12.0, 0, 22, 10]])
    assert likeness(here, there, np.array([0.0])) == pytest.approx(0)
    # grown by half a side each: 20 x 20 boxes, 8 x 20 shared of 2 * 400 - 160
    assert likeness(here, there, np.array([0.5])) == pytest.approx(160 / 640 / 1.2)


def test_something_three_times_as_large_is_something_else():
    assert likeness(np.array([[0.0, 0, 10, 10]]), np.array([[0.0, 0, 30, 30]]), np.array([0.2]))[0, 0] == NEVER


def test_the_sum_is_best_not_each_pair():
    # greedy would take 0.9 first and leave the second row with nothing
    values = np.array([[0.9, 0.8], [0.8, 0.0]])
    assert assign(values, 0.1) == [(0, 1), (1, 0)]


def test_pairs_below_the_least_stay_alone():
    assert assign(np.array([[0.05, 0.02]]), 0.1) == []
    assert assign(np.zeros((0, 3)), 0.1) == []
