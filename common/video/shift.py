"""The one shift that brings a picture onto its neighbour: what a fast pan does between two frames.

Dense flow starts its search near zero and loses a camera that moves by a sixth of the picture a frame; phase
correlation finds such a shift in a picture of some 80 pixels.

Legend: h, w size of a reduced picture.
"""

from __future__ import annotations

import cv2
import numpy as np

LEAST_SHARED = 0.4  # of the width and of the height, after the shift
_SIDE = 80


def reduced(proxy: np.ndarray, side: int = _SIDE) -> np.ndarray:
    """Reduce a proxy, uint8 gray, to `side` pixels on its longer side."""
    factor = side / max(proxy.shape)
    size = (max(16, round(proxy.shape[1] * factor)), max(16, round(proxy.shape[0] * factor)))
    return cv2.resize(proxy, size, interpolation=cv2.INTER_AREA)


def detail(picture: np.ndarray, coarse: float = 6.0) -> np.ndarray:
    """Return a picture, float32, without its structure coarser than `coarse` pixels, where all look alike."""
    fine = picture.astype(np.float32)
    return fine - cv2.GaussianBlur(fine, (0, 0), coarse)


def shift_between(first: np.ndarray, second: np.ndarray) -> tuple[int, int] | None:
    """Find the shift by phase correlation.

    Args:
        first: (h, w) float32 detail.
        second: (h, w) float32 detail.

    Returns:
        (right, down), whole pixels, by which the content moved from first to second; None if they would hardly overlap.
    """
    height, width = first.shape
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    (x, y), _ = cv2.phaseCorrelate(first, second, window)
    right, down = round(x), round(y)
    return (right, down) if min(1 - abs(down) / height, 1 - abs(right) / width) >= LEAST_SHARED else None


def shared_parts(first: np.ndarray, second: np.ndarray, shift: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the parts of two (h, w) pictures that show the same once the second is shifted back."""
    (height, width), (right, down) = first.shape, shift
    return (
        first[max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)],
        second[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)],
    )


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return the normalised correlation, -1..1, of two pictures of one size; 0 where one is flat."""
    spreads = float(first.std()) * float(second.std())
    return float(((first - first.mean()) * (second - second.mean())).mean()) / spreads if spreads > 1e-6 else 0.0
