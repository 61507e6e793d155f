"""Anchors: the boxes that the region proposal network corrects.

Legend: L levels of the pyramid, A anchors in all, H and W cells of a feature map, R ratios, S scales of a level.
Boxes are (y1, x1, y2, x2) pixels of the molded picture unless called normalised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from mrcnn import boxes


def feature_shapes(size: tuple[int, int], strides: Sequence[int]) -> np.ndarray:
    """Return (L, 2) int (height, width) in cells of every level for a picture of `size` (height, width) pixels.

    Source: original `model.compute_backbone_shapes`.
    """
    return np.array([[math.ceil(size[0] / stride), math.ceil(size[1] / stride)] for stride in strides])


def level_anchors(
    scales: Sequence[float] | np.ndarray,
    ratios: Sequence[float],
    shape: Sequence[int],
    stride: int,
    anchor_stride: int = 1,
) -> np.ndarray:
    """Lay the anchors of one level.

    Args:
        scales: square roots of the anchors' areas, pixels.
        ratios: width divided by height.
        shape: (H, W) cells.
        stride: pixels a cell.
        anchor_stride: 1 puts anchors on every cell, 2 on every second, ...

    Returns:
        (H * W * R * S, 4) float64, cell by cell in rows, in each cell ratio by ratio and scale by scale.

    Source: arXiv 1612.03144 section 4.1; original `utils.generate_anchors`.
    """
    scale_grid, ratio_grid = np.meshgrid(np.asarray(scales, float), np.asarray(ratios, float))
    roots = np.sqrt(ratio_grid.ravel())
    sizes = np.stack([scale_grid.ravel() / roots, scale_grid.ravel() * roots], axis=1)  # (R*S, 2) heights, widths
    rows, columns = (np.arange(0, cells, anchor_stride) * stride for cells in shape)
    centres = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 1, 2)  # (H*W, 1, 2)
    corners = np.concatenate([centres - 0.5 * sizes, centres + 0.5 * sizes], axis=-1)  # (H*W, R*S, 4)
    return corners.reshape(-1, 4)


def pyramid_anchors(
    scales: Sequence[float | Sequence[float]],
    ratios: Sequence[float],
    shapes: Sequence[Sequence[int]] | np.ndarray,
    strides: Sequence[int],
    anchor_stride: int = 1,
) -> np.ndarray:
    """Lay the anchors of all levels, finest level first.

    Args:
        scales: one scale (or several) for every level.
        ratios: width divided by height, the same on every level.
        shapes: (L, 2) cells.
        strides: L times pixels a cell.
        anchor_stride: see `level_anchors`.

    Returns:
        (A, 4) float64 pixels.

    Source: original `utils.generate_pyramid_anchors`.
    """
    levels = zip(scales, shapes, strides, strict=True)
    return np.concatenate(
        [level_anchors(np.atleast_1d(scale), ratios, shape, stride, anchor_stride) for scale, shape, stride in levels]
    )


@lru_cache(maxsize=16)
def normalized_anchors(
    size: tuple[int, int],
    scales: tuple[float, ...],
    ratios: tuple[float, ...],
    strides: tuple[int, ...],
    anchor_stride: int = 1,
) -> np.ndarray:
    """Return the (A, 4) float32 normalised anchors of a molded picture of `size` (height, width); kept in memory.

    The result is shared between callers and therefore read-only.
    """
    laid = pyramid_anchors(scales, ratios, feature_shapes(size, strides), strides, anchor_stride)
    result = boxes.normalize(laid, size)
    result.flags.writeable = False
    return result
