"""How alike a patch of one picture is to a patch of another: what tells whether a carried box still holds its object.

Legend: h, w size of the proxy; N boxes; S = SIDE samples a side of a patch.
"""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 12
REACH = 2  # samples to each side in which a better place is looked for
_MARGIN = 0.15  # of the box's size on each side: hair and outline tell more than skin alone
_FLAT = 2.0  # gray levels; below this spread a patch is noise and cannot agree with anything


def patches(proxy: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Cut the boxes out of a picture, brought to one size, mean 0 and length 1.

    Args:
        proxy: (h, w) uint8 gray.
        boxes: (N, 4) (x1, y1, x2, y2) proxy pixels; may reach out of the picture.

    Returns:
        (N, S, S) float32; all zero where the patch is flat.
    """
    return _normalised(_samples(proxy, boxes, 0))


def search(proxy: np.ndarray, boxes: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Look in and around each box for what looks most like its patch.

    Args:
        proxy: (h, w) uint8 gray.
        boxes: (N, 4) proxy pixels.
        wanted: (N, S, S) patches.

    Returns:
        (N, 2) float64 shift (dx, dy) of the box to the best place, at most `REACH` + 0.5 samples each way, between
        samples by a parabola; and the likeness there, (N,) -1..1, normalised cross-correlation.
    """
    count, side = len(boxes), 2 * REACH + 1
    samples = _samples(proxy, boxes, REACH)
    samples -= samples.mean(axis=(1, 2), keepdims=True)
    around = np.lib.stride_tricks.sliding_window_view(samples, (SIDE, SIDE), axis=(1, 2)).reshape(count, side**2, -1)
    values = np.matmul(around, wanted.reshape(count, -1, 1)).reshape(count, side, side)  # `wanted` has mean 0
    lengths = np.sqrt(np.maximum(_sums(samples**2) - _sums(samples) ** 2 / SIDE**2, 1e-6))
    values = np.where(lengths > _FLAT * SIDE, values / lengths, 0)
    best = values.reshape(count, -1).argmax(axis=1)
    rows, columns = np.divmod(best, side)
    each = np.arange(count)
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)), mode="edge")
    peak = padded[each, rows + 1, columns + 1]
    down = rows - REACH + _vertex(padded[each, rows, columns + 1], peak, padded[each, rows + 2, columns + 1])
    right = columns - REACH + _vertex(padded[each, rows + 1, columns], peak, padded[each, rows + 1, columns + 2])
    pitch = (boxes[:, 2:] - boxes[:, :2]) * (1 + 2 * _MARGIN) / SIDE
    return np.stack([right, down], axis=1) * pitch, peak


def _samples(proxy: np.ndarray, boxes: np.ndarray, rim: int) -> np.ndarray:
    """Sample boxes, their margin and `rim` samples more on each side: (N, S + 2 rim, S + 2 rim) float32."""
    side, count = SIDE + 2 * rim, len(boxes)
    sizes = boxes[:, 2:] - boxes[:, :2]
    steps = (np.arange(-rim, SIDE + rim) + 0.5) / SIDE * (1 + 2 * _MARGIN) - _MARGIN
    columns = (boxes[:, :1] + steps * sizes[:, :1] - 0.5).astype(np.float32)
    rows = (boxes[:, 1:2] + steps * sizes[:, 1:] - 0.5).astype(np.float32)
    map_x = np.ascontiguousarray(np.broadcast_to(columns[:, None, :], (count, side, side))).reshape(-1, side)
    map_y = np.ascontiguousarray(np.broadcast_to(rows[:, :, None], (count, side, side))).reshape(-1, side)
    samples = cv2.remap(proxy, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return samples.reshape(count, side, side).astype(np.float32)


def _sums(samples: np.ndarray) -> np.ndarray:
    """Sum each S x S window of (N, S + 2 REACH, S + 2 REACH) samples: (N, 2 REACH + 1, 2 REACH + 1)."""
    band = np.zeros((2 * REACH + 1, SIDE + 2 * REACH), np.float32)
    for row in range(len(band)):
        band[row, row : row + SIDE] = 1
    return np.matmul(np.matmul(band, samples), band.T)


def _normalised(values: np.ndarray) -> np.ndarray:
    """Bring (..., S, S) patches to mean 0 and length 1, or to zero where they are flat."""
    centred = values - values.mean(axis=(-2, -1), keepdims=True)
    lengths = np.sqrt(np.einsum("...ij,...ij->...", centred, centred))[..., None, None]
    return np.where(lengths > _FLAT * SIDE, centred / np.maximum(lengths, 1e-6), 0).astype(np.float32)


def _vertex(before: np.ndarray, peak: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return where, -0.5..0.5 samples from the middle one, the parabola through three values is highest."""
    bend = before - 2 * peak + after
    return np.clip(np.where(bend < -1e-6, 0.5 * (before - after) / np.minimum(bend, -1e-6), 0), -0.5, 0.5)
