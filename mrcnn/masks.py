"""Instance masks as data: boxes around them, small copies, resizing, overlaps.

Legend: H, W pixels of the picture, N instances on the last axis, h, w cells of a small copy. Masks are bool. Boxes are
(y1, x1, y2, x2) int pixels, the far corner outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mrcnn import resample
from mrcnn.boxes import TINY


def extract_boxes(masks: np.ndarray) -> np.ndarray:
    """Return the (N, 4) int32 boxes around (H, W, N) masks; zeros for an empty one.

    Source: original `utils.extract_bboxes`.
    """
    rows, columns = np.asarray(masks.any(axis=1)), np.asarray(masks.any(axis=0))  # (H, N), (W, N)
    found = rows.any(axis=0)
    corners = [
        rows.argmax(axis=0),
        columns.argmax(axis=0),
        len(rows) - rows[::-1].argmax(axis=0),
        len(columns) - columns[::-1].argmax(axis=0),
    ]
    return np.where(found, corners, 0).T.astype(np.int32).reshape(-1, 4)


def minimize(boxes: np.ndarray, masks: np.ndarray, shape: Sequence[int], border: str = "edge") -> np.ndarray:
    """Keep of every mask only a small copy of the part inside its box.

    Args:
        boxes: (N, 4).
        masks: (H, W, N).
        shape: (h, w).
        border: see `resample`.

    Returns:
        (h, w, N) bool; an empty copy where the box is empty.

    Source: original `utils.minimize_mask`, which raises on empty boxes.
    """
    small = np.zeros((*shape[:2], masks.shape[-1]), bool)
    for index, rows, columns in _filled(boxes):
        part = masks[rows, columns, index]
        if part.size:
            small[..., index] = resample.resize_exactly(part.astype(bool), (shape[0], shape[1]), border) > 0.5
    return small


def expand(boxes: np.ndarray, small: np.ndarray, size: Sequence[int], border: str = "edge") -> np.ndarray:
    """Undo `minimize`.

    Args:
        boxes: (N, 4).
        small: (h, w, N).
        size: (H, W).
        border: see `resample`.

    Returns:
        (H, W, N) bool.

    Source: original `utils.expand_mask`.
    """
    masks = np.zeros((*size[:2], small.shape[-1]), bool)
    for index, rows, columns in _filled(boxes):
        inside = (rows.stop - rows.start, columns.stop - columns.start)
        masks[rows, columns, index] = resample.resize_exactly(small[..., index], inside, border) > 0.5
    return masks


def _filled(boxes: np.ndarray) -> Iterator[tuple[int, slice, slice]]:
    """Number, rows and columns of every (N, 4) box that is not empty."""
    for index, (top, left, bottom, right) in enumerate(np.asarray(boxes)[:, :4].astype(int).tolist()):
        if bottom > top and right > left:
            yield index, slice(top, bottom), slice(left, right)


def resize_masks(
    masks: np.ndarray,
    scale: float,
    padding: Sequence[Sequence[int]],
    crop: Sequence[int] | None = None,
) -> np.ndarray:
    """Bring masks to where `preprocess.resize_image` brought their picture.

    Args:
        masks: (H, W, N), any dtype.
        scale: as returned with the picture.
        padding: as returned with the picture.
        crop: as returned with the picture.

    Returns:
        (molded height, molded width, N), nearest neighbour: first and last pixels keep their places, the rest spreads
        evenly between. Each mask lies in one piece of memory, which what follows reads faster.

    Source: original `utils.resize_mask`.
    """
    rows, columns = (_nearest(length, round(length * scale)) for length in masks.shape[:2])
    (top, bottom), (left, right) = padding[0], padding[1]
    if crop is not None:
        y, x, height, width = crop
        rows, columns, top, bottom, left, right = rows[y : y + height], columns[x : x + width], 0, 0, 0, 0
    height, width = len(rows), len(columns)
    moved = np.zeros((masks.shape[2], top + height + bottom, left + width + right), masks.dtype)
    for place, canvas in enumerate(moved):
        canvas[top : top + height, left : left + width] = masks[..., place].take(rows, axis=0).take(columns, axis=1)
    return moved.transpose(1, 2, 0)  # (N, h, w) -> (h, w, N)


def _nearest(old: int, new: int) -> np.ndarray:
    """(new,) int: which old pixel each new one copies."""
    step = (old - 1) / (new - 1) if new > 1 else 0.0
    return np.floor(np.arange(new) * step + 0.5).astype(int)


def mask_overlaps(masks1: np.ndarray, masks2: np.ndarray) -> np.ndarray:
    """Intersection over union of every pair of (H, W, N) and (H, W, M) masks: (N, M) float32, 0 for two empty ones.

    Source: original `utils.compute_overlaps_masks`.
    """
    if not masks1.shape[-1] or not masks2.shape[-1]:
        return np.zeros((masks1.shape[-1], masks2.shape[-1]), np.float32)
    first, second = ((masks > 0.5).reshape(-1, masks.shape[-1]).astype(np.float32) for masks in (masks1, masks2))
    shared = first.T @ second
    union = first.sum(axis=0)[:, None] + second.sum(axis=0)[None, :] - shared
    return shared / np.maximum(union, TINY)
