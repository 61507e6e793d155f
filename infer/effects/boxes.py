"""Boxes with captions: shows what was found, hides nothing."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import supervision as sv

from common.detections import FrameObjects
from common.region import Region
from infer.effects.canvas import Canvas
from infer.effects.effect import NOTHING, Effect
from infer.effects.patch import Patch, make_patch

PALETTE = (
    (230, 60, 60),
    (60, 140, 230),
    (50, 170, 80),
    (230, 150, 30),
    (150, 80, 200),
    (20, 170, 170),
    (220, 80, 160),
    (130, 110, 60),
)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class Boxes(Effect):
    """Draws each object's box with its class, score, track and, when not detected, its origin."""

    name = "none"
    hides = NOTHING

    def __init__(self, classes: Sequence[str] = ()) -> None:
        """Set up.

        Args:
            classes: names by class id; an id without a name is shown as a number.
        """
        super().__init__()
        self.classes = list(classes)
        self.notes.append("none hides nothing: it draws boxes over the open picture")

    def apply(self, canvas: Canvas, patches: Sequence[Patch], objects: FrameObjects) -> None:
        """Draw boxes, then captions on top."""
        height = canvas.display_size[0]
        line = max(1, round(height / 360))
        found = objects.detections
        for index in range(len(found)):
            self._draw_box(canvas, found.xyxy[index], line, self._colour(found, index))
        for index in range(len(found)):
            x1, y1, _, y2 = (float(value) for value in found.xyxy[index])
            self._draw_caption(canvas, self.caption(found, index), (x1, y1, y2), self._colour(found, index))

    def apply_whole(self, canvas: Canvas, reason: str) -> None:
        """Say why the frame could not be analysed; this effect hides nothing."""
        self._draw_caption(canvas, reason, (0.0, 0.0, 0.0), PALETTE[0])

    def caption(self, found: sv.Detections, index: int) -> str:
        """Name one object: "face 0.87 #3 propagated"."""
        class_id = _class_id(found, index)
        parts = [self.classes[class_id] if 0 <= class_id < len(self.classes) else f"class {class_id}"]
        if found.confidence is not None:
            parts.append(f"{float(found.confidence[index]):.2f}")
        if found.tracker_id is not None and found.tracker_id[index] >= 0:
            parts.append(f"#{int(found.tracker_id[index])}")
        origin = found.data.get("origin")
        if origin is not None and origin[index] != "detected":
            parts.append(str(origin[index]))
        return " ".join(parts)

    def _colour(self, found: sv.Detections, index: int) -> tuple[int, int, int]:
        track = -1 if found.tracker_id is None else int(found.tracker_id[index])
        return PALETTE[(track if track >= 0 else _class_id(found, index)) % len(PALETTE)]

    def _draw_box(self, canvas: Canvas, box: np.ndarray, line: int, colour: tuple[int, int, int]) -> None:
        height, width = canvas.display_size
        left, right = (int(np.clip(round(float(x)), 0, width)) for x in sorted((box[0], box[2])))
        top, bottom = (int(np.clip(round(float(y)), 0, height)) for y in sorted((box[1], box[3])))
        if left >= right or top >= bottom:
            return
        for rows, columns in (
            ((top, min(top + line, bottom)), (left, right)),
            ((max(bottom - line, top), bottom), (left, right)),
            ((top, bottom), (left, min(left + line, right))),
            ((top, bottom), (max(right - line, left), right)),
        ):
            alpha = np.full((rows[1] - rows[0], columns[1] - columns[0]), 255, np.uint8)
            canvas.fill(_display_patch(canvas, rows[0], columns[0], alpha), colour)

    def _draw_caption(
        self, canvas: Canvas, text: str, place: tuple[float, float, float], colour: tuple[int, int, int]
    ) -> None:
        """Write above the box, under it when there is no room, and always inside the picture."""
        height, width = canvas.display_size
        ink = caption_bitmap(text, (height, width))
        x1, y1, y2 = place
        top = y1 - ink.shape[0] if y1 >= ink.shape[0] else y2
        top = int(np.clip(top, 0, height - ink.shape[0]))
        left = int(np.clip(x1, 0, width - ink.shape[1]))
        canvas.fill(_display_patch(canvas, top, left, np.full_like(ink, 255)), colour)
        canvas.fill(_display_patch(canvas, top, left, ink), (255, 255, 255))


def _class_id(found: sv.Detections, index: int) -> int:
    return -1 if found.class_id is None else int(found.class_id[index])


def caption_bitmap(text: str, size: tuple[int, int]) -> np.ndarray:
    """Write one line of text that fits into a picture of `size` (height, width).

    Returns:
        (h, w) uint8, 255 ink; h <= height and w <= width. Letters shrink, then the end is cut off, so that it fits.
    """
    height, width = size
    text = text.encode("ascii", "replace").decode()  # OpenCV's font has no other letters
    scale = max(0.35, min(height, width) / 1000)
    thickness = max(1, round(scale * 1.5))
    (wide, high), base = cv2.getTextSize(text, _FONT, scale, thickness)
    pad = max(2, high // 4)
    if wide + 2 * pad > width:
        scale = max(0.3, scale * (width - 2 * pad) / wide)
        thickness = 1
        (wide, high), base = cv2.getTextSize(text, _FONT, scale, thickness)
    ink = np.zeros((high + base + 2 * pad, wide + 2 * pad), np.uint8)
    cv2.putText(ink, text, (pad, pad + high), _FONT, scale, (255,), thickness, cv2.LINE_AA)
    return ink[:height, :width]


def _display_patch(canvas: Canvas, top: int, left: int, alpha: np.ndarray) -> Patch:
    region = Region(top, left, alpha, (left, top, left + alpha.shape[1], top + alpha.shape[0]), -1)
    return make_patch(region, canvas.display_size, canvas.rotation, canvas.planes.layout.grid, rounded=False)
