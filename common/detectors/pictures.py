"""What detectors accept: RGB pictures, 8 bits a channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def check_pictures(pictures: Sequence[np.ndarray]) -> None:
    """Hold the contract of a detector's input.

    Raises:
        ValueError: something is no (H, W, 3) uint8 array, or is empty.
    """
    for place, picture in enumerate(pictures):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
            raise ValueError(
                f"picture {place} is {picture.shape} {picture.dtype}; a detector takes (height, width, 3) uint8 RGB"
            )
