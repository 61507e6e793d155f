"""Where an object is covered: its mask, box or ellipse, grown and feathered.

All coordinates are display pixels; pixel i spans [i, i + 1). A region never shrinks the object it was made from:
growing and feathering only add, and what would lie outside the picture is cut off, not wrapped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
import supervision as sv

from common.detections import MANUAL
from common.errors import UserError

Box = tuple[float, float, float, float]  # (x1, y1, x2, y2) pixels
SHAPES = ("mask", "box", "ellipse")


@dataclass(frozen=True)
class Length:
    """A length in pixels, or in percent of an object's size (the side of a square of its box's area)."""

    value: float
    percent: bool = False

    @classmethod
    def parse(cls, text: str | float | Length) -> Length:
        """Read "12", "12px", "15%" or a number of pixels.

        Raises:
            UserError: for anything else, and for negative lengths (a region never shrinks).
        """
        if isinstance(text, Length):
            return text
        match = re.fullmatch(r"\s*(-?\d+(?:\.\d*)?|-?\.\d+)\s*(px|%)?\s*", text) if isinstance(text, str) else None
        if isinstance(text, str) and not match:
            raise UserError(f"'{text}' is no length; give pixels (12) or percent of the object's size (15%)")
        value = float(match[1] if match else text)
        if not 0 <= value < 1e6:
            raise UserError(f"'{text}' would shrink what is covered or is no length; give 0 or more")
        return cls(value, bool(match and match[2] == "%"))

    def __str__(self) -> str:
        return f"{self.value:g}{'%' if self.percent else 'px'}"

    def pixels(self, object_size: float) -> float:
        """Turn into pixels for an object of `object_size` pixels."""
        return self.value * object_size / 100 if self.percent else self.value


# What is added by default, by the shape a region really has. A detector's face box runs from the brow to the chin:
# a quarter of its size all around takes in hair, ears and jaw. A detector draws a mask inside its box, so the mask
# lacks what the box lacks and needs the same margin: with less the tops of wigs and hats stayed bare, cut off straight
# (docs/evaluation.md, "Does a choice hold?"). What is kept rather than hidden is cut along its mask.
DEFAULT_GROW = {
    "mask": Length(15, True),
    "kept mask": Length(0),
    "box": Length(15, True),
    "ellipse": Length(25, True),
    "manual": Length(0),
}
USUAL_GROW = "usual_grow"  # in the settings of a detections file: `DEFAULT_GROW` of the version that wrote it
DEFAULT_FEATHER = {
    "mask": Length(3, True),
    "kept mask": Length(1, True),
    "box": Length(0),
    "ellipse": Length(8, True),
    "manual": Length(0),
}


@dataclass(frozen=True)
class RegionShape:
    """How objects become regions.

    Attributes:
        shape: "mask" (the object's mask; without one an ellipse, for boxes set by hand the box), "box" or "ellipse".
        grow: added all around; None: `usual`.
        more: added to that.
        feather: width of the soft edge, outside of the grown region; None: `DEFAULT_FEATHER`.
        kept: the objects are what stays.
        usual: what None stands for in `grow`, by the shape a region really has.
    """

    shape: str = "mask"
    grow: Length | None = None
    feather: Length | None = None
    kept: bool = False
    more: Length = Length(0)
    usual: Mapping[str, Length] = field(default_factory=lambda: DEFAULT_GROW)

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise UserError(f"unknown shape '{self.shape}'; choose one of: {', '.join(SHAPES)}")

    def margins(self, kind: str, box: Box) -> tuple[float, float]:
        """(grow, feather) in pixels for a region of `kind` around an object with this box."""
        size = float(np.sqrt(max(box[2] - box[0], 1) * max(box[3] - box[1], 1)))
        grow = self.usual[kind] if self.grow is None else self.grow
        feather = DEFAULT_FEATHER[kind] if self.feather is None else self.feather
        return grow.pixels(size) + self.more.pixels(size), feather.pixels(size)


@dataclass(frozen=True)
class Region:
    """The covered part of one object.

    Attributes:
        top: first picture row of `alpha`.
        left: first picture column of `alpha`.
        alpha: (h, w) uint8, 255 covered, 1..254 the soft edge, 0 untouched.
        box: (x1, y1, x2, y2) of the object itself, display pixels.
        index: place of the object in its frame's detections.
    """

    top: int
    left: int
    alpha: np.ndarray
    box: Box
    index: int

    @property
    def span(self) -> float:
        """Longer side of the object, pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1], 1.0)


