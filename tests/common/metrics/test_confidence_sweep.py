import numpy as np
import pytest
import random_sets
from hypothesis import given, settings
from hypothesis import strategies as st
from made_run import found, objects
from sklearn.metrics import precision_recall_curve

from common.metrics.confidence_sweep import Curve, frame_curve, object_curve
from common.metrics.frame_table import frame_scores, frame_table
from common.metrics.matching import match

DOG, OTHER, FAR = (10, 10, 30, 30), (50, 10, 70, 30), (60, 60, 90, 90)
TRUTH = [objects((1, DOG), (1, OTHER)), objects((1, DOG)), objects()]
FOUND = [
    found((1, DOG, 0.9), (1, OTHER, 0.5)),
    found((1, DOG, 0.7), (1, FAR, 0.5)),
    found((1, FAR, 0.6), (1, DOG, 0.3)),
]


def test_by_hand():
    curve = object_curve(match(TRUTH, FOUND, [1], "mask"), 1)
    assert curve.thresholds == pytest.approx([0.3, 0.5, 0.6, 0.7, 0.9])
    assert curve.hits.tolist() == [3, 3, 2, 2, 1]
    assert curve.false_alarms.tolist() == [3, 2, 1, 0, 0]
    assert curve.recall == pytest.approx([1, 1, 2 / 3, 2 / 3, 1 / 3])
    assert curve.precision == pytest.approx([1 / 2, 3 / 5, 2 / 3, 1, 1])
    point = curve.at(0.55)
    assert (point.hits, point.misses, point.false_alarms) == (2, 1, 1)
    assert point.false_alarms_per_frame == pytest.approx(1 / 3)
    assert point.f1 == pytest.approx(2 / 3)
    nothing = curve.at(0.95)
    assert (nothing.hits, nothing.misses, nothing.false_alarms, nothing.recall) == (0, 3, 0, 0)
    assert np.isnan(nothing.precision)


def test_the_highest_threshold_that_reaches_a_recall():
    curve = object_curve(match(TRUTH, FOUND, [1], "mask"), 1)
    assert curve.highest_reaching(0.6).threshold == pytest.approx(0.7)
    assert curve.highest_reaching(2 / 3).threshold == pytest.approx(0.7)
    assert curve.highest_reaching(0.67).threshold == pytest.approx(0.5)
    assert curve.highest_reaching(1.0).false_alarms == 2
    assert object_curve(match(TRUTH, FOUND[::-1], [1], "mask"), 1).highest_reaching(1.0) is None
    assert object_curve(match(TRUTH, FOUND, [1, 2], "mask"), 2).highest_reaching(0.1) is None


def test_99_of_100_is_a_recall_of_099():
    curve = Curve(np.array([0.2, 0.4]), np.array([100, 99]), np.array([5, 0]), positives=100, pictures=10)
    assert curve.highest_reaching(0.99).threshold == 0.4
    assert curve.highest_reaching(0.991).threshold == 0.2


@pytest.mark.parametrize("seed", range(2))
def test_frames_equal_scikit_learn(seed):
    """A frame is a sample, its best score the score: the definitions coincide, but for frames without a detection."""
    truth, predicted = random_sets.pictures(seed, count=60)
    scores = frame_scores(truth, predicted, 1)
    curve = frame_curve(scores)
    precision, recall, thresholds = precision_recall_curve(scores.present, np.maximum(scores.best, 0))
    seen = np.isin(thresholds, curve.thresholds) & (thresholds > 0)
    shown = curve.thresholds > 0
    np.testing.assert_allclose(thresholds[seen], curve.thresholds[shown])
    np.testing.assert_allclose(precision[:-1][seen], curve.precision[shown], atol=1e-12)
    np.testing.assert_allclose(recall[:-1][seen], curve.recall[shown], atol=1e-12)
    assert shown.sum() > 5


@pytest.mark.parametrize("seed", range(2))
def test_objects_equal_scikit_learn(seed):
    """A detection is a sample, right or not. Missed objects are none there, so recall has to be scaled."""
    truth, predicted = random_sets.pictures(seed, count=40)
    pairs = match(truth, predicted, [1, 2], "mask")
    own = pairs.detection_class == 1
    hit = pairs.hit[pairs.at(0.5)][own]
    curve = object_curve(pairs, 1)
    precision, recall, thresholds = precision_recall_curve(hit, pairs.score[own])
    np.testing.assert_allclose(thresholds, curve.thresholds)
    np.testing.assert_allclose(precision[:-1], curve.precision, atol=1e-12)
    np.testing.assert_allclose(recall[:-1] * hit.sum() / curve.positives, curve.recall, atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 1.0))
def test_equals_counting_at_that_threshold(seed, threshold):
    truth, predicted = random_sets.pictures(seed, count=5, marks=True)
    kept = [each[each.confidence.astype(float) >= threshold] for each in predicted]
    pairs = match(truth, kept, [1, 2], "box")
    point = object_curve(match(truth, predicted, [1, 2], "box"), 2).at(threshold)
    own = pairs.detection_class == 2
    assert point.hits == pairs.hit[0][own].sum()
    assert point.false_alarms == pairs.false_alarm()[own].sum()
    table = frame_table(frame_scores(truth, kept, 2), 0)
    by_frame = frame_curve(frame_scores(truth, predicted, 2)).at(threshold)
    assert (by_frame.hits, by_frame.misses, by_frame.false_alarms) == (table.PP, table.PN, table.NP)


def test_where_the_next_false_alarm_comes():
    """Hits at 0.9 and 0.5, false alarms at 0.7 and 0.2."""
    curve = Curve(np.array([0.2, 0.5, 0.7, 0.9]), np.array([2, 2, 1, 1]), np.array([2, 1, 1, 0]), 2, 4)
    assert [curve.next_false_alarm(score) for score in (0.95, 0.9, 0.75, 0.7, 0.5, 0.3, 0.2)] == [
        *(0.7, 0.7, 0.7),
        *(0.2, 0.2, 0.2, 0.0),
    ]
    nothing = np.zeros(0, int)
    assert Curve(np.zeros(0), nothing, nothing, 2, 4).next_false_alarm(0.5) == 0
