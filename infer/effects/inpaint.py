"""Guessing what lies behind an object from what is around it."""

from __future__ import annotations

import cv2
import numpy as np

REDUCED = 64  # samples across the reduced copy that is filled in
_RADIUS = 3.0


def inpainted(samples: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Fill in hidden samples from those around them.

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
    unknown = cv2.resize(hidden.astype(np.float32), small_wh, interpolation=cv2.INTER_AREA) > 0
    small = cv2.resize(np.ascontiguousarray(samples), small_wh, interpolation=cv2.INTER_AREA)
    known = small[~unknown]
    middle = (np.iinfo(samples.dtype).max + 1) // 2
    small[unknown] = np.median(known).astype(samples.dtype) if known.size else middle
    if known.size:
        small = cv2.inpaint(small, unknown.astype(np.uint8), _RADIUS, cv2.INPAINT_TELEA)
        # Far inside the method extrapolates; nothing there may be brighter or darker than what was seen.
        small = np.where(unknown, np.clip(cv2.GaussianBlur(small, (0, 0), 1.0), known.min(), known.max()), small)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(hidden, large, samples)
