"""A picture that effects write to, patch by patch, channel by channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from common.colours import ColourCoding
from common.planes import Planes
from infer.effects.patch import Patch, pooled


@dataclass(frozen=True)
class Spot:
    """One channel's share of a patch.

    Attributes:
        channel: index of the channel.
        view: (h, w) writable samples.
        alpha: (h, w) uint8.
        scale: (rows, columns) of picture under one sample.
    """

    channel: int
    view: np.ndarray
    alpha: np.ndarray
    scale: tuple[int, int]


@dataclass
class Canvas:
    """A writable picture and where it comes from.

    Attributes:
        planes: the samples.
        rotation: counter-clockwise quarter turns from stored to display.
        index: number of the frame, 0 for an image.
    """

    planes: Planes
    rotation: int = 0
    index: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """(height, width), stored."""
        return self.planes.size

    @property
    def display_size(self) -> tuple[int, int]:
        """(height, width) as a viewer sees it."""
        return self.size if self.rotation % 2 == 0 else self.size[::-1]

    def spots(self, patch: Patch) -> list[Spot]:
        """Cut every channel to a patch; a chroma sample takes the largest alpha of its luma."""
        spots, pools = [], {(1, 1): patch.alpha}
        for number, (view, layout) in enumerate(zip(self.planes.channels, self.planes.layout.channels, strict=True)):
            scale = (layout.rows, layout.columns)
            if scale not in pools:
                pools[scale] = pooled(patch.alpha, *scale)
            alpha = pools[scale]
            top, left = patch.top // scale[0], patch.left // scale[1]
            part = view[top : top + alpha.shape[0], left : left + alpha.shape[1]]
            spots.append(Spot(number, part, alpha, scale))
        return spots

    def fill(self, patch: Patch, colour: Sequence[float]) -> None:
        """Cover a patch with one RGB colour (0..255)."""
        values = _encoded(self.planes.coding, tuple(colour))
        for spot in self.spots(patch):
            self.blend(spot, values[spot.channel].astype(spot.view.dtype))

    def filter(self, patch: Patch, change: Callable[[np.ndarray], np.ndarray]) -> None:
        """Cover a patch with a filtered copy of itself.

        Args:
            patch: where.
            change: maps (h, w) uint8 or uint16 to the same shape and type.
        """
        for spot in self.spots(patch):
            self.blend(spot, change(np.ascontiguousarray(spot.view)))

    def blend(self, spot: Spot, content: np.ndarray) -> None:
        """Write `content` ((h, w) samples, or () one value) where alpha is 255, mix where it is between."""
        shift = self.planes.layout.shift
        if shift:
            content = np.bitwise_and(content, np.uint16(0xFFFF << shift & 0xFFFF))
        np.copyto(spot.view, content, where=spot.alpha == 255)
        soft = (spot.alpha != 0) & (spot.alpha != 255)
        count = np.count_nonzero(soft)
        if not count:
            return
        if count * 8 > soft.size:
            np.copyto(spot.view, _mixed(spot.view, content, spot.alpha, shift), where=soft)
            return
        at = np.nonzero(soft)
        new = content[at] if content.ndim else content
        spot.view[at] = _mixed(spot.view[at], new, spot.alpha[at], shift)

    def wash(self, across: int = 4) -> None:
        """Cover everything with the picture's own colours, at most `across` samples wide: nothing can be made out."""
        height, width = self.size
        cells = cells_over((height, width), max(height, width) / across)
        for view in self.planes.channels:
            small = cv2.resize(np.ascontiguousarray(view), cells, interpolation=cv2.INTER_AREA)
            wide: np.ndarray = cv2.resize(small, view.shape[::-1], interpolation=cv2.INTER_LINEAR)
            view[:] = wide >> self.planes.layout.shift << self.planes.layout.shift

    def make_opaque(self, patch: Patch) -> None:
        """Remove transparency under a patch: a hole in it would outline what is hidden."""
        if self.planes.alpha is not None:
            height, width = patch.alpha.shape
            part = self.planes.alpha[patch.top : patch.top + height, patch.left : patch.left + width]
            np.copyto(part, part.dtype.type(self.planes.coding.top), where=patch.alpha > 0)


@lru_cache(maxsize=64)
def _encoded(coding: ColourCoding, colour: tuple[float, ...]) -> list[np.ndarray]:
    return coding.encode(colour)


def _mixed(old: np.ndarray, new: np.ndarray, alpha: np.ndarray, shift: int) -> np.ndarray:
    """Mix by alpha / 255 in integers, rounded to nearest."""
    if old.dtype == np.uint8:
        mixed = np.multiply(alpha, new, dtype=np.uint16)
        mixed += np.multiply(255 - alpha, old, dtype=np.uint16)
        mixed += np.uint16(128)
        mixed += mixed >> 8  # with the next line: an exact division by 255
        return (mixed >> 8).astype(np.uint8)
    wide = np.multiply(alpha, new, dtype=np.uint32)
    wide += np.multiply(255 - alpha, old, dtype=np.uint32)
    return ((wide + np.uint32(127)) // np.uint32(255) >> shift << shift).astype(old.dtype)


def cells_over(size: tuple[int, int], cell: float) -> tuple[int, int]:
    """How many cells of side `cell` cover `size` (height, width): (columns, rows), each at least 1."""
    return max(1, int(size[1] / cell)), max(1, int(size[0] / cell))
