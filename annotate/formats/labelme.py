"""labelme's JSON, one file a picture: polygons, rectangles, circles, and masks drawn by its segmentation assistant.

supervision reads polygons and rectangles and leaves the other shapes out; for hiding, a label that is left out is a
leak, so it is not used here.
"""

from __future__ import annotations

import base64
import io
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv
from PIL import Image, UnidentifiedImageError

from annotate import segmentation
from annotate.faults import Fault
from annotate.formats.raw import RawLabels, RawObject, unreadable

SUFFIX = ".json"
CIRCLE_CORNERS = 48
LINES = ("point", "points", "line", "linestrip")  # shapes without an inside
_Drawn = tuple[tuple[float, float, float, float], tuple[np.ndarray, ...], tuple[int, ...] | None]


class _ShapeError(ValueError):
    """A shape that cannot be used: kind of fault and reason."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class _MaskError(ValueError):
    """A mask that cannot be read, and the reason."""


def is_labelme(content: Any) -> bool:
    """Whether parsed JSON has labelme's form."""
    return isinstance(content, dict) and isinstance(content.get("shapes"), list)


def read(path: Path) -> RawLabels:
    """Read one file; shapes with one label and one `group_id` are parts of one object.

    Returns:
        What it says; faults are values, nothing is raised for them.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text)
    except json.JSONDecodeError as error:
        return unreadable(path, error.lineno, f"not JSON: {error.msg}")
    except (OSError, ValueError, RecursionError) as error:
        return unreadable(path, 0, str(error))
    if not is_labelme(content):
        return unreadable(path, 1, 'no "shapes": not labelme')
    size = _size(content)
    lines = [text.count("\n", 0, match.start()) + 1 for match in re.finditer(r'"label"\s*:', text)]
    lines = lines if len(lines) == len(content["shapes"]) else [0] * len(content["shapes"])
    objects: dict[Any, RawObject] = {}
    faults = []
    for number, (shape, line) in enumerate(zip(content["shapes"], lines, strict=True)):
        try:
            drawn, problem = _shape(shape, size, line)
        except _ShapeError as error:
            faults.append(Fault(path, line, error.kind, str(error)))
            continue
        if problem:
            faults.append(Fault(path, line, "bad-polygon", problem))
        if not drawn.name:
            faults.append(Fault(path, line, "no-class", '"label" is missing or empty; write the class into it'))
            continue
        group = shape.get("group_id")
        key = number if group is None else (drawn.name, str(group))
        objects[key] = _joined(objects[key], drawn, size) if key in objects else drawn
    picture = content.get("imagePath")
    return RawLabels(path, picture if isinstance(picture, str) else "", size, tuple(objects.values()), tuple(faults))


def _size(content: dict[str, Any]) -> tuple[int, int] | None:
    height, width = content.get("imageHeight"), content.get("imageWidth")
    whole = all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in (height, width))
    return (int(height), int(width)) if whole and height and width else None


def _shape(shape: Any, size: tuple[int, int] | None, line: int) -> tuple[RawObject, str]:
    """The object, and what is wrong with its mask: then it has its box alone."""
    if not isinstance(shape, dict):
        raise _ShapeError("bad-number", "a shape is no object of JSON")
    label = shape.get("label")
    name = label.strip() if isinstance(label, str) else ""
    kind = shape.get("shape_type") or "polygon"
    points = _points(shape.get("points"), kind)
    problem = ""
    try:
        outline = _drawn(kind, points, shape.get("mask"), size)
    except _MaskError as error:
        if len(points) < 2:
            raise _ShapeError("bad-number", str(error)) from None
        # A mask's two points are its first and its last pixel.
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0) + 1
        outline, problem = ((float(left), float(top), float(right), float(bottom)), (), None), str(error)
    flags: Any = shape.get("flags")
    flags = flags if isinstance(flags, dict) else {}
    difficult, truncated, crowd = (bool(flags.get(mark)) for mark in ("difficult", "truncated", "crowd"))
    found = RawObject(name, *outline, difficult=difficult, truncated=truncated, crowd=crowd, line=line)
    return found, problem


def _drawn(kind: str, points: np.ndarray, mask: Any, size: tuple[int, int] | None) -> _Drawn:
    """Box, outlines and run lengths of a shape."""
    if kind == "mask":
        return _mask(mask, points.min(axis=0), size)
    if kind == "circle":
        radius = math.dist(points[0], points[1])
        angles = np.linspace(0, 2 * np.pi, CIRCLE_CORNERS, endpoint=False)
        outline = points[0] + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        x, y = (float(place) for place in points[0])
        return (x - radius, y - radius, x + radius, y + radius), (outline,), None
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    box = (float(left), float(top), float(right), float(bottom))
    return box, (points,) if kind == "polygon" else (), None


def _points(values: Any, kind: str) -> np.ndarray:
    # An outline with fewer corners than three is named, and its box used, once the picture is known.
    least = {"polygon": 1, "rectangle": 2, "circle": 2, "mask": 1}
    if kind in LINES:
        raise _ShapeError("zero-area", f"a {kind} encloses nothing; expected one of {', '.join(least)}")
    if kind not in least:
        raise _ShapeError("bad-number", f"a {kind} is not known; expected one of {', '.join(least)}")
    try:
        points = np.array(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        points = np.zeros((0, 0))
    if points.ndim != 2 or points.shape[1:] != (2,) or len(points) < least[kind] or not np.isfinite(points).all():
        raise _ShapeError("bad-number", f"the points of a {kind} must be {least[kind]} or more pairs of numbers")
    return points


def _mask(text: Any, corner: np.ndarray, size: tuple[int, int] | None) -> _Drawn:
    """Box, no polygons and run lengths of a mask that is stored as a PNG in base64, its top left at `corner`."""
    if size is None:
        raise _MaskError("a mask needs imageHeight and imageWidth in the file")
    try:
        with Image.open(io.BytesIO(base64.b64decode(text))) as image:
            crop = np.array(image.convert("L")) > 0
    except (TypeError, ValueError, OSError) as error:
        reason = "not a picture" if isinstance(error, UnidentifiedImageError) else error
        raise _MaskError(f"the mask is no picture in base64 ({reason})") from None
    left, top = (round(float(place)) for place in corner)
    whole = np.zeros(size, bool)
    inside = whole[max(top, 0) : top + crop.shape[0], max(left, 0) : left + crop.shape[1]]
    inside |= crop[max(-top, 0) :, max(-left, 0) :][: inside.shape[0], : inside.shape[1]]
    if not inside.any():
        raise _ShapeError("zero-area", "the mask is empty")
    rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return box, (), tuple(int(run) for run in sv.mask_to_rle(whole))


def _joined(first: RawObject, second: RawObject, size: tuple[int, int] | None) -> RawObject:
    """Two parts of one object; a mask and anything make a mask."""
    runs = None
    if size is not None and (first.runs is not None or second.runs is not None):
        runs = tuple(int(run) for run in sv.mask_to_rle(_filled(first, size) | _filled(second, size)))
    (a, b, c, d), (e, f, g, h) = first.box, second.box
    return RawObject(
        name=first.name,
        box=(min(a, e), min(b, f), max(c, g), max(d, h)),
        polygons=(*_outlines(first), *_outlines(second)) if runs is None else (),
        runs=runs,
        difficult=first.difficult or second.difficult,
        truncated=first.truncated or second.truncated,
        crowd=first.crowd or second.crowd,
        line=first.line,
    )


def _filled(part: RawObject, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool."""
    if part.runs is not None:
        return np.asarray(sv.rle_to_mask(list(part.runs), size[::-1]), bool)
    outlines = [outline.ravel().tolist() for outline in _outlines(part) if len(outline) >= 3]
    return segmentation.mask_of(outlines or segmentation.of_box(np.array(part.box)), size)


def _outlines(part: RawObject) -> tuple[np.ndarray, ...]:
    """The outlines of a part; that of its box where it was drawn as a rectangle."""
    left, top, right, bottom = part.box
    return part.polygons or (np.array([[left, top], [right, top], [right, bottom], [left, bottom]]),)
