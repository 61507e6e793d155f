"""Boxes drawn by chance instead of proposed, and their targets: to train the heads alone, or to look at targets.

Legend: R boxes, G objects of the truth, H, W pixels of the molded picture, T boxes to learn from, C classes with
background, M side of a mask. Boxes are (y1, x1, y2, x2) pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mrcnn import boxes as box_maths
from mrcnn import resample

NEAR_TRUTH = 0.9  # share of the boxes that are drawn around objects


class Dice(Protocol):
    """What `numpy.random` and `numpy.random.RandomState` offer."""

    def randint(self, low: int, high: int, size: tuple[int, int]) -> np.ndarray:
        """Draw whole numbers from low, below high."""

    def choice(self, a: np.ndarray, size: int, replace: bool) -> np.ndarray:
        """Draw `size` of `a`."""


def draw(size: Sequence[int], count: int, boxes: np.ndarray, dice: Dice) -> np.ndarray:
    """Draw boxes, most of them around objects.

    Args:
        size: (H, W).
        count: R.
        boxes: (G, 4) objects.
        dice: where they lie.

    Returns:
        (R, 4) int32, one pixel high and wide at least.

    Source: original `model.generate_random_rois`.
    """
    each = int(NEAR_TRUTH * count / max(len(boxes), 1))
    drawn = []
    for top, left, bottom, right in np.asarray(boxes)[:, :4].tolist():
        height, width = bottom - top, right - left
        rows = (max(top - height, 0), min(bottom + height, size[0]))
        columns = (max(left - width, 0), min(right + width, size[1]))
        drawn.append(_draw_within(rows, columns, each, dice))
    drawn.append(_draw_within((0, size[0]), (0, size[1]), count - each * len(boxes), dice))
    return np.concatenate(drawn).astype(np.int32)


def _draw_within(rows: tuple[int, int], columns: tuple[int, int], count: int, dice: Dice) -> np.ndarray:
    """(count, 4) boxes; twice as many are drawn until enough of them are not empty."""
    whole = getattr(dice, "integers", None) or dice.randint  # NumPy's generators have another name for it
    while True:
        y, x = (whole(*span, (count * 2, 2)) for span in (rows, columns))
        y, x = (ends[ends[:, 0] != ends[:, 1]][:count] for ends in (y, x))
        if len(y) == len(x) == count:
            y, x = np.sort(y, axis=1), np.sort(x, axis=1)
            return np.stack([y[:, 0], x[:, 0], y[:, 1], x[:, 1]], axis=1)


@dataclass(frozen=True)
class HeadTargets:
    """Numbers for `build_targets`.

    Attributes:
        count: T.
        positive_ratio: share of positives at most.
        num_classes: C.
        mask_shape: (M, M).
        std_dev: standard deviations of the deltas.
        size: (H, W).
        mini_masks: whether a stored mask covers its box only.
        border: see `resample`.
    """

    count: int
    positive_ratio: float
    num_classes: int
    mask_shape: tuple[int, int]
    std_dev: tuple[float, ...]
    size: tuple[int, int]
    mini_masks: bool
    border: str = "edge"


def build_targets(
    rois: np.ndarray,
    truth: tuple[np.ndarray, np.ndarray, np.ndarray],
    numbers: HeadTargets,
    dice: Dice,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sample boxes and say what the heads should answer, class by class.

    Args:
        rois: (R, 4).
        truth: class ids (G,), boxes (G, 4), masks (H, W, G) or (h, w, G).
        numbers: see `HeadTargets`.
        dice: which boxes are taken.

    Returns:
        Boxes (T, 4), class ids (T,) int32, deltas (T, C, 4) float32, masks (T, M, M, C) float32.

    Source: original `model.build_detection_targets`.
    """
    class_ids, boxes, masks = truth
    real = class_ids > 0
    class_ids, boxes, masks = class_ids[real], boxes[real], masks[..., real]
    overlaps = box_maths.overlaps(rois, boxes)
    best = overlaps.argmax(axis=1)
    taken, positives = _sample(overlaps.max(axis=1), numbers, dice)
    rois, best = rois[taken], best[taken]
    found = np.where(positives, class_ids[best], 0).astype(np.int32)
    deltas = np.zeros((numbers.count, numbers.num_classes, 4), np.float32)
    drawn = np.zeros((numbers.count, *numbers.mask_shape, numbers.num_classes), np.float32)
    where = np.flatnonzero(positives)
    wanted = box_maths.find_deltas(rois[where].astype(np.float32), boxes[best[where]].astype(np.float32))
    deltas[where, found[where]] = wanted / np.asarray(numbers.std_dev)
    for place in where:
        mask = _whole_mask(masks[..., best[place]], boxes[best[place]], numbers)
        top, left, bottom, right = rois[place].astype(int)
        part = resample.resize_exactly(mask[top:bottom, left:right], numbers.mask_shape, numbers.border)
        drawn[place, :, :, found[place]] = part
    return rois, found, deltas, drawn


def _sample(best_overlap: np.ndarray, numbers: HeadTargets, dice: Dice) -> tuple[np.ndarray, np.ndarray]:
    """(T,) places of the boxes taken, positives first, and (T,) bool which are positive; some come twice if needed."""
    positive, negative = np.flatnonzero(best_overlap > 0.5), np.flatnonzero(best_overlap < 0.5)
    most = int(numbers.count * numbers.positive_ratio)
    kept = dice.choice(positive, most, replace=False) if len(positive) > most else positive
    room = numbers.count - len(kept)
    rest = dice.choice(negative, room, replace=False) if len(negative) > room else negative
    missing = numbers.count - len(kept) - len(rest)
    if missing and not len(kept) + len(rest):
        raise ValueError("no box overlaps the truth by more or less than half: nothing to sample")
    extra = dice.choice(rest if len(rest) else kept, missing, replace=True) if missing else kept[:0]
    positives = [np.ones(len(kept), bool), np.zeros(len(rest), bool), np.full(missing, not len(rest))]
    return np.concatenate([kept, rest, extra]), np.concatenate(positives)


def _whole_mask(mask: np.ndarray, box: np.ndarray, numbers: HeadTargets) -> np.ndarray:
    """(H, W) bool mask of one object."""
    if not numbers.mini_masks:
        return mask
    whole = np.zeros(numbers.size, bool)
    top, left, bottom, right = box[:4].astype(int)
    whole[top:bottom, left:right] = resample.resize_exactly(mask, (bottom - top, right - left), numbers.border) > 0.5
    return whole