def object_regions(detections: sv.Detections, size: tuple[int, int], shape: RegionShape) -> list[Region]:
    """Find what is covered of every object that reaches into the picture.

    Args:
        detections: boxes (N, 4) and, optionally, masks as (N, H, W) bool or `supervision.CompactMask`.
        size: (height, width) of the display picture.
        shape: how regions are made.

    Raises:
        UserError: when masks are of another size than the picture.
    """
    masks = detections.mask
    if masks is not None and len(detections) and tuple(masks.shape[1:]) != tuple(size):
        height, width = masks.shape[1:]
        raise UserError(f"masks are {width}x{height}, the picture is {size[1]}x{size[0]}: not the same video")
    origins = detections.data.get("origin")
    regions = []
    for index in range(len(detections)):
        manual = origins is not None and origins[index] == MANUAL
        region = _object_region(detections, index, size, shape, manual)
        if region is not None:
            regions.append(region)
    return regions


def _object_region(
    detections: sv.Detections, index: int, size: tuple[int, int], shape: RegionShape, manual: bool
) -> Region | None:
    x1, y1, x2, y2 = (float(value) for value in detections.xyxy[index])
    box: Box = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    crop = _mask_crop(detections.mask, index) if shape.shape == "mask" else None
    if crop is not None:
        kind = "kept mask" if shape.kept else "mask"
        top, left, solid = crop
        box = (left, top, left + solid.shape[1], top + solid.shape[0])
    elif shape.shape == "mask":
        kind = "manual" if manual else "ellipse"
    else:
        kind = shape.shape
    grow, feather = shape.margins(kind, box)
    bounds = _pixel_bounds(_past_borders(box, size) if kind == "ellipse" else box, grow + feather + 1, size)
    if bounds[0] >= bounds[2] or bounds[1] >= bounds[3]:
        return None
    if crop is not None:
        alpha = _mask_alpha(crop, bounds, grow, feather)
    elif kind == "ellipse":
        alpha = _ellipse_alpha(box, bounds, size, (grow, feather))
    else:
        alpha = _box_alpha(box, bounds, grow, feather)
    return Region(bounds[0], bounds[1], alpha, box, index)


