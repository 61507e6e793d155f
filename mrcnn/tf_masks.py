"""Masks as graphs of the TensorFlow Object Detection API give them: relative to their boxes, or of the whole picture.

The API cuts true masks out of pictures with `crop_and_resize`, whose outermost samples lie on the edges of the box. So
do those of the masks that a network learns from them; a plain resize would shrink them by half a cell on each side.

Legend: H, W pixels of the picture, N objects, h, w cells of a mask, n, m rows and columns of the picture under a box.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

THRESHOLD = 0.5

Part = tuple[np.ndarray, int, int]  # see `postprocess.compacted`


def own_masks(masks: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Reduce masks of every class to those of each object's own.

    Args:
        masks: (N, h, w); (N, h, w, C) or (N, C, h, w), told apart by the two sides that are equal: masks are square. C
            is 1, or the number of classes.
        classes: (N,) int, counting from 1.

    Raises:
        ValueError: neither of these, or a class beyond C.
    """
    if masks.ndim == 3:
        return masks
    if masks.ndim != 4:
        raise ValueError(f"masks of shape {masks.shape}; expected (objects, height, width)")
    last = masks if masks.shape[1] == masks.shape[2] else np.moveaxis(masks, 1, 3)
    if last.shape[3] == 1:
        return last[..., 0]
    largest = int(classes.max(initial=1))
    if largest > last.shape[3]:
        raise ValueError(f"a mask for each of {last.shape[3]} classes, but an object of class {largest}")
    return last[np.arange(len(last)), :, :, classes - 1]


def in_boxes(masks: np.ndarray, boxes: np.ndarray, size: tuple[int, int], threshold: float) -> Iterator[Part]:
    """Lay masks into their boxes.

    Args:
        masks: (N, h, w) probabilities.
        boxes: (N, 4) float (y1, x1, y2, x2), shares of the picture, within it, not empty.
        size: (H, W).
        threshold: probability from which a pixel belongs to the object.

    Yields:
        For each object the part of the picture that its box touches, transposed (m, n) bool, its top and its left.

    Source: `reframe_box_masks_to_image_masks` of the API, which starts half a pixel further in at the picture's edges.
    """
    for mask, box in zip(masks, np.asarray(boxes, float), strict=True):
        rows, top = _places(box[0], box[2], size[0], mask.shape[0])
        columns, left = _places(box[1], box[3], size[1], mask.shape[1])
        along_rows = _interpolated(np.asarray(mask, np.float32), rows)  # (h, w) -> (n, w)
        yield _interpolated(np.ascontiguousarray(along_rows.T), columns) >= threshold, top, left  # (w, n) -> (m, n)


def _places(first: float, last: float, pixels: int, cells: int) -> tuple[np.ndarray, int]:
    """Return where the centres of pixels under a box lie among the cells of its mask, and the first of these pixels."""
    start, stop = int(np.floor(first * pixels)), int(np.ceil(last * pixels))
    centres = (np.arange(start, max(stop, start + 1)) + 0.5) / pixels
    return np.clip((centres - first) / (last - first), 0, 1) * (cells - 1), start


def _interpolated(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Read (k, j) float32 values between their rows: (n,) places in 0..k-1 -> (n, j)."""
    below = places.astype(int)
    above = np.minimum(below + 1, len(values) - 1)
    share = (places - below).astype(np.float32)[:, None]
    return values[below] * (1 - share) + values[above] * share


def of_pictures(masks: np.ndarray, size: tuple[int, int], threshold: float) -> Iterator[Part]:
    """Cut masks of whole pictures down to what is in them.

    Args:
        masks: (N, h, w) probabilities or 0 and 1, over the whole picture; another size than its is scaled.
        size: (H, W).
        threshold: see `in_boxes`.

    Yields:
        See `in_boxes`.
    """
    for mask in masks:
        values: np.ndarray = np.asarray(mask, np.float32)
        if values.shape != size:
            values = cv2.resize(values, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
        filled = values >= threshold
        rows, columns = np.flatnonzero(filled.any(axis=1)), np.flatnonzero(filled.any(axis=0))
        if not len(rows):
            yield np.zeros((0, 0), bool), 0, 0
            continue
        part = filled[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        yield np.ascontiguousarray(part.T), int(rows[0]), int(columns[0])
