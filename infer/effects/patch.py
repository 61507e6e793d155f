"""A region brought to the picture as it is stored: turned, and aligned to the chroma grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.region import Region
from common.video.frame import stored


@dataclass(frozen=True)
class Patch:
    """Part of a stored picture that an effect may write to.

    Attributes:
        top: first row, a multiple of the grid's rows.
        left: first column, a multiple of the grid's columns.
        alpha: (h, w) uint8, how much of the effect each pixel takes.
        span: longer side of the object (before growing), pixels; strength is measured against it.
        index: place of the object in its frame's detections, -1 for none.
    """

    top: int
    left: int
    alpha: np.ndarray
    span: float
    index: int = -1


def make_patch(
    region: Region,
    display_size: tuple[int, int],
    rotation: int,
    grid: tuple[int, int],
    *,
    rounded: bool = True,
) -> Patch:
    """Bring a region to the stored picture.

    Args:
        region: in display orientation.
        display_size: (height, width) of the display picture.
        rotation: counter-clockwise quarter turns from stored to display.
        grid: (rows, columns) of picture under the coarsest sample.
        rounded: round the alpha outwards to the grid, so that a chroma sample and all its luma are covered alike.
            With False chroma still takes the largest alpha of its luma, but luma keeps its fine edge.
    """
    top, left, size = region.top, region.left, display_size
    bottom, right = top + region.alpha.shape[0], left + region.alpha.shape[1]
    for _ in range(rotation % 4):
        top, left, bottom, right = left, size[0] - bottom, right, size[0] - top
        size = size[::-1]
    alpha = stored(region.alpha, rotation)
    rows, columns = grid
    before = (top % rows, left % columns)
    after = (min(-bottom % rows, size[0] - bottom), min(-right % columns, size[1] - right))
    if any(before) or any(after):
        alpha = _padded(alpha, before, after)
    if rounded and grid != (1, 1):
        alpha = expanded(pooled(alpha, rows, columns), rows, columns, alpha.shape)
    return Patch(top - before[0], left - before[1], alpha, region.span, region.index)


def whole_patch(size: tuple[int, int]) -> Patch:
    """Patch over the whole stored picture of `size` (height, width)."""
    return Patch(0, 0, np.full(size, 255, np.uint8), float(max(size)))


def pooled(alpha: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Largest alpha of each `rows` x `columns` block: (H, W) → (ceil(H / rows), ceil(W / columns))."""
    if rows == columns == 1:
        return alpha
    height, width = alpha.shape
    if height % rows or width % columns:
        alpha = _padded(alpha, (0, 0), (-height % rows, -width % columns))
    largest = alpha[::rows, ::columns]
    for row in range(rows):
        for column in range(columns):
            if row or column:
                largest = np.maximum(largest, alpha[row::rows, column::columns])
    return largest


def _padded(alpha: np.ndarray, before: tuple[int, int], after: tuple[int, int]) -> np.ndarray:
    """Add zeros around; several times faster than `np.pad` on arrays of this size."""
    height, width = alpha.shape
    out = np.zeros((before[0] + height + after[0], before[1] + width + after[1]), alpha.dtype)
    out[before[0] : before[0] + height, before[1] : before[1] + width] = alpha
    return out


def expanded(small: np.ndarray, rows: int, columns: int, size: tuple[int, ...]) -> np.ndarray:
    """Repeat each value over its block and cut to `size`: the way back from `pooled`."""
    return small.repeat(rows, axis=0).repeat(columns, axis=1)[: size[0], : size[1]]
