"""Frames and the objects in them become masked frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import av
import numpy as np

from common.detections import FrameObjects
from common.planes import Planes, copy_picture, viewable
from common.region import DEFAULT_FEATHER, DEFAULT_GROW, Length, RegionShape, object_regions
from common.video.frame import Frame, upright
from infer.effects.canvas import Canvas
from infer.effects.effect import BACKGROUND, NOTHING, OBJECTS, Effect
from infer.effects.kept import union
from infer.effects.patch import Patch, make_patch, whole_patch

DEFAULT_SHAPE = "mask"


class Renderer:
    """Applies one effect to the objects of each frame.

    Pixels outside of the covered region keep their samples bit by bit. The covered region is the union of all
    objects' regions, rounded outwards to the picture's chroma grid (2 x 2 pixels for 4:2:0).

    Attributes:
        effect: what is done.
        shape: where it is done.
    """

    def __init__(
        self,
        effect: Effect,
        *,
        shape: str = DEFAULT_SHAPE,
        grow: str | float | None = None,
        feather: str | float | None = None,
        more: str | float = 0,
    ) -> None:
        """Set up.

        Args:
            effect: from `open_effect`.
            shape: "mask", "box" or "ellipse".
            grow: added around the object: pixels (12) or percent of its size ("15%"). None: by the shape of the
                region, see `common.region.DEFAULT_GROW`; a face box becomes an ellipse over the whole head.
            feather: width of a soft edge outside of that, likewise; None: see `common.region.DEFAULT_FEATHER`.
            more: added to `grow`, whether given or by default.

        Raises:
            UserError: for an unknown shape or a length that is none.
        """
        self.effect = effect
        self.shape = RegionShape(
            shape,
            None if grow is None else Length.parse(grow),
            None if feather is None else Length.parse(feather),
            kept=effect.hides == BACKGROUND,
            more=Length.parse(more),
        )
        self._last: tuple[FrameObjects, list[Patch], tuple[int, int]] | None = None

    def prepare(self, frames_and_objects: Iterable[tuple[Frame, FrameObjects]]) -> None:
        """Show the whole clip to the effect before rendering; worth a pass when `effect.needs_preparation`."""
        self.effect.prepare(self._prepared(frames_and_objects))

    def render(self, frame: Frame, objects: FrameObjects) -> av.VideoFrame:
        """Render one frame of a video.

        Args:
            frame: left untouched.
            objects: of this frame, display pixels. With `whole`, or when the frame is corrupt, all is covered.

        Returns:
            A new picture in the source's pixel format (or the nearest one that can be written to, see
            `common.planes.copy_picture`), with an alpha channel when `effect.needs_alpha`.

        Raises:
            UserError: when the pixel format cannot be handled or the objects do not belong to the picture.
        """
        picture = copy_picture(frame.picture, alpha=self.effect.needs_alpha)
        canvas = Canvas(Planes.of(picture), frame.rotation, frame.index)
        self._apply(canvas, objects, objects.whole or frame.corrupt)
        return picture

    def render_image(self, pixels: np.ndarray, objects: FrameObjects) -> np.ndarray:
        """Render a still image.

        Args:
            pixels: (H, W, 3) RGB or (H, W, 4) RGBA uint8, left untouched.
            objects: pixels of this image.

        Returns:
            A new array of the same shape; (H, W, 4) when `effect.needs_alpha`.
        """
        out = np.array(pixels, copy=True, order="C")
        if self.effect.needs_alpha and out.shape[2] == 3:
            out = np.concatenate([out, np.full((*out.shape[:2], 1), 255, np.uint8)], axis=2)
        self._apply(Canvas(Planes.of_array(out), 0, objects.index), objects, objects.whole)
        return out

    def region(
        self,
        objects: FrameObjects,
        size: tuple[int, int],
        *,
        rotation: int = 0,
        grid: tuple[int, int] = (1, 1),
    ) -> np.ndarray:
        """Say what is covered.

        Args:
            objects: of one frame.
            size: (height, width) of the display picture.
            rotation: of the frame, as in `Frame.rotation`; matters only for `grid`.
            grid: (rows, columns) under one chroma sample, (2, 2) for 4:2:0; (1, 1) leaves the region unrounded.

        Returns:
            (H, W) uint8, display orientation: 255 covered, 1..254 soft edge, 0 untouched. All 0 for an effect that
            hides nothing; the surroundings of the objects for one that hides the background.
        """
        stored_size = size if rotation % 2 == 0 else size[::-1]
        if self.effect.hides == NOTHING:
            return np.zeros(size, np.uint8)
        if objects.whole:
            return np.full(size, 255, np.uint8)
        alpha = union(self._patches(objects, size, rotation, grid), stored_size)
        if self.effect.hides == BACKGROUND:
            alpha = np.uint8(255) - alpha
        return upright(alpha, rotation)

    def covered(self, objects: FrameObjects, size: tuple[int, int]) -> float:
        """Share of the picture that is covered, soft edges not counted, 0..1.

        Right after `render` with the same objects nothing is computed twice.
        """
        if self._last is None or self._last[0] is not objects:
            return float((self.region(objects, size) == 255).mean())
        _, patches, stored_size = self._last
        if self.effect.hides == NOTHING:
            return 0.0
        alpha, pixels = union(patches, stored_size), stored_size[0] * stored_size[1]
        if self.effect.hides == BACKGROUND:
            return 1 - np.count_nonzero(alpha) / pixels
        return np.count_nonzero(alpha == 255) / pixels

    @property
    def notes(self) -> list[str]:
        """What the user should know before trusting the result."""
        return list(self.effect.notes)

    def settings(self) -> dict[str, Any]:
        """Effect and shape for a report: names, lengths, whether it anonymises."""
        lengths = {}
        for key, given, usual in (
            ("grow", self.shape.grow, DEFAULT_GROW),
            ("feather", self.shape.feather, DEFAULT_FEATHER),
        ):
            by_kind = ", ".join(f"{kind} {length}" for kind, length in usual.items())
            lengths[key] = by_kind if given is None else str(given)
        if self.shape.more.value:
            lengths["grow"] += f"; and {self.shape.more} more"
        return {
            "effect": self.effect.name,
            "anonymises": self.effect.anonymises,
            "shape": self.shape.shape,
            **lengths,
        }

    def _patches(
        self, objects: FrameObjects, size: tuple[int, int], rotation: int, grid: tuple[int, int]
    ) -> list[Patch]:
        regions = object_regions(objects.detections, size, self.shape)
        return [make_patch(region, size, rotation, grid) for region in regions]

    def _apply(self, canvas: Canvas, objects: FrameObjects, whole: str | None) -> None:
        self._last = None
        if whole:
            self.effect.apply_whole(canvas, whole)
            if self.effect.hides == OBJECTS:
                canvas.make_opaque(whole_patch(canvas.size))
            return
        patches = self._patches(objects, canvas.display_size, canvas.rotation, canvas.planes.layout.grid)
        self._last = objects, patches, canvas.size
        self.effect.apply(canvas, patches, objects)
        if self.effect.hides == OBJECTS:
            for patch in patches:
                canvas.make_opaque(patch)

    def _prepared(
        self, frames_and_objects: Iterable[tuple[Frame, FrameObjects]]
    ) -> Iterator[tuple[Canvas, list[Patch]]]:
        for frame, objects in frames_and_objects:
            if objects.whole or frame.corrupt:
                continue
            canvas = Canvas(Planes.of(viewable(frame.picture)), frame.rotation, frame.index)
            grid = canvas.planes.layout.grid
            yield canvas, self._patches(objects, canvas.display_size, frame.rotation, grid)
