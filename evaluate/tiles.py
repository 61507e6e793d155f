"""Crops of pictures with their surroundings, truth and detections drawn on: one a fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import supervision as sv
from pycocotools import mask as coco_mask

from common.figure_names import plain_names
from common.metrics.coco_evaluation import RUNS
from evaluate.faults import MISS, Fault

SIDE = 240  # pixels of a tile
CONTEXT = 0.8  # of the box's longer side, shown on every side of it
LEAST = 48  # pixels of the picture that a tile shows at least
TRUTH, FOUND, FOCUS = (60, 220, 90), (255, 150, 30), (255, 60, 60)  # RGB: labelled, detected, what the tile is about
QUALITY = 82  # of JPEG


@dataclass(frozen=True)
class Window:
    """The square of a picture that a tile shows.

    Attributes:
        left, top: of the square, pixels; may lie outside.
        side: pixels.
    """

    left: int
    top: int
    side: int

    @property
    def scale(self) -> float:
        """Pixels of the tile per pixel of the picture."""
        return SIDE / self.side


def window(box: Sequence[float], size: tuple[int, int]) -> Window:
    """Return the square around a box (x1, y1, x2, y2) with its surroundings, inside a picture (H, W) where it fits."""
    x1, y1, x2, y2 = box
    longer = max(x2 - x1, y2 - y1, 1)
    side = max(LEAST, round(min((1 + 2 * CONTEXT) * longer, max(1.1 * longer, min(size)))))
    return Window(_start((x1 + x2) / 2, side, size[1]), _start((y1 + y2) / 2, side, size[0]), side)


def _start(middle: float, side: int, length: int) -> int:
    """First pixel of a stretch around `middle` that keeps inside the picture, or has the picture in its middle."""
    if side >= length:
        return (length - side) // 2
    return min(max(round(middle - side / 2), 0), length - side)


def tile(picture: np.ndarray, fault: Fault, truth: sv.Detections, found: sv.Detections) -> np.ndarray:
    """Draw one fault.

    Args:
        picture: (H, W, 3) uint8 RGB.
        fault: what the tile is about.
        truth: objects of the picture.
        found: detections of the picture that count.

    Returns:
        (SIDE, SIDE, 3) uint8 RGB: labelled objects in green, detections in orange, the fault itself in red.
    """
    shown = window(fault.box, (picture.shape[0], picture.shape[1]))
    canvas = _cut(picture, shown)
    for objects, colour in ((truth, TRUTH), (found, FOUND)):
        for place in range(len(objects)):
            _draw(canvas, objects, place, shown, colour, 1)
    own = truth if fault.kind == MISS else None
    if own is not None and fault.index < len(own):
        _draw(canvas, own, fault.index, shown, FOCUS, 2)
    else:
        _rectangle(canvas, fault.box, shown, FOCUS, 2)
    return canvas


def _cut(picture: np.ndarray, shown: Window) -> np.ndarray:
    """Cut the window out and scale it; what lies outside the picture is grey."""
    matrix = np.array([[shown.scale, 0, -shown.left * shown.scale], [0, shown.scale, -shown.top * shown.scale]])
    source = picture
    if shown.scale < 0.5:  # averaged first, or fine structure turns into patterns
        smaller = 2 * shown.scale
        size = (max(1, round(picture.shape[1] * smaller)), max(1, round(picture.shape[0] * smaller)))
        source = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        matrix[:, 0] *= picture.shape[1] / size[0]
        matrix[:, 1] *= picture.shape[0] / size[1]
    return cv2.warpAffine(
        source, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(96, 96, 96)
    )


def _draw(
    canvas: np.ndarray, objects: sv.Detections, place: int, shown: Window, colour: tuple[int, int, int], width: int
) -> None:
    """Draw one object: the outline of its mask, its box where there is none."""
    outlines = _outlines(objects, place)
    if not outlines:
        _rectangle(canvas, objects.xyxy[place], shown, colour, width)
        return
    for outline in outlines:
        points = (outline.reshape(-1, 2) + 0.5 - (shown.left, shown.top)) * shown.scale
        cv2.polylines(canvas, [np.round(points).astype(np.int32)], True, colour, width, cv2.LINE_AA)


def _outlines(objects: sv.Detections, place: int) -> list[np.ndarray]:
    if RUNS in objects.data:
        mask = coco_mask.decode(objects.data[RUNS][place])
    elif objects.mask is not None:
        mask = np.asarray(objects.mask[place], np.uint8)
    else:
        return []
    return list(cv2.findContours(np.ascontiguousarray(mask), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0])


def _rectangle(
    canvas: np.ndarray, box: Sequence[float], shown: Window, colour: tuple[int, int, int], width: int
) -> None:
    corners = (np.asarray(box, float).reshape(2, 2) - (shown.left, shown.top)) * shown.scale
    (x1, y1), (x2, y2) = np.round(corners).astype(int).tolist()
    cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, width, cv2.LINE_AA)


def jpeg(pixels: np.ndarray) -> bytes:
    """Encode (H, W, 3) uint8 RGB."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()


@plain_names()
def sheet(tiles: Sequence[tuple[np.ndarray, str]], title: str, columns: int = 6) -> bytes:
    """Put tiles with captions on one PNG.

    Args:
        tiles: (SIDE, SIDE, 3) uint8 RGB each, and its caption, a few short lines.
        title: above all.
        columns: tiles in a row.
    """
    from io import BytesIO

    from matplotlib.figure import Figure

    rows = max(1, -(-len(tiles) // columns))
    figure = Figure(figsize=(2.1 * columns, 0.5 + 2.75 * rows), layout="constrained")
    figure.suptitle(title, fontsize=11)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, (pixels, caption) in zip(axes, tiles, strict=False):
        axis.imshow(pixels)
        axis.set_title(caption, fontsize=6.5, loc="left", pad=3)
    if not tiles:
        axes[0].text(0, 0.5, "none", transform=axes[0].transAxes)
    out = BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()
