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
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv
from PIL import Image

from annotate.faults import Fault
from annotate.formats.raw import RawLabels, RawObject, unreadable

SUFFIX = ".json"
CIRCLE_CORNERS = 48
_Drawn = tuple[tuple[float, float, float, float], tuple[np.ndarray, ...], tuple[int, ...] | None]


class _ShapeError(ValueError):
    """A shape that cannot be used, and the reason."""


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
    except (OSError, UnicodeDecodeError, RecursionError) as error:
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
            drawn = _shape(shape, size, line)
        except _ShapeError as error:
            faults.append(Fault(path, line, "bad-polygon", str(error)))
            continue
        if not drawn.name:
            faults.append(Fault(path, line, "no-class", '"label" is missing or empty; write the class into it'))
            continue
        group = shape.get("group_id")
        key = number if group is None else (drawn.name, str(group))
        objects[key] = _joined(objects[key], drawn) if key in objects else drawn
    picture = content.get("imagePath")
    return RawLabels(path, picture if isinstance(picture, str) else "", size, tuple(objects.values()), tuple(faults))


def _size(content: dict[str, Any]) -> tuple[int, int] | None:
    height, width = content.get("imageHeight"), content.get("imageWidth")
    whole = all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in (height, width))
    return (int(height), int(width)) if whole and height and width else None


def _shape(shape: Any, size: tuple[int, int] | None, line: int) -> RawObject:
    if not isinstance(shape, dict):
        raise _ShapeError("a shape is no object of JSON")
    label = shape.get("label")
    name = label.strip() if isinstance(label, str) else ""
    kind = shape.get("shape_type") or "polygon"
    points = _points(shape.get("points"), kind)
    drawn = RawObject(name, *_drawn(kind, points, shape.get("mask"), size), line=line)
    flags = shape.get("flags")
    if not isinstance(flags, dict):
        return drawn
    return replace(
        drawn,
        difficult=bool(flags.get("difficult")),
        truncated=bool(flags.get("truncated")),
        crowd=bool(flags.get("crowd")),
    )


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
    least = {"polygon": 3, "rectangle": 2, "circle": 2, "mask": 1}
    if kind not in least:
        raise _ShapeError(f"a {kind} encloses nothing; expected one of {', '.join(least)}")
    try:
        points = np.array(values, np.float64)
    except (TypeError, ValueError):
        points = np.zeros((0, 0))
    if points.ndim != 2 or points.shape[1:] != (2,) or len(points) < least[kind] or not np.isfinite(points).all():
        raise _ShapeError(f"the points of a {kind} must be {least[kind]} or more pairs of numbers")
    return points


def _mask(text: Any, corner: np.ndarray, size: tuple[int, int] | None) -> _Drawn:
    """Box, no polygons and run lengths of a mask that is stored as a PNG in base64, its top left at `corner`."""
    if size is None:
        raise _ShapeError("a mask needs imageHeight and imageWidth in the file")
    try:
        with Image.open(io.BytesIO(base64.b64decode(text))) as image:
            crop = np.array(image.convert("L")) > 0
    except (TypeError, ValueError, OSError) as error:
        raise _ShapeError(f"the mask is no picture in base64 ({error})") from None
    left, top = (round(float(place)) for place in corner)
    whole = np.zeros(size, bool)
    inside = whole[max(top, 0) : top + crop.shape[0], max(left, 0) : left + crop.shape[1]]
    inside |= crop[max(-top, 0) :, max(-left, 0) :][: inside.shape[0], : inside.shape[1]]
    if not inside.any():
        raise _ShapeError("the mask is empty")
    rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return box, (), tuple(int(run) for run in sv.mask_to_rle(whole))


def _joined(first: RawObject, second: RawObject) -> RawObject:
    """Two parts of one object."""
    (a, b, c, d), (e, f, g, h) = first.box, second.box
    return RawObject(
        name=first.name,
        box=(min(a, e), min(b, f), max(c, g), max(d, h)),
        polygons=(*_outlines(first), *_outlines(second)) if not (first.runs or second.runs) else (),
        runs=first.runs or second.runs,
        difficult=first.difficult or second.difficult,
        truncated=first.truncated or second.truncated,
        crowd=first.crowd or second.crowd,
        line=first.line,
    )


def _outlines(part: RawObject) -> tuple[np.ndarray, ...]:
    """The outlines of a part; that of its box where it was drawn as a rectangle."""
    left, top, right, bottom = part.box
    return part.polygons or (np.array([[left, top], [right, top], [right, bottom], [left, bottom]]),)
