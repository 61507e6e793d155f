"""PASCAL VOC XML as LabelImg, RectLabel and CVAT write it, read with lxml: no entities, no network.

Where counting begins: the VOC challenge itself counted pixels from 1 and named the last one inside; LabelImg, RectLabel
and CVAT write edges counted from 0 (LabelImg's `labelFile.py: convert_points_to_bnd_box`, which also lifts 0 to 1).
Taking one for the other shifts every box by a pixel, or makes it negative. supervision's reader takes all files as the
challenge's, stops at the first fault and takes a missing file as a picture without objects, so it is not used here.

Source: Everingham et al. 2010, "The PASCAL Visual Object Classes Challenge", development kit section 4.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree

from annotate.faults import Fault
from annotate.formats.raw import RawLabels, RawObject, unreadable

SUFFIX = ".xml"
ORIGINS = ("auto", "0", "1")
CHALLENGE = re.compile(r"\bVOC\s?20\d\d", re.IGNORECASE)  # <database>The VOC2007 Database</database>
CORNERS = ("xmin", "ymin", "xmax", "ymax")
LARGEST = 64 * 2**20  # bytes; a label file is a few kilobytes


class _NoBoxError(ValueError):
    """The object has no box, and the reason."""


def read(path: Path, origin: str = "auto") -> RawLabels:
    """Read one file.

    Args:
        path: the .xml file.
        origin: number of the first pixel: "0", "1", or "auto": 1 for files of the VOC challenge itself, 0 otherwise.

    Returns:
        What it says; faults are values, nothing is raised for them.
    """
    root = _root(path)
    if isinstance(root, RawLabels):
        return root
    first = int(origin) if origin != "auto" else int(bool(CHALLENGE.search(_text(root, "source/database"))))
    objects, faults = [], []
    for element in root.iterfind("object"):
        line = int(element.sourceline or 0)
        name = _text(element, "name")
        if not name:
            faults.append(Fault(path, line, "no-class", _no_name(element)))
            continue
        try:
            objects.append(_object(element, name, first))
        except _NoBoxError as error:
            faults.append(Fault(path, line, "bad-number", f"{name}: {error}"))
    return RawLabels(path, _picture(root), _size(root), tuple(objects), tuple(faults))


def _root(path: Path) -> Any:
    """The root element, or a `RawLabels` that says why there is none."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        if path.stat().st_size > LARGEST:
            return unreadable(path, 0, f"larger than {LARGEST >> 20} MB: no label file")
        root = etree.fromstring(path.read_bytes(), parser)
    except etree.XMLSyntaxError as error:
        return unreadable(path, int(error.lineno or 0), f"not XML: {error.msg}")
    except OSError as error:
        return unreadable(path, 0, error.strerror or str(error))
    if root.tag != "annotation":
        return unreadable(path, 1, f"begins with <{root.tag}>; VOC begins with <annotation>")
    return root


def _object(element: Any, name: str, first: int) -> RawObject:
    polygons = tuple(_polygon(part, first) for part in element.iterfind("polygon"))
    usable = [polygon for polygon in polygons if len(polygon)]
    bounds = element.find("bndbox")
    if bounds is None and not usable:
        raise _NoBoxError("neither <bndbox> nor <polygon>")
    if bounds is None:
        corners = np.concatenate(usable)
        box = (*corners.min(axis=0), *corners.max(axis=0))
    else:
        left, top, right, bottom = (_number(bounds, name) for name in CORNERS)
        # Counted from 1 the last pixel is inside, so its far edge has the same number.
        box = (left - first, top - first, right, bottom)
    return RawObject(
        name=name,
        box=(float(box[0]), float(box[1]), float(box[2]), float(box[3])),
        polygons=polygons,
        difficult=_flag(element, "difficult"),
        truncated=_flag(element, "truncated"),
        line=int(element.sourceline or 0),
    )


def _polygon(element: Any, first: int) -> np.ndarray:
    """(P, 2) float from RectLabel's x1, y1, x2, y2 ... or CVAT's and labelme2voc's <pt><x/><y/></pt>."""
    points = [(_number(point, "x"), _number(point, "y")) for point in element.iterfind("pt")]
    number = 1
    while not element.findall("pt") and element.find(f"x{number}") is not None:
        points.append((_number(element, f"x{number}"), _number(element, f"y{number}")))
        number += 1
    return np.array(points, np.float64).reshape(-1, 2) - first


def _number(element: Any, name: str) -> float:
    text = _text(element, name)
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise _NoBoxError(f"<{name}> is {text!r}; expected a number of pixels") from None
    if not math.isfinite(value):
        raise _NoBoxError(f"<{name}> is {text!r}; expected a number of pixels")
    return value


def _no_name(element: Any) -> str:
    name = element.find("name")
    if name is not None and len(name):
        return "<name> holds an entity or elements, which are not followed; write the class itself into it"
    return "<name> is missing or empty; write the class into it"


def _flag(element: Any, name: str) -> bool:
    return _text(element, name).lower() in ("1", "true", "yes")


def _text(element: Any, place: str) -> str:
    return (element.findtext(place) or "").strip()


def _picture(root: Any) -> str:
    return _text(root, "filename") or _text(root, "path")


def _size(root: Any) -> tuple[int, int] | None:
    try:
        height, width = (int(float(_text(root, f"size/{name}"))) for name in ("height", "width"))
    except (ValueError, OverflowError):
        return None
    return (height, width) if height > 0 and width > 0 else None
