"""Union smoothing: an edge of a box goes as far out as it goes in any neighbouring frame, measured along the motion.

A detector's box breathes by some pixels a frame. Averaging would let the object show through where the box was
small; the union cannot. It is taken relative to the object's own movement, so that it neither lags nor smears.
"""

from __future__ import annotations

import numpy as np

_SMEAR = 0.2  # of the movement in one frame, to both sides: about half of what an open shutter smears
_LARGEST_SMEAR = 0.5  # of the box's size
_LARGEST_GROWTH = 0.35  # of the box's size, an edge


def smooth(boxes: np.ndarray, shifts: np.ndarray, reach: int) -> np.ndarray:
    """Return boxes whose edges lie nowhere inside the given ones.

    The outermost place of each edge over `reach` frames on both sides is taken, then its mean over as many, which
    cannot lie further in than the edge itself.

    Args:
        boxes: (F, 4) boxes of one object in successive frames.
        shifts: (F, 2) how far the object moved from the frame before; the first row does not matter.
        reach: frames on each side.
    """
    if len(boxes) < 2 or reach < 1:
        return boxes
    path = np.cumsum(np.concatenate([np.zeros((1, 2)), shifts[1:]]), axis=0)
    rest = boxes - np.tile(path, 2)
    outward = np.concatenate([-rest[:, :2], rest[:, 2:]], axis=1)
    outer = _windows(_windows(outward, reach).max(axis=2), reach).mean(axis=2)
    sizes = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    outer = np.clip(outer, outward, outward + _LARGEST_GROWTH * sizes)
    return np.concatenate([-outer[:, :2], outer[:, 2:]], axis=1) + np.tile(path, 2)


def smear(box: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return a box that also covers what motion blur smears, and what flow misses in blurred pictures.

    Args:
        box: (4,).
        shift: (2,) how far the object moved from the frame before.
    """
    margin = np.minimum(np.abs(shift) * _SMEAR, (box[2:] - box[:2]) * _LARGEST_SMEAR)
    return np.concatenate([box[:2] - margin, box[2:] + margin])


def _windows(values: np.ndarray, reach: int) -> np.ndarray:
    """Return (F, 4, 2 * reach + 1): each row with its neighbours; beyond the ends the end's own row is repeated."""
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
