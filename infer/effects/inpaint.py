"""Guessing what lies behind an object from what is around it."""

from __future__ import annotations

import cv2
import numpy as np

REDUCED = 64  # samples across the reduced copy that is filled in


def inpainted(samples: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Fill in hidden samples from those around them, smoothly.

    Works on a reduced copy in which no hidden sample takes part, so nothing of it can shine through, not even
    where everything is hidden.

    Args:
        samples: (h, w) uint8 or uint16.
        hidden: (h, w) bool.

    Returns:
        (h, w) of the same type; where not hidden the samples themselves.
    """
    height, width = samples.shape
    factor = min(1.0, REDUCED / max(height, width))
    small_wh = max(1, round(width * factor)), max(1, round(height * factor))
    known = (~hidden).astype(np.float32)
    share = cv2.resize(known, small_wh, interpolation=cv2.INTER_AREA)
    total = cv2.resize(samples.astype(np.float32) * known, small_wh, interpolation=cv2.INTER_AREA)
    if not share.any():
        return np.full_like(samples, (np.iinfo(samples.dtype).max + 1) // 2)
    large = cv2.resize(_pulled(total, share), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(hidden, np.floor(large + np.float32(0.5)).astype(samples.dtype), samples)


def _pulled(total: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Fill a picture from coarser and coarser copies of what is known (pull-push, Gortler et al. 1996).

    Args:
        total: (h, w) float32, sum of the known samples' values times their share.
        share: (h, w) float32 in 0..1, known share of each sample.

    Returns:
        (h, w) float32, never outside of the range of the known.
    """
    values = total / np.maximum(share, 1e-6)
    height, width = total.shape
    if height == width == 1:
        return values
    half_wh = (width + 1) // 2, (height + 1) // 2
    coarse_share = cv2.resize(share, half_wh, interpolation=cv2.INTER_AREA).reshape(half_wh[::-1])
    coarse_total = cv2.resize(total, half_wh, interpolation=cv2.INTER_AREA).reshape(half_wh[::-1])
    # A coarse sample of which a quarter is known counts as known: the nearest outweighs what is far.
    more = np.minimum(1, 4 * coarse_share) / np.maximum(coarse_share, 1e-6)
    coarse = _pulled(coarse_total * more, coarse_share * more)
    filled = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width)
    return values * share + filled * (1 - share)
