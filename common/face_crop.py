"""A face cut out of a picture, the same way wherever a network looks at faces.

Legend: H, W pixels of the picture, S side of the crop.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np


def crop_face(picture: np.ndarray, box: Sequence[float], margin: float, size: int) -> np.ndarray:
    """Cut the square around a face and scale it.

    Args:
        picture: (H, W, 3) uint8 RGB.
        box: (x1, y1, x2, y2) pixels; the longer side counts.
        margin: share of that side which is added on every side of it.
        size: S.

    Returns:
        (S, S, 3) uint8 RGB; beyond the picture its edge is repeated.

    Raises:
        ValueError: the box is empty or lies wholly outside the picture.
    """
    x1, y1, x2, y2 = (float(value) for value in box)
    height, width = picture.shape[:2]
    if not (x1 < x2 and y1 < y2 and x1 < width and y1 < height and x2 > 0 and y2 > 0):
        raise ValueError(f"no face at {tuple(box)} in a picture of {width}x{height}")
    side = max(round(max(x2 - x1, y2 - y1) * (1 + 2 * margin)), 1)
    left, top = round((x1 + x2 - side) / 2), round((y1 + y2 - side) / 2)
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    return scale(picture[rows[:, None], columns[None, :]], size)


def middle_square(picture: np.ndarray, size: int) -> np.ndarray:
    """Cut the largest square out of the middle of (H, W, 3) uint8, and scale it to (S, S, 3)."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return scale(picture[top : top + side, left : left + side], size)


def scale(square: np.ndarray, size: int) -> np.ndarray:
    """Scale (N, N, 3) uint8 to (S, S, 3), averaging where it shrinks."""
    if square.shape[0] == square.shape[1] == size:
        return np.ascontiguousarray(square)
    method = cv2.INTER_AREA if square.shape[0] > size else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(square), (size, size), interpolation=method)
