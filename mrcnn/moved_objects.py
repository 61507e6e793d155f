"""Masks of objects brought to where their picture is brought, one crop at a time: never a mask of a whole picture.

Legend: H, W pixels of the molded picture, N objects, h, w pixels of a crop, m, n cells of a small mask. A matrix is
(2, 3) float64 and carries (x, y, 1), places of pixels' centres, from the stored picture to the molded one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from mrcnn.preprocess import Placement, scaled_size


class Crop(NamedTuple):
    """The part of a stored picture's mask that holds it.

    Attributes:
        mask: (h, w) uint8, 0 or 255.
        left: column of the stored picture where it begins.
        top: row, likewise.
    """

    mask: np.ndarray
    left: int
    top: int


class Moved(NamedTuple):
    """An object in the molded picture.

    Attributes:
        box: (y1, x1, y2, x2) pixels around what is seen of it.
        mask: (y2 - y1, x2 - x1) bool.
        visible: share of it that lies inside the picture.
    """

    box: tuple[int, int, int, int]
    mask: np.ndarray
    visible: float


def crop_of(runs: Sequence[int] | np.ndarray, size: tuple[int, int]) -> Crop | None:
    """Cut a mask out of COCO run lengths over a picture of `size` (height, width); None for an empty one."""
    lengths = np.asarray(runs, np.int64)
    ends = np.cumsum(lengths)
    starts, stops = ends[: len(ends) - 1 : 2], ends[1::2]
    filled = stops > starts
    if not filled.any():
        return None
    starts, stops = starts[filled], stops[filled]
    height = size[0]
    left, right = int(starts[0]) // height, (int(stops[-1]) - 1) // height + 1
    # What lies outside these columns shrinks to nothing; behind the last run there is background.
    edges = np.clip(np.concatenate([[0], ends, [right * height]]), left * height, right * height)
    values = np.zeros(len(lengths) + 1, np.uint8)
    values[1 : len(lengths) : 2] = 255
    columns = np.repeat(values, np.diff(edges)).reshape(right - left, height)
    rows = np.flatnonzero(columns.max(axis=0))
    return Crop(np.ascontiguousarray(columns[:, rows[0] : rows[-1] + 1].T), left, int(rows[0]))


def molding_matrix(size: tuple[int, int], placement: Placement) -> np.ndarray:
    """Matrix of `preprocess.resize_image` for a picture of `size` (height, width) that was placed so."""
    scaled = scaled_size(size, placement.scale)
    shifts = [placement.padding[axis][0] for axis in (0, 1)]
    if placement.crop is not None:
        shifts = [-placement.crop[0], -placement.crop[1]]
    rows = []
    for axis in (1, 0):  # x, then y
        scale = scaled[axis] / size[axis]
        rows.append([0.0, 0.0, 0.5 * scale - 0.5 + shifts[axis]])
        rows[-1][1 - axis] = scale
    return np.array(rows)


def move(crop: Crop, matrix: np.ndarray, size: tuple[int, int]) -> Moved | None:
    """Bring an object to the molded picture.

    Args:
        crop: of its mask.
        matrix: (2, 3).
        size: (H, W).

    Returns:
        The object; None where nothing of it is left.
    """
    left, top, right, bottom = reach((crop.left, crop.top), crop.mask.shape, matrix, size)
    if right <= left or bottom <= top:
        return None
    inner = matrix.copy()
    inner[:, 2] += matrix[:, :2] @ (crop.left, crop.top) - (left, top)
    drawn = cv2.warpAffine(crop.mask, inner, (right - left, bottom - top), flags=cv2.INTER_LINEAR) > 127
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if not len(rows):
        return None
    seen = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    whole = np.count_nonzero(crop.mask) * abs(float(np.linalg.det(matrix[:, :2])))
    top, left = top + int(rows[0]), left + int(columns[0])
    box = (top, left, top + seen.shape[0], left + seen.shape[1])
    return Moved(box, seen, min(np.count_nonzero(seen) / max(whole, 1e-9), 1.0))


def reach(
    start: tuple[int, int], shape: tuple[int, ...], matrix: np.ndarray, size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Find the molded pixels that a part of the stored picture can colour.

    Args:
        start: (left, top) of the part.
        shape: (height, width) of it.
        matrix: (2, 3).
        size: (H, W).

    Returns:
        (left, top, right, bottom), right and bottom exclusive, within the molded picture; empty where they do not
        exceed left and top.
    """
    xs, ys = (start[0] - 0.5, start[0] + shape[1] - 0.5), (start[1] - 0.5, start[1] + shape[0] - 0.5)
    corners = matrix @ np.array([[xs[0], xs[1], xs[0], xs[1]], [ys[0], ys[0], ys[1], ys[1]], [1.0] * 4])
    low = np.maximum(np.floor(corners.min(axis=1)), 0).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=1)) + 1, (size[1], size[0])).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def minimize(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Keep a small copy (m, n) bool of a mask (h, w) bool; a cell is set where the mask covers more than half of it."""
    shrinks = mask.shape[0] >= shape[0] and mask.shape[1] >= shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(mask.astype(np.float32), (shape[1], shape[0]), interpolation=way) > 0.5