def _pixel_bounds(outer: Box, margin: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Rows and columns of the picture that a region can touch: (top, left, bottom, right)."""
    x1, y1, x2, y2 = outer
    return (
        max(int(np.floor(y1 - margin)), 0),
        max(int(np.floor(x1 - margin)), 0),
        min(int(np.ceil(y2 + margin)), size[0]),
        min(int(np.ceil(x2 + margin)), size[1]),
    )


def _mask_crop(masks: object, index: int) -> tuple[int, int, np.ndarray] | None:
    """Cut one mask to its pixels: (top, left, (h, w) uint8 of 0 and 1), or None when it is empty or absent."""
    if masks is None:
        return None
    if hasattr(masks, "crop"):
        crop = np.array(masks.crop(index), np.uint8)
        left, top = (int(value) for value in masks.offsets[index])  # type: ignore[attr-defined]
    else:
        dense: np.ndarray = masks[index]  # type: ignore[index]
        crop = np.ascontiguousarray(dense if dense.dtype == np.bool_ else dense != 0).view(np.uint8)
        top = left = 0
    x, y, width, height = cv2.boundingRect(crop)
    if not width:
        return None
    return top + y, left + x, crop[y : y + height, x : x + width]


def _mask_alpha(
    crop: tuple[int, int, np.ndarray], bounds: tuple[int, int, int, int], grow: float, feather: float
) -> np.ndarray:
    """Place a mask into `bounds`, grown by `grow` and softened over `feather` pixels outside."""
    top, left, solid = crop
    height, width = bounds[2] - bounds[0], bounds[3] - bounds[1]
    placed = np.zeros((height, width), np.uint8)
    rows = slice(max(top, bounds[0]) - top, min(top + solid.shape[0], bounds[2]) - top)
    columns = slice(max(left, bounds[1]) - left, min(left + solid.shape[1], bounds[3]) - left)
    at_row, at_column = max(top - bounds[0], 0), max(left - bounds[1], 0)
    part = solid[rows, columns]
    placed[at_row : at_row + part.shape[0], at_column : at_column + part.shape[1]] = part
    if grow <= 0 and feather <= 0:
        return placed * np.uint8(255)
    return _softened(placed, grow, feather)


def _softened(placed: np.ndarray, grow: float, feather: float) -> np.ndarray:
    """Turn (h, w) uint8 of 0 and 1 into alpha by the distance to the nearest 1."""
    if not placed.any():
        return placed
    distance = cv2.distanceTransform(1 - placed, cv2.DIST_L2, cv2.DIST_MASK_5)
    if feather <= 0:
        return np.where(distance <= grow + 1e-3, np.uint8(255), np.uint8(0))
    ramp = 255 - (distance - np.float32(grow)) * np.float32(255 / (feather + 1))
    return np.where(distance <= grow + 1e-3, 255, np.clip(ramp, 0, 254)).astype(np.uint8)


def _box_alpha(box: Box, bounds: tuple[int, int, int, int], grow: float, feather: float) -> np.ndarray:
    top, left, bottom, right = bounds
    x1, y1, x2, y2 = box[0] - grow, box[1] - grow, box[2] + grow, box[3] + grow
    rows = _outside(np.arange(top, bottom), y1, y2)
    columns = _outside(np.arange(left, right), x1, x2)
    distance = np.maximum(rows[:, None], columns[None, :])
    return _ramp(distance, feather)


def _outside(pixels: np.ndarray, low: float, high: float) -> np.ndarray:
    """How many pixels each pixel lies outside of [low, high); 0 when it is touched."""
    first, last = np.floor(low), max(np.ceil(high), np.floor(low) + 1) - 1
    return np.maximum(np.maximum(first - pixels, pixels - last), 0).astype(np.float32)


def _ramp(distance: np.ndarray, feather: float) -> np.ndarray:
    if feather <= 0:
        return np.where(distance <= 0, np.uint8(255), np.uint8(0))
    return np.clip(255 - distance * np.float32(255 / (feather + 1)), 0, 255).astype(np.uint8)


def _past_borders(box: Box, size: tuple[int, int]) -> Box:
    """Continue a box that a border cuts off: mirrored at that border."""
    x1, y1, x2, y2 = box
    height, width = size
    return (
        min(x1, -x2) if x1 <= 1 else x1,
        min(y1, -y2) if y1 <= 1 else y1,
        max(x2, 2 * width - x1) if x2 >= width - 1 else x2,
        max(y2, 2 * height - y1) if y2 >= height - 1 else y2,
    )


def _ellipse_alpha(
    box: Box,
    bounds: tuple[int, int, int, int],
    size: tuple[int, int],
    margins: tuple[float, float],
) -> np.ndarray:
    """Ellipse inscribed in the grown box.

    The box of an object half outside the picture ends at the border; an ellipse inscribed in it would leave the cut
    edge bare. So the ellipse of the box mirrored at that border is covered too.
    """
    grow, feather = margins
    rows, columns = np.arange(bounds[0], bounds[2]) + 0.5, np.arange(bounds[1], bounds[3]) + 0.5
    alpha = _one_ellipse(box, rows, columns, grow, feather)
    beyond = _past_borders(box, size)
    if beyond != box:
        alpha = np.maximum(alpha, _one_ellipse(beyond, rows, columns, grow, feather))
    return alpha


def _one_ellipse(box: Box, rows: np.ndarray, columns: np.ndarray, grow: float, feather: float) -> np.ndarray:
    x1, y1, x2, y2 = box
    # Half a pixel more, so that every pixel the ellipse touches is covered.
    wide, high = (x2 - x1) / 2 + grow + 0.5, (y2 - y1) / 2 + grow + 0.5
    x = np.abs(columns - (x1 + x2) / 2)
    y = np.abs(rows - (y1 + y2) / 2)
    reach = wide * np.sqrt(np.maximum(1 - (y / high) ** 2, 0))
    solid = ((x[None, :] <= reach[:, None]) & (y <= high)[:, None]).view(np.uint8)
    if feather <= 0:
        return solid * np.uint8(255)
    return _softened(solid, 0.0, feather)
