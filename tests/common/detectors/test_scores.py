import numpy as np

from common.detectors.scores import bend


def test_the_own_threshold_comes_to_the_common_one_and_the_ends_stay():
    np.testing.assert_allclose(bend(np.array([0, 0.4, 0.8, 0.9, 1]), 0.8, 0.5), [0, 0.25, 0.5, 0.75, 1], atol=1e-6)


def test_each_score_may_have_a_threshold_of_its_own():
    np.testing.assert_allclose(bend(np.array([0.2, 0.9]), np.array([0.2, 0.9]), 0.7), [0.7, 0.7], atol=1e-6)


def test_the_order_stays():
    scores = np.linspace(0, 1, 101)
    assert (np.diff(bend(scores, 0.3, 0.7)) > 0).all()


def test_what_reaches_its_threshold_is_sure_as_float32_too():
    for own in np.linspace(0.05, 0.95, 19):
        for common in (0.25, 0.5, 0.7):
            bent = bend(np.array([np.float32(own)]), own, common).astype(np.float32)
            assert bent[0] >= common
