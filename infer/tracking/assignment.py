"""Which box of this frame belongs to which track: buffered intersection over union and an optimal assignment.

The buffer is that of C-BIoU (Yang et al., 2023, arXiv:2211.14317): both boxes are grown before they are compared, so
that small fast things that no longer overlap still find each other.

Legend: T tracks, N boxes.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

NEVER = -1.0  # likeness of a pair that must not be matched
_PLAIN = 0.2
_LARGEST_RATIO = 2.5  # sides of one object do not differ by more between two sightings


def grown(boxes: np.ndarray, shares: np.ndarray | float) -> np.ndarray:
    """Grow (..., 4) boxes by a share of their width and height on every side; `shares` broadcasts with (...)."""
    margins = (boxes[..., 2:] - boxes[..., :2]) * np.asarray(shares, float)[..., None]
    return np.concatenate([boxes[..., :2] - margins, boxes[..., 2:] + margins], axis=-1)


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the intersection over union of boxes against boxes; leading axes broadcast, the last holds the box.

    `overlaps(first[:, None], second[None])` compares every pair of (T, 4) and (N, 4) boxes: (T, N).
    """
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    areas = [np.clip(boxes[..., 2:] - boxes[..., :2], 0, None).prod(axis=-1) for boxes in (first, second)]
    return shared / np.maximum(areas[0] + areas[1] - shared, 1e-9)


def likeness(predicted: np.ndarray, boxes: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return how well each box fits each prediction.

    Args:
        predicted: (T, 4) where the tracks should be by now.
        boxes: (N, 4) what was seen.
        shares: (T,) growth of both boxes, larger for a track that was not seen for long.

    Returns:
        (T, N) buffered intersection over union, 0..1, blended with a little of the plain one so that the nearer of
        two boxes wins; `NEVER` where the sizes cannot be those of one object.
    """
    buffers = np.asarray(shares, float)[:, None]
    buffered = overlaps(grown(predicted, shares)[:, None], grown(boxes[None], buffers))
    values = (buffered + _PLAIN * overlaps(predicted[:, None], boxes[None])) / (1 + _PLAIN)
    sides = [np.sqrt(np.maximum((some[:, 2:] - some[:, :2]).prod(axis=1), 1e-6)) for some in (predicted, boxes)]
    ratios = sides[0][:, None] / sides[1][None]
    return np.where((ratios < _LARGEST_RATIO) & (ratios > 1 / _LARGEST_RATIO), values, NEVER)


def assign(values: np.ndarray, least: float) -> list[tuple[int, int]]:
    """Pair rows with columns so that the sum of likeness is largest.

    Args:
        values: (T, N) likeness.
        least: pairs below are not matched.

    Returns:
        (row, column) pairs, rows ascending.
    """
    if not values.size:
        return []
    allowed = np.where(values >= least, values, 0.0)
    rows, columns = linear_sum_assignment(allowed, maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if values[r, c] >= least]
