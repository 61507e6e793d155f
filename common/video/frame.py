"""One decoded picture with its place in time.

Sizes are (height, width). "Stored" is how the file holds the picture, "display" how a viewer sees it: turned by
the stream's display matrix. Detections, zones and previews speak of the display picture; planes of the stored one.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np


@dataclass
class Frame:
    """A decoded frame.

    Attributes:
        index: 0-based place in what is read (a fragment starts at 0).
        pts: presentation time in units of `time_base`, as in the source.
        time_base: seconds per unit of `pts`.
        time: seconds since the source's own zero.
        picture: the picture in the source's pixel format, stored orientation. Never written to: the decoder may
            still refer to it. Renderers work on a writable copy.
        corrupt: why the picture cannot be trusted, or None. Such frames are covered whole.
        rotation: counter-clockwise quarter turns (0..3) that bring the stored picture upright: `np.rot90(x, rotation)`.
        duration: in units of `time_base`, 0 when unknown.
    """

    index: int
    pts: int
    time_base: Fraction
    time: float
    picture: av.VideoFrame
    corrupt: str | None = None
    rotation: int = 0
    duration: int = 0

    @property
    def display_size(self) -> tuple[int, int]:
        """(height, width) as a viewer sees it."""
        size = (self.picture.height, self.picture.width)
        return size if self.rotation % 2 == 0 else size[::-1]

    def rgb(self) -> np.ndarray:
        """Return (H, W, 3) uint8 RGB, display orientation."""
        return upright(self.picture.to_ndarray(format="rgb24"), self.rotation)

    def gray(self, size: tuple[int, int]) -> np.ndarray:
        """Return (height, width) uint8 luma at display `size`, area-averaged: what flow and cuts are computed on."""
        stored = size if self.rotation % 2 == 0 else size[::-1]
        small = self.picture.reformat(width=stored[1], height=stored[0], format="gray", interpolation="AREA")
        return upright(small.to_ndarray(), self.rotation)


def upright(array: np.ndarray, rotation: int) -> np.ndarray:
    """Turn a stored (H, W, ...) array into display orientation; contiguous."""
    return np.ascontiguousarray(np.rot90(array, rotation)) if rotation % 4 else array


def stored(array: np.ndarray, rotation: int) -> np.ndarray:
    """Turn a display (H, W, ...) array into stored orientation; contiguous."""
    return np.ascontiguousarray(np.rot90(array, -rotation)) if rotation % 4 else array
