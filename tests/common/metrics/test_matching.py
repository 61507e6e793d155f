import numpy as np
import pytest
import random_sets
from hypothesis import given, settings
from hypothesis import strategies as st
from made_run import found, objects
from pycocotools import mask as coco_mask

from common.metrics.matching import match

TRUTH = [
    objects((1, (10, 10, 30, 30)), (2, (50, 50, 90, 90))),
    objects(),
    objects((1, (0, 0, 40, 40), "crowd"), (1, (50, 50, 90, 90))),
]
FOUND = [
    found((1, (10, 10, 30, 30), 0.9), (1, (50, 50, 90, 90), 0.8)),  # a hit, and a cat taken for a dog
    found((2, (5, 5, 25, 25), 0.7)),
    found((1, (5, 5, 25, 25), 0.6), (1, (50, 50, 90, 75), 0.5), (1, (50, 50, 90, 90), 0.4)),
]


@pytest.mark.parametrize("kind", ["box", "mask"])
def test_pairs_by_hand(kind):
    pairs = match(TRUTH, FOUND, [1, 2], kind)
    half, most = pairs.at(0.5), pairs.at(0.95)
    assert pairs.object_picture.tolist() == [0, 0, 2, 2]
    assert pairs.object_index.tolist() == [0, 1, 0, 1]
    assert pairs.object_counts.tolist() == [True, True, False, True]
    assert pairs.object_area.tolist() == [400, 1600, 1600, 1600]
    assert pairs.detection_picture.tolist() == [0, 0, 1, 2, 2, 2]
    assert pairs.detection_index.tolist() == [0, 1, 0, 0, 1, 2]
    assert pairs.hit[half].tolist() == [True, False, False, False, True, False]
    assert pairs.passed[half].tolist() == [False, False, False, True, False, False]
    assert pairs.partner[half].tolist() == [0, -1, -1, 2, 3, -1]
    assert pairs.false_alarm(0.5).tolist() == [False, True, True, False, False, True]
    assert pairs.found_score[half, [0, 3]] == pytest.approx([0.9, 0.5])
    assert np.isnan(pairs.found_score[half, 1])
    # 25 of 40 rows are too few for an overlap of 0.95; then the weaker, better one is the hit.
    assert pairs.hit[most].tolist() == [True, False, False, False, False, True]
    with pytest.raises(ValueError, match=r"overlap 0\.3: expected one of 0\.50, 0\.55"):
        pairs.at(0.3)


def test_whatever_the_class():
    pairs = match(TRUTH, FOUND, [1, 2], "mask", by_class=False)
    assert pairs.partner[pairs.at(0.5)].tolist() == [0, 1, -1, 2, 3, -1]


def test_nothing():
    pairs = match([objects()], [found()], [1], "mask")
    assert (pairs.hit.shape, pairs.found_score.shape, pairs.pictures) == ((10, 0), (10, 0), 1)


def greedy(truth, predicted, class_id, least):
    """The rules in plain words: best score first, each takes the free object that it overlaps most."""
    objects_left = [index for index in range(len(truth)) if truth.class_id[index] == class_id]
    order = [
        index for index in np.argsort(-predicted.confidence, kind="stable") if predicted.class_id[index] == class_id
    ]
    pairs = {}
    for index in order:
        best, most = None, least - 1e-12
        for other in objects_left:
            overlap = coco_mask.iou([predicted.data["rle"][index]], [truth.data["rle"][other]], [0])[0, 0]
            if overlap >= most and overlap > 0:
                best, most = other, overlap
        pairs[index] = best
        if best is not None:
            objects_left.remove(best)
    return pairs


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.75]))
def test_equals_the_rules_in_plain_words(seed, overlap):
    truth, predicted = random_sets.pictures(seed, count=3)
    pairs = match(truth, predicted, [1, 2], "mask")
    for place in range(3):
        rows = np.flatnonzero(pairs.detection_picture == place)
        first = int((pairs.object_picture < place).sum())
        for class_id in (1, 2):
            for index, other in greedy(truth[place], predicted[place], class_id, overlap).items():
                assert pairs.partner[pairs.at(overlap), rows[index]] == (-1 if other is None else first + other)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.2, 0.5, 0.8]))
def test_what_lies_below_a_threshold_changes_nothing_above_it(seed, threshold):
    """One pairing serves every threshold: cut the weak ones off, pair again, and the rest is paired as before."""
    truth, predicted = random_sets.pictures(seed, count=4, marks=True)
    pairs = match(truth, predicted, [1, 2], "mask")
    again = match(truth, [each[each.confidence >= threshold] for each in predicted], [1, 2], "mask")
    kept = pairs.score >= np.float32(threshold)
    np.testing.assert_array_equal(pairs.hit[:, kept], again.hit)
    np.testing.assert_array_equal(pairs.passed[:, kept], again.passed)
