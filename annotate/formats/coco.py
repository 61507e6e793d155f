"""COCO's JSON, one file a set: boxes, polygons, run lengths, crowds.

Read with `json` alone: supervision decodes every mask of a set to full size at once and stops at the first fault.

Source: https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from annotate import segmentation
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
    called: dict[str, list[str]] = defaultdict(list)  # names of each image id: two make its annotations anybody's
    for image in content["images"]:
        if isinstance(image, dict) and isinstance(image.get("file_name"), str):
            called[str(image.get("id"))].append(image["file_name"])
    for image in content["images"]:
        if not isinstance(image, dict) or not isinstance(image.get("file_name"), str):
            strays.append(("unreadable-labels", f"an image without file_name: {str(image)[:80]}"))
            continue
        alike = called[str(image.get("id"))]
        if len(set(alike)) > 1:
            reason = f"the id {image.get('id')} is that of {' and of '.join(dict.fromkeys(alike))}"
            fault = Fault(path, 0, "unreadable-labels", reason)
            yield RawLabels(path, image["file_name"], None, (), (fault,), alone=False, readable=False)
            continue
        if len(alike) > 1:
            alike.pop()  # listed twice: read once
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
    except (OSError, ValueError, RecursionError) as error:
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
            found, problem = _object(entry, names, size)
        except _EntryError as error:
            kind, problem = error.kind, str(error)
        else:
            kind = "bad-polygon"
            objects.append(found)
        if problem:
            faults.append(Fault(path, 0, kind, f"annotation {_id(entry)} of {image['file_name']}: {problem}"))
    group = image.get("group")  # ours: see `writing.coco_of`
    group = group if isinstance(group, str) else ""
    return RawLabels(path, image["file_name"], size, tuple(objects), tuple(faults), alone=False, group=group)


def _object(entry: dict[str, Any], names: dict[Any, str], size: tuple[int, int] | None) -> tuple[RawObject, str]:
    """The object, and what is wrong with its outline: then it has its box alone."""
    category = entry.get("category_id")
    name = names.get(category, "") if isinstance(category, int | float) else ""
    if not name:
        raise _EntryError("no-class", f"category {category!r} is not among the categories")
    polygons: tuple[np.ndarray, ...] = ()
    runs, problem = None, ""
    try:
        polygons, runs = _segmentation(entry.get("segmentation"), size)
    except _EntryError as error:
        problem = str(error)
    if not entry.get("bbox") and runs is not None:
        box = _box_of_runs(runs, size or entry["segmentation"]["size"])
    else:
        box = _box(entry.get("bbox"), polygons)
    marks = {name: bool(entry.get(name)) for name in ("difficult", "truncated")}
    return RawObject(name, box, polygons, runs, crowd=bool(entry.get("iscrowd")), **marks), problem


def _box_of_runs(runs: tuple[int, ...], size: Sequence[int]) -> tuple[float, float, float, float]:
    shape = (int(size[0]), int(size[1]))
    _, corners = segmentation.area_and_box({"size": list(shape), "counts": rle.compress(runs)}, shape)
    return float(corners[0]), float(corners[1]), float(corners[2]), float(corners[3])


def _box(values: Any, polygons: tuple[np.ndarray, ...]) -> tuple[float, float, float, float]:
    nowhere = not values or (isinstance(values, list) and not any(values))  # as some programs note only outlines
    if nowhere and any(len(polygon) for polygon in polygons):
        corners = np.concatenate(polygons)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        return float(left), float(top), float(right), float(bottom)
    numbers: list[Any] = values if isinstance(values, list) and len(values) == 4 else [None]
    if not all(_finite(number) for number in numbers):
        raise _EntryError("bad-number", f"bbox is {values!r}; expected [x, y, width, height] in pixels")
    left, top, width, height = (float(number) for number in numbers)
    return left, top, left + width, top + height


def _finite(number: Any) -> bool:
    try:
        return isinstance(number, int | float) and math.isfinite(number)
    except OverflowError:  # a whole number of hundreds of digits
        return False


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
        except (TypeError, ValueError, LookupError, OverflowError) as error:
            raise _EntryError("bad-polygon", str(error)) from None
        return (), tuple(runs)
    if not isinstance(value, list):
        raise _EntryError("bad-polygon", f"segmentation is {value!r}, no list of x, y, x, y ...")
    parts = value if isinstance(value[0], list) else [value]
    try:
        return tuple(np.array(part, np.float64).reshape(-1, 2) for part in parts), None
    except (TypeError, ValueError, OverflowError):
        raise _EntryError("bad-polygon", "segmentation is no list of x, y, x, y ...") from None


def _size(image: dict[str, Any]) -> tuple[int, int] | None:
    height, width = image.get("height"), image.get("width")
    whole = all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in (height, width))
    return (int(height), int(width)) if whole and height and width else None


def _id(entry: Any) -> str:
    return str(entry.get("id", "without id")) if isinstance(entry, dict) else "?"
