"""COCO's JSON, one file a set: boxes, polygons, run lengths, crowds.

Read with `json` alone: supervision decodes every mask of a set to full size at once and stops at the first fault.

Source: https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from annotate.faults import Fault
from annotate.formats.raw import RawLabels, RawObject, unreadable
from common import rle

SUFFIX = ".json"


class _EntryError(ValueError):
    """An annotation that cannot be used: kind of fault and reason."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def is_coco(content: Any) -> bool:
    """Whether parsed JSON has COCO's form."""
    return isinstance(content, dict) and all(isinstance(content.get(key), list) for key in ("images", "annotations"))


def read(path: Path) -> Iterator[RawLabels]:
    """Read one file, picture by picture; pictures without annotations are labelled as empty.

    Yields:
        What it says; faults are values, nothing is raised for them. Those that belong to no picture come last.
    """
    content = _content(path)
    if isinstance(content, RawLabels):
        yield content
        return
    names = _names(content)
    by_image, strays = _grouped(content)
    for image in content["images"]:
        if not isinstance(image, dict) or not isinstance(image.get("file_name"), str):
            strays.append(("unreadable-labels", f"an image without file_name: {str(image)[:80]}"))
            continue
        yield _labels(path, image, by_image.get(str(image.get("id")), []), names)
    if strays:
        faults = tuple(Fault(path, 0, kind, reason) for kind, reason in strays)
        yield RawLabels(path, "", None, (), faults, alone=False, readable=False)


def class_names(path: Path) -> list[str]:
    """Class names by category id; none where the file cannot be read."""
    content = _content(path)
    return [] if isinstance(content, RawLabels) else list(_names(content).values())


def _content(path: Path) -> Any:
    """The parsed file, or a `RawLabels` that says why there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        return unreadable(path, error.lineno, f"not JSON: {error.msg}")
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        return unreadable(path, 0, str(error))
    return content if is_coco(content) else unreadable(path, 1, 'no lists "images" and "annotations": not COCO')


def _names(content: dict[str, Any]) -> dict[Any, str]:
    categories = content.get("categories")
    entries = [
        entry
        for entry in (categories if isinstance(categories, list) else [])
        if isinstance(entry, dict) and isinstance(entry.get("id"), int)
    ]
    return {entry["id"]: str(entry.get("name", "")).strip() for entry in sorted(entries, key=lambda entry: entry["id"])}


def _grouped(content: dict[str, Any]) -> tuple[dict[str, list[dict[str, Any]]], list[tuple[str, str]]]:
    """Annotations by the id of their image, and those whose image is not listed."""
    groups: dict[str, list[dict[str, Any]]] = {
        str(image.get("id")): [] for image in content["images"] if isinstance(image, dict)
    }
    strays = []
    for entry in content["annotations"]:
        place = str(entry.get("image_id")) if isinstance(entry, dict) else ""
        if place in groups:
            groups[place].append(entry)
        else:
            reason = f"annotation {_id(entry)} is about image {place or '?'}, which is not listed"
            strays.append(("missing-image", reason))
    return groups, strays


def _labels(path: Path, image: dict[str, Any], entries: list[dict[str, Any]], names: dict[Any, str]) -> RawLabels:
    size = _size(image)
    objects, faults = [], []
    for entry in entries:
        try:
            objects.append(_object(entry, names, size))
        except _EntryError as error:
            faults.append(Fault(path, 0, error.kind, f"annotation {_id(entry)} of {image['file_name']}: {error}"))
    return RawLabels(path, image["file_name"], size, tuple(objects), tuple(faults), alone=False)


def _object(entry: dict[str, Any], names: dict[Any, str], size: tuple[int, int] | None) -> RawObject:
    name = names.get(entry.get("category_id"), "")
    if not name:
        raise _EntryError("no-class", f"category {entry.get('category_id')!r} is not among the categories")
    polygons, runs = _segmentation(entry.get("segmentation"), size)
    box = _box(entry.get("bbox"), polygons)
    return RawObject(name, box, polygons, runs, crowd=bool(entry.get("iscrowd")))


def _box(values: Any, polygons: tuple[np.ndarray, ...]) -> tuple[float, float, float, float]:
    if values is None and polygons:
        corners = np.concatenate(polygons)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        return float(left), float(top), float(right), float(bottom)
    numbers: list[Any] = values if isinstance(values, list) and len(values) == 4 else [None]
    if not all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
        raise _EntryError("bad-number", f"bbox is {values!r}; expected [x, y, width, height] in pixels")
    left, top, width, height = (float(number) for number in numbers)
    return left, top, left + width, top + height


def _segmentation(value: Any, size: tuple[int, int] | None) -> tuple[tuple[np.ndarray, ...], tuple[int, ...] | None]:
    if not value:
        return (), None
    if isinstance(value, dict):
        counts, own = value.get("counts"), value.get("size")
        try:
            runs = rle.decompress(counts) if isinstance(counts, str) else list(counts or ())
            own_size = (int(own[0]), int(own[1])) if own else size
            if own_size is None or (size is not None and own_size != size):
                raise ValueError(f"the mask has size {own}, the picture {size}")
            rle.check_runs(runs, own_size)
        except (TypeError, ValueError, IndexError) as error:
            raise _EntryError("bad-polygon", str(error)) from None
        return (), tuple(runs)
    parts = value if isinstance(value[0], list) else [value]
    try:
        return tuple(np.array(part, np.float64).reshape(-1, 2) for part in parts), None
    except (TypeError, ValueError):
        raise _EntryError("bad-polygon", "segmentation is no list of x, y, x, y ...") from None


def _size(image: dict[str, Any]) -> tuple[int, int] | None:
    height, width = image.get("height"), image.get("width")
    whole = all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in (height, width))
    return (int(height), int(width)) if whole and height and width else None


def _id(entry: Any) -> str:
    return str(entry.get("id", "without id")) if isinstance(entry, dict) else "?"
