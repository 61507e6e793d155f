"""What the region proposal network should have answered: anchors matched with the truth and sampled.

Legend: A anchors, G objects of the truth, R anchors to learn from. Boxes are (y1, x1, y2, x2) pixels of the molded
picture; a negative class is a crowd.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from mrcnn import boxes as box_maths

POSITIVE_OVERLAP, NEGATIVE_OVERLAP, CROWD_OVERLAP = 0.7, 0.3, 0.001


class Dice(Protocol):
    """What `numpy.random` and a `numpy.random.Generator` offer."""

    def choice(self, a: np.ndarray, size: int, replace: bool) -> np.ndarray:
        """Draw `size` of `a`."""


def match_anchors(anchors: np.ndarray, class_ids: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Match anchors with the truth.

    Args:
        anchors: (A, 4).
        class_ids: (G,) int.
        boxes: (G, 4).

    Returns:
        (A,) int32: 1 object (overlap of 0.7, or the best of some object), -1 background (below 0.3 and on no crowd), 0
        neither; and (A,) int, place among the objects that are no crowd.

    Source: arXiv 1506.01497 section 3.1.2; original `model.build_rpn_targets`.
    """
    crowds, single = boxes[class_ids < 0], boxes[class_ids >= 0]
    found = np.zeros(len(anchors), np.int32)
    if len(crowds):
        apart = box_maths.overlaps(anchors, crowds).max(axis=1) < CROWD_OVERLAP
    else:
        apart = np.ones(len(anchors), bool)
    if not len(single):
        return np.where(apart, -1, 0).astype(np.int32), np.zeros(len(anchors), int)
    overlaps = box_maths.overlaps(anchors, single)  # (A, G)
    best, best_overlap = overlaps.argmax(axis=1), overlaps.max(axis=1)
    found[(best_overlap < NEGATIVE_OVERLAP) & apart] = -1
    found[np.any(overlaps == overlaps.max(axis=0), axis=1)] = 1
    found[best_overlap >= POSITIVE_OVERLAP] = 1
    return found, best


def build(
    anchors: np.ndarray,
    class_ids: np.ndarray,
    boxes: np.ndarray,
    count: int,
    std_dev: Sequence[float] | np.ndarray,
    dice: Dice,
) -> tuple[np.ndarray, np.ndarray]:
    """Match anchors with the truth and keep so many to learn from, half of them objects at most.

    Args:
        anchors: (A, 4).
        class_ids: (G,) int.
        boxes: (G, 4).
        count: R.
        std_dev: four standard deviations of the deltas.
        dice: draws which are left out.

    Returns:
        (A,) int32, see `match_anchors`; and deltas (R, 4) float64 of the anchors with 1 in their order, divided by the
        standard deviations, then rows of zeros.

    Source: arXiv 1506.01497 section 3.1.3; original `model.build_rpn_targets`.
    """
    found, best = match_anchors(anchors, class_ids, boxes)
    for value, most in ((1, lambda: count // 2), (-1, lambda: count - int(np.sum(found == 1)))):
        places = np.flatnonzero(found == value)
        extra = len(places) - most()
        if extra > 0:
            found[dice.choice(places, extra, replace=False)] = 0
    deltas = np.zeros((count, 4))
    places = np.flatnonzero(found == 1)
    if len(places):
        wanted = boxes[class_ids >= 0][best[places]]
        deltas[: len(places)] = box_maths.find_deltas(anchors[places], wanted.astype(float)) / np.asarray(std_dev)
    return found, deltas
