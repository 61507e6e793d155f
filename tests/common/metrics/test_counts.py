import math

import numpy as np
import pytest
from made_run import found, objects
from sklearn.calibration import calibration_curve

from common.metrics.calibration import calibration
from common.metrics.confusion import confusion, lies_on
from common.metrics.counts import counts
from common.metrics.matching import match
from common.metrics.size_buckets import size_buckets

CLOWN, PLAIN = 1, 2
LEFT, RIGHT, BELOW = (5, 5, 35, 35), (50, 5, 90, 45), (10, 60, 40, 95)
TRUTH = [
    objects((CLOWN, LEFT), (PLAIN, RIGHT)),
    objects((PLAIN, LEFT)),
    objects(),
    objects((CLOWN, LEFT, "crowd")),
]
FOUND = [
    found((CLOWN, LEFT, 0.9), (PLAIN, RIGHT, 0.8), (CLOWN, RIGHT, 0.7), (CLOWN, (5, 5, 35, 33), 0.6)),
    found((CLOWN, LEFT, 0.9), (PLAIN, LEFT, 0.4)),
    found((CLOWN, BELOW, 0.5)),
    found((CLOWN, LEFT, 0.9), (CLOWN, BELOW, 0.9)),
]


def pairs():
    return match(TRUTH, FOUND, [CLOWN, PLAIN], "mask")


def test_counts_by_hand():
    clowns = counts(pairs(), CLOWN, 0.5)
    # Of seven sightings of clowns one lies on a crowd.
    assert (clowns.truth, clowns.predicted, clowns.ratio) == (1, 6, 6)
    # Pictures 1 and 2 have no clown; the crowd of picture 3 is some.
    assert (clowns.frames_without, clowns.frames_with_false, clowns.false_on_frames_without) == (2, 2, 2)
    stricter = counts(pairs(), CLOWN, 0.55)
    assert (stricter.frames_with_false, stricter.false_on_frames_without) == (1, 1)
    assert math.isnan(counts(match([objects()], [found()], [CLOWN], "mask"), CLOWN, 0.5).ratio)


def test_plain_faces_taken_for_clowns():
    table = confusion(TRUTH, FOUND, np.array([0, 0.5, 0.5]))
    # Rows: nothing there, clown, plain face. Columns: missed, clown, plain face.
    assert table.tolist() == [[0, 4, 0], [0, 1, 0], [0, 1, 1]]
    # Believed from 0.95 on, the clown of picture 1 is none, and its face is seen as what it is.
    assert confusion(TRUTH, FOUND, np.array([0, 0.95, 0.3])).tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 2]]
    assert confusion(TRUTH, FOUND, np.array([0, 0.95, 0.95])).tolist() == [[0, 0, 0], [1, 0, 0], [2, 0, 0]]


def test_what_lies_under_each_detection():
    under = lies_on(TRUTH, FOUND, pairs())
    assert under.tolist() == [CLOWN, PLAIN, PLAIN, CLOWN, PLAIN, PLAIN, 0, CLOWN, 0]
    false = pairs().false_alarm()
    clowns = false & (pairs().detection_class == CLOWN)
    # Two plain faces are taken for clowns, one clown is seen twice, two lie on nothing.
    assert np.bincount(under[clowns], minlength=3).tolist() == [2, 1, 2]


def test_calibration_by_hand():
    truth = [objects((1, LEFT)) for _ in range(4)]
    predicted = [found((1, LEFT, 0.95)), found((1, LEFT, 0.85)), found((1, BELOW, 0.87)), found((1, BELOW, 0.15))]
    curve = calibration(match(truth, predicted, [1], "mask"), 1)
    assert curve.low == pytest.approx([0.1, 0.8, 0.9])
    assert curve.count.tolist() == [1, 2, 1]
    assert curve.mean_score == pytest.approx([0.15, 0.86, 0.95])
    assert curve.share_hit == pytest.approx([0, 0.5, 1])
    assert curve.error == pytest.approx((0.15 + 2 * 0.36 + 0.05) / 4)
    none = calibration(match(truth, predicted, [1, 2], "mask"), 2)
    assert len(none.count) == 0
    assert math.isnan(none.error)


def test_calibration_counts_the_bins_of_scikit_learn():
    dice = np.random.default_rng(0)
    # Scores on the edges of bins too: they are float32 here as in life.
    scores = np.concatenate([dice.random(300), np.arange(1, 11) / 10]).astype(np.float32)
    right = dice.random(len(scores)) < scores
    truth = [objects((1, LEFT))] * len(scores)
    predicted = [found((1, LEFT if hit else BELOW, score)) for hit, score in zip(right, scores, strict=True)]
    ours = calibration(match(truth, predicted, [1], "box"), 1)
    share, mean = calibration_curve(right, scores.astype(float), n_bins=10)
    np.testing.assert_allclose(ours.share_hit, share)
    np.testing.assert_allclose(ours.mean_score, mean)
    assert ours.count.sum() == len(scores)
    np.testing.assert_allclose(ours.share_hit * ours.count, np.round(ours.share_hit * ours.count))


def test_sizes_by_hand():
    truth = [objects((1, (0, 0, 10, 10)), (1, (20, 20, 52, 52)), (1, (0, 0, 96, 96)))]  # 100, 1024 and 9216 pixels
    predicted = [found((1, (0, 0, 96, 96), 0.9), (1, (0, 0, 10, 10), 0.4))]
    paired = match(truth, predicted, [1], "mask")
    shown = [(each.size, each.objects, each.found) for each in size_buckets(paired, 1, 0.3)]
    assert shown == [("small", 1, 1), ("medium", 1, 0), ("large", 1, 1)]
    assert [each.found for each in size_buckets(paired, 1, 0.5)] == [0, 0, 1]
    assert all(math.isnan(each.recall) for each in size_buckets(paired, 2, 0.5))
