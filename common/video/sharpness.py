"""How sharp a picture is, and which of a row are blurred beside their neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

LENGTH = 960  # pixels of the longer side at which pictures are compared: grain and coding noise go
NEIGHBOURHOOD = 0.5  # seconds to each side
BLURRED = 0.5  # of the sharpness that a quarter of the neighbours reach


def sharpness(gray: np.ndarray) -> float:
    """Return the variance of the Laplacian of a (H, W) uint8 picture; it means something beside like pictures only."""
    return float(cv2.Laplacian(gray, cv2.CV_32F).var())


def blurred(times: Sequence[float], sharpnesses: Sequence[float]) -> np.ndarray:
    """Tell which pictures of a row lack what their neighbours show.

    What a scene holds decides how sharp it can be, so each picture is compared with those around it. A blur that lasts
    for more than three quarters of the neighbourhood is taken for the scene's own softness.

    Args:
        times: (N,) seconds, rising.
        sharpnesses: (N,) of each picture.

    Returns:
        (N,) bool.
    """
    when, sharp = np.asarray(times, float), np.asarray(sharpnesses, float)
    first = np.searchsorted(when, when - NEIGHBOURHOOD, "left")
    last = np.searchsorted(when, when + NEIGHBOURHOOD, "right")
    usual = [np.quantile(sharp[low:high], 0.75) for low, high in zip(first, last, strict=True)]
    return sharp < BLURRED * np.asarray(usual)
