import numpy as np

from common.detectors.scores import bend


def test_the_own_threshold_comes_to_the_common_one_and_the_ends_stay():
    np.testing.assert_allclose(bend(np.array([0, 0.4, 0.8, 0.9, 1]), 0.8, 0.5), [0, 0.25, 0.5, 0.75, 1])


def test_each_score_may_have_a_threshold_of_its_own():
    np.testing.assert_allclose(bend(np.array([0.2, 0.9]), np.array([0.2, 0.9]), 0.7), [0.7, 0.7])


def test_the_order_stays():
    scores = np.linspace(0, 1, 101)
    assert (np.diff(bend(scores, 0.3, 0.7)) > 0).all()
