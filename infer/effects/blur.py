"""Mosaic and the blurs. All work on a copy of the object reduced to a few samples across.

The reduction is what anonymises: whatever filter follows, no more than `cells` x `cells` values of the object are
left, as in the mosaic. It also makes the cost independent of the kernel: a Gaussian of kernel 161 on a 1280x720
picture takes 190 ms, on a copy reduced eightfold 2 ms.

That holds for each frame alone. Over many frames a moving object is sampled at many places, and more could be pieced
together; `fill` is the effect that tells nothing however long one looks.
"""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np

from infer.effects.canvas import Canvas, cells_over
from infer.effects.effect import LARGEST_CELLS, Effect, checked_strength
from infer.effects.patch import Patch

SMALLEST_CELL = 6.0  # pixels; a small, far face gets fewer cells instead of cells too fine to see


class ReducedEffect(Effect):
    """Covers objects with a reduced copy of themselves.

    Attributes:
        cells: samples across the object's longer side, at most.
        smallest_cell: pixels a sample stands for at least.
    """

    default_cells: ClassVar[float] = 8.0
    largest_cells: ClassVar[float] = LARGEST_CELLS
    across: ClassVar[str] = "an object"

    def __init__(self, strength: float = 1.0) -> None:
        """Set up.

        Args:
            strength: 1 leaves `default_cells` samples across an object, 2 half as many. Below about 0.67 more than
                12 are left and the object may be recognised or restored; `notes` then says so.

        Raises:
            UserError: for a strength that is not above 0.
        """
        super().__init__()
        self.cells = self.default_cells / checked_strength(strength)
        self.smallest_cell = max(1.0, SMALLEST_CELL * checked_strength(strength))
        if not self.anonymises:
            self.notes.append(
                f"{self.name} at strength {float(strength):g} leaves {self.cells:.0f} samples across {self.across} and "
                f"may be reversible; at most {self.largest_cells:g} hide it "
                f"(strength {self.default_cells / self.largest_cells:.2g} or more)"
            )

    @property
    def anonymises(self) -> bool:
        """Whether few enough samples are left."""
        return self.cells <= self.largest_cells

    def paint(self, canvas: Canvas, patch: Patch) -> None:
        """Replace the patch by its reduced, filtered and enlarged copy."""
        cells = cells_over(patch.alpha.shape, max(patch.span / self.cells, self.smallest_cell))
        shift = max(canvas.planes.layout.depth - 8, 0) + canvas.planes.layout.shift

        def change(samples: np.ndarray) -> np.ndarray:
            small = cv2.resize(samples, cells, interpolation=cv2.INTER_AREA)
            return self.enlarged(small, samples.shape[::-1], shift)

        canvas.filter(patch, change)

    def enlarged(self, small: np.ndarray, size_wh: tuple[int, ...], shift: int) -> np.ndarray:
        """Filter the reduced copy and bring it back to size.

        Args:
            small: (rows, columns) uint8 or uint16.
            size_wh: (width, height) of the patch's channel.
            shift: bits by which samples exceed 8 bits.
        """
        return cv2.resize(small, size_wh, interpolation=cv2.INTER_LINEAR)


class Pixelate(ReducedEffect):
    """Mosaic of at most `cells` tiles across the object."""

    name = "pixelate"

    def enlarged(self, small: np.ndarray, size_wh: tuple[int, ...], shift: int) -> np.ndarray:
        """Tiles with hard edges."""
        return cv2.resize(small, size_wh, interpolation=cv2.INTER_NEAREST)


class Gaussian(ReducedEffect):
    """Gaussian blur."""

    name = "gaussian"

    def enlarged(self, small: np.ndarray, size_wh: tuple[int, ...], shift: int) -> np.ndarray:
        """Blur at cell size, enlarge in two steps so that no facets show."""
        soft = cv2.GaussianBlur(small, (0, 0), 0.8)
        wide, high = (min(side * 4, limit) for side, limit in zip(small.shape[::-1], size_wh, strict=True))
        finer = cv2.GaussianBlur(cv2.resize(soft, (wide, high), interpolation=cv2.INTER_LINEAR), (0, 0), 1.6)
        return cv2.resize(finer, size_wh, interpolation=cv2.INTER_LINEAR)


class Backdrop(Gaussian):
    """Gaussian blur of a whole picture.

    24 samples across the picture leave at most 12 of anything that takes up half of it.
    """

    default_cells = 24.0
    largest_cells = 24.0
    across = "the picture"


class Average(ReducedEffect):
    """Box blur."""

    name = "average"

    def enlarged(self, small: np.ndarray, size_wh: tuple[int, ...], shift: int) -> np.ndarray:
        """Mean of 3 x 3 cells, enlarged bilinearly."""
        return cv2.resize(cv2.blur(small, (3, 3)), size_wh, interpolation=cv2.INTER_LINEAR)


class Median(ReducedEffect):
    """Median blur: flat patches of colour with rounded edges."""

    name = "median"

    def enlarged(self, small: np.ndarray, size_wh: tuple[int, ...], shift: int) -> np.ndarray:
        """Median at cell size, once more at six times that: OpenCV's median of 7 takes 8-bit samples only."""
        eight = (small >> shift).astype(np.uint8) if shift else small
        eight = cv2.medianBlur(eight, 3)
        wide, high = (min(side * 6, limit) for side, limit in zip(small.shape[::-1], size_wh, strict=True))
        eight = cv2.medianBlur(cv2.resize(eight, (wide, high), interpolation=cv2.INTER_LINEAR), 7)
        large = cv2.resize(eight, size_wh, interpolation=cv2.INTER_LINEAR)
        return large.astype(small.dtype) << shift if shift else large


class Bilateral(ReducedEffect):
    """Bilateral blur: soft within a surface, with its strong edges kept at cell size."""

    name = "bilateral"
    default_cells = 6.0  # it keeps edges: of eight samples a face detector still makes out a face now and then

    def enlarged(self, small: np.ndarray, size_wh: tuple[int, ...], shift: int) -> np.ndarray:
        """Filter at cell size in 8-bit units, enlarge bilinearly."""
        unit = np.float32(1 << shift)
        soft = cv2.bilateralFilter(small.astype(np.float32) / unit, 5, 40.0, 1.5)
        large = cv2.resize(soft, size_wh, interpolation=cv2.INTER_LINEAR)
        return np.clip(large * unit + np.float32(0.5), 0, 255 * unit).astype(small.dtype)
