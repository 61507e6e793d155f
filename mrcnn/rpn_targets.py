"""What the region proposal network should have answered: anchors matched with the truth and sampled.

Legend: A anchors, G objects of the truth, R anchors to learn from. Boxes are (y1, x1, y2, x2) pixels of the molded
picture; a negative class is a crowd.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np

from mrcnn import boxes as box_maths

POSITIVE_OVERLAP, NEGATIVE_OVERLAP, CROWD_OVERLAP = 0.7, 0.3, 0.001
MOST_RUNS = 64  # of anchors of one area; a pyramid has one a level, more than this is no pyramid
BLOCK = 96  # neighbouring anchors that are looked at together: 32 cells of three


class Dice(Protocol):
    """What `numpy.random` and a `numpy.random.Generator` offer."""

    def choice(self, a: np.ndarray, size: int, replace: bool) -> np.ndarray:
        """Draw `size` of `a`."""


class AnchorIndex:
    """Anchors, laid out so that those near a box are found without a look at every pair.

    Args:
        anchors: (A, 4); neighbours of one area, as in a pyramid, are what makes it fast.
    """

    def __init__(self, anchors: np.ndarray) -> None:
        self.anchors = anchors
        self._edges = np.ascontiguousarray(anchors.T)  # (4, A)
        areas = box_maths.areas(anchors)
        changes = np.flatnonzero(np.abs(np.diff(areas)) > 1e-6 * areas[1:]) + 1
        if len(changes) >= MOST_RUNS:
            changes = changes[:0]
        bounds = [0, *changes.tolist(), len(anchors)]
        parts = [(begin, end) for begin, end in pairwise(bounds) if end > begin]
        self._runs = [(begin, end, areas[begin:end].min(), areas[begin:end].max()) for begin, end in parts]
        self._blocks = [self._outlines(begin, end) for begin, end in parts]

    def _outlines(self, begin: int, end: int) -> np.ndarray:
        """(4, K) what surrounds each block of a run: its least top and left, its greatest bottom and right."""
        starts = np.arange(0, end - begin, BLOCK)
        edges = self._edges[:, begin:end]
        least, greatest = np.minimum.reduceat(edges[:2], starts, axis=1), np.maximum.reduceat(edges[2:], starts, axis=1)
        return np.concatenate([least, greatest])

    def overlaps(self, box: np.ndarray, least: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Find the anchors that touch a box.

        Args:
            box: (4,).
            least: anchors whose area alone keeps the overlap below this may be left out.

        Returns:
            Places (K,) int, rising, and overlaps (K,) float64.
        """
        area = float(box_maths.areas(box.astype(float)))
        found, edges = [np.zeros(0, int)], [self._edges[:, :0]]
        for (begin, end, smallest, largest), outlines in zip(self._runs, self._blocks, strict=True):
            if largest < least * area * (1 - 1e-6) or smallest * least > area * (1 + 1e-6):
                continue
            blocks = np.flatnonzero(_near(outlines, box))
            places = (begin + blocks[:, None] * BLOCK + np.arange(BLOCK)).ravel()
            if len(places) and places[-1] >= end:
                places = places[places < end]
            candidates = self._edges[:, places]
            near = _near(candidates, box)
            found.append(places[near])
            edges.append(candidates[:, near])
        places = np.concatenate(found)
        return places, box_maths.overlaps(np.concatenate(edges, axis=1).T, box[None])[:, 0]


def _near(edges: np.ndarray, box: np.ndarray) -> np.ndarray:
    """(K,) bool: which of the boxes (4, K) touch a box (4,)."""
    top, left, bottom, right = box.tolist()  # numbers of Python: the edges need not become float64
    near: np.ndarray = edges[0] < bottom
    near &= edges[2] > top
    near &= edges[1] < right
    near &= edges[3] > left
    return near


