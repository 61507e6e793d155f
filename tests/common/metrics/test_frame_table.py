import math

import pytest
from made_run import found, objects

from common.metrics.frame_table import FrameTable, frame_scores, frame_table

BOX = (10, 10, 30, 30)
TRUTH = [objects((1, BOX)), objects((1, BOX)), objects((2, BOX)), objects(), objects((1, BOX, "crowd"))]
FOUND = [
    found((1, (60, 60, 90, 90), 0.9)),  # elsewhere in the picture: right, by frame
    found((1, BOX, 0.4)),
    found((1, BOX, 0.6), (2, BOX, 0.3)),
    found(),
    found((1, BOX, 0.99)),  # only a crowd to see: not counted
]


def test_by_hand():
    dogs = frame_scores(TRUTH, FOUND, 1)
    table = frame_table(dogs, 0.5)
    assert table == FrameTable(PP=1, PN=1, NP=1, NN=1)
    assert (table.accuracy, table.precision, table.recall, table.f1) == (0.5, 0.5, 0.5, 0.5)
    assert frame_table(dogs, 0.1) == FrameTable(PP=2, PN=0, NP=1, NN=1)
    assert frame_table(dogs, 0.1).recall == 1
    assert frame_table(dogs, 0.95) == FrameTable(PP=0, PN=2, NP=0, NN=2)


def test_a_score_on_the_threshold_counts():
    scores = frame_scores([objects((1, BOX))], [found((1, BOX, 0.5))], 1)
    assert frame_table(scores, 0.5).PP == 1


def test_an_epoch_without_a_miss_and_one_that_sees_nothing():
    """No cell PN: recall is 1. No prediction: precision is 0 of 0, not known, and nothing crashes."""
    assert FrameTable(PP=3, PN=0, NP=1, NN=2).recall == 1
    blind = frame_table(frame_scores(TRUTH, [found()] * 5, 1), 0.5)
    assert blind == FrameTable(PP=0, PN=2, NP=0, NN=2)
    assert math.isnan(blind.precision)
    assert (blind.recall, blind.accuracy, blind.f1) == (0, 0.5, 0)


@pytest.mark.parametrize(
    ("table", "unknown"),
    [
        (FrameTable(0, 0, 0, 5), {"precision", "recall", "f1"}),
        (FrameTable(0, 0, 2, 5), {"recall"}),
        (FrameTable(0, 2, 0, 0), {"precision"}),
        (FrameTable(0, 0, 0, 0), {"accuracy", "precision", "recall", "f1"}),
    ],
)
def test_nothing_of_nothing_is_not_known(table, unknown):
    names = ("accuracy", "precision", "recall", "f1")
    assert {name for name in names if math.isnan(getattr(table, name))} == unknown


def test_a_class_that_is_in_no_picture():
    table = frame_table(frame_scores(TRUTH[:2], FOUND[:2], 2), 0.5)
    assert table == FrameTable(0, 0, 0, 2)
