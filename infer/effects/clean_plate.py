"""Objects removed: the background seen in other frames takes their place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from common.detections import FrameObjects
from infer.effects.canvas import Canvas, Spot
from infer.effects.effect import Effect
from infer.effects.inpaint import inpainted
from infer.effects.kept import union
from infer.effects.patch import Patch
from infer.effects.plates import CutFinder, PlateStore, SceneSamples

_GUESSED = 0.05  # of an object never uncovered counts as guessed
_WORST_FIT = 10.0  # 8-bit levels by which the plate may differ around an object
_ALIKE, _LEAST_UNLIKE = 12.0, 0.1  # 8-bit levels, and share of an object that must differ more from its background


class CleanPlate(Effect):
    """Fills objects with their background.

    `prepare` gathers one background a scene from a still camera. Where there is none that fits (moving camera, hardly
    seen, single image), the surroundings of the object are continued inwards. So they are where the background looks
    like what is to be hidden: then the object itself, missed for a while, may have been taken for the background.
    """

    name = "clean-plate"
    needs_preparation = True

    def __init__(self) -> None:
        super().__init__()
        self._plates: PlateStore | None = None
        self._filled = 0
        self._guessed = 0

    def prepare(self, pictures: Iterable[tuple[Canvas, Sequence[Patch]]]) -> None:
        """Gather the background of each scene."""
        self._plates = PlateStore()
        cuts, scene = CutFinder(), None
        for canvas, patches in pictures:
            cut = cuts.is_cut(canvas, patches)
            if scene is not None and (cut or not scene.fits(canvas)):
                self._plates.add(scene.start, scene.plate())
                scene = None
            if scene is None:
                scene = SceneSamples(canvas)
            scene.add(canvas, patches)
        if scene is not None:
            self._plates.add(scene.start, scene.plate())

    def apply(self, canvas: Canvas, patches: Sequence[Patch], objects: FrameObjects) -> None:
        """Fill every patch."""
        if not patches:
            return
        hidden = union(patches, canvas.size)
        for patch in patches:
            self._fill(canvas, patch, hidden)
        self.notes = []
        if self._guessed:
            self.notes.append(
                f"{self._guessed} of {self._filled} objects had no background seen for long enough elsewhere in the "
                "scene and were filled from their surroundings"
            )

    def _fill(self, canvas: Canvas, patch: Patch, hidden: np.ndarray) -> None:
        wide = _with_surroundings(patch, hidden, canvas.planes.layout.grid)
        spots = canvas.spots(wide)
        plate = self._plates.find(canvas.index) if self._plates else None
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        if plate is not None and plate.channels[0].shape == canvas.planes.channels[0].shape:
            for spot in spots:
                rows, columns = _place(wide, spot.scale, spot.alpha.shape)
                parts.append((plate.channels[spot.channel][rows, columns], plate.unseen[spot.channel][rows, columns]))
        unit = (canvas.planes.coding.top + 1) / 256
        own = canvas.spots(Patch(wide.top, wide.left, _only(patch, wide), patch.span, patch.index))
        offsets = _fit([(s.view, s.alpha, *p) for s, p in zip(spots, parts, strict=False)], unit)
        if offsets is not None and _shows_object(own[0], parts[0], offsets[0], unit):
            offsets = None
        self._filled += 1
        if offsets is None:
            self._guessed += 1
        else:
            mine = own[0].alpha > 0
            self._guessed += bool((parts[0][1] & mine).sum() > _GUESSED * mine.sum())
        for number, (spot, target) in enumerate(zip(spots, own, strict=True)):
            if offsets is None:
                content = inpainted(spot.view, spot.alpha > 0)
            else:
                background, unseen = parts[number]
                shifted = background.astype(np.int32) + offsets[number]
                content = np.clip(shifted, 0, canvas.planes.coding.top).astype(spot.view.dtype)
                if unseen.any():
                    content = inpainted(content, unseen)
            canvas.blend(target, content)


def _with_surroundings(patch: Patch, hidden: np.ndarray, grid: tuple[int, int]) -> Patch:
    """Widen a patch so that what is around the object is in view; its alpha is what is hidden there by any object."""
    margin = int(max(8, 0.1 * patch.span))
    rows, columns = (-(-margin // step) * step for step in grid)
    top, left = max(patch.top - rows, 0), max(patch.left - columns, 0)
    bottom = min(patch.top + patch.alpha.shape[0] + rows, hidden.shape[0])
    right = min(patch.left + patch.alpha.shape[1] + columns, hidden.shape[1])
    return Patch(top, left, hidden[top:bottom, left:right], patch.span, patch.index)


def _only(patch: Patch, wide: Patch) -> np.ndarray:
    """Place the patch's own alpha into the widened one."""
    alpha = np.zeros(wide.alpha.shape, np.uint8)
    top, left = patch.top - wide.top, patch.left - wide.left
    alpha[top : top + patch.alpha.shape[0], left : left + patch.alpha.shape[1]] = patch.alpha
    return alpha


def _place(patch: Patch, scale: tuple[int, int], shape: tuple[int, ...]) -> tuple[slice, slice]:
    top, left = patch.top // scale[0], patch.left // scale[1]
    return slice(top, top + shape[0]), slice(left, left + shape[1])


def _fit(parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]], unit: float) -> list[int] | None:
    """Compare the plate with the picture around an object.

    Args:
        parts: for each channel the picture, what is hidden in it (alpha), the plate, and where that is unseen.
        unit: sample values per 8-bit level.

    Returns:
        What to add to each channel of the plate (light changes), or None when the plate does not fit.
    """
    if not parts:
        return None
    offsets = []
    for number, (view, alpha, background, unseen) in enumerate(parts):
        free = (cv2.dilate(alpha, np.ones((3, 3), np.uint8)) == 0) & ~unseen
        if not free.any():
            offsets.append(0)
            continue
        difference = view[free].astype(np.int32) - background[free]
        offset = float(np.median(difference))
        if number == 0 and float(np.abs(difference - offset).mean()) > _WORST_FIT * unit:
            return None
        offsets.append(round(offset))
    return offsets


def _shows_object(spot: Spot, part: tuple[np.ndarray, np.ndarray], offset: int, unit: float) -> bool:
    """Tell whether the plate looks like what it is to hide.

    Args:
        spot: the first channel of the object.
        part: the plate there, and where it is unseen.
        offset: what is to be added to the plate.
        unit: sample values per 8-bit level.
    """
    background, unseen = part
    used = (spot.alpha == 255) & ~unseen
    if not used.any():
        return False
    difference = spot.view[used].astype(np.int32) - background[used] - offset
    return float((np.abs(difference) > _ALIKE * unit).mean()) < _LEAST_UNLIKE