def match_anchors(
    anchors: np.ndarray | AnchorIndex, class_ids: np.ndarray, boxes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Match anchors with the truth.

    Args:
        anchors: (A, 4), or an index of them, which is worth making when they are used more than once.
        class_ids: (G,) int.
        boxes: (G, 4).

    Returns:
        (A,) int32: 1 object (overlap of 0.7, or the best of some object), -1 background (below 0.3 and on no crowd), 0
        neither; and (A,) int, for objects their place among those that are no crowd, else 0.

    Source: arXiv 1506.01497 section 3.1.2; original `model.build_rpn_targets`, which compares every pair.
    """
    index = anchors if isinstance(anchors, AnchorIndex) else AnchorIndex(anchors)
    crowds, single = boxes[class_ids < 0], boxes[class_ids >= 0]
    found = np.full(len(index.anchors), -1, np.int32)
    best = np.zeros(len(index.anchors), int)
    for crowd in crowds:
        places, overlaps = index.overlaps(crowd)
        found[places[overlaps >= CROWD_OVERLAP]] = 0
    positive = []
    for box in single:
        places, overlaps = index.overlaps(box, NEGATIVE_OVERLAP)
        found[places[overlaps >= NEGATIVE_OVERLAP]] = 0
        highest = overlaps.max(initial=0.0)
        if highest < NEGATIVE_OVERLAP:  # the best anchor may be one of another area
            places, overlaps = index.overlaps(box, highest)
            highest = overlaps.max(initial=0.0)
        positive.append(places[(overlaps >= POSITIVE_OVERLAP) | ((overlaps == highest) & (overlaps > 0))])
    chosen = np.unique(np.concatenate(positive)) if positive else np.zeros(0, int)
    if len(chosen):
        found[chosen] = 1
        best[chosen] = box_maths.overlaps(index.anchors[chosen], single).argmax(axis=1)
    return found, best


def build(
    anchors: np.ndarray | AnchorIndex,
    class_ids: np.ndarray,
    boxes: np.ndarray,
    count: int,
    std_dev: Sequence[float] | np.ndarray,
    dice: Dice,
) -> tuple[np.ndarray, np.ndarray]:
    """Match anchors with the truth and keep so many to learn from, half of them objects at most.

    Args:
        anchors: (A, 4), or an index of them.
        class_ids: (G,) int.
        boxes: (G, 4).
        count: R.
        std_dev: four standard deviations of the deltas.
        dice: draws which are left out; a `Generator` draws the fewer of those left out and those kept.

    Returns:
        (A,) int32, see `match_anchors`; and deltas (R, 4) float64 of the anchors with 1 in their order, divided by the
        standard deviations, then rows of zeros.

    Source: arXiv 1506.01497 section 3.1.3; original `model.build_rpn_targets`.
    """
    index = anchors if isinstance(anchors, AnchorIndex) else AnchorIndex(anchors)
    found, best = match_anchors(index, class_ids, boxes)
    _keep(found, 1, count // 2, dice)
    places = np.flatnonzero(found == 1)
    _keep(found, -1, count - len(places), dice)
    deltas = np.zeros((count, 4))
    if len(places):
        wanted = boxes[class_ids >= 0][best[places]]
        deltas[: len(places)] = box_maths.find_deltas(index.anchors[places], wanted.astype(float)) / np.asarray(std_dev)
    return found, deltas


def _keep(found: np.ndarray, value: int, most: int, dice: Dice) -> None:
    """Set all but `most` of the places that hold `value` to 0."""
    held = found == value
    extra = int(np.count_nonzero(held)) - most
    if extra <= 0:
        return
    places = np.flatnonzero(held)
    if isinstance(dice, np.random.Generator) and most < extra:
        kept = dice.choice(places, most, replace=False)
        np.copyto(found, 0, where=held)
        found[kept] = value
    else:  # the original's way, which its numbers are compared by
        found[dice.choice(places, extra, replace=False)] = 0
