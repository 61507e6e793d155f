"""PASCAL VOC XML, written as LabelImg writes it and opens it.

Coordinates are edges counted from 0, as in LabelImg, RectLabel and CVAT: a box over the whole of a 640 x 480 picture is
0, 0, 640, 480. (The VOC challenge's own files count pixels from 1.) Masks have no place in these files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from common.staging import staged


@dataclass(frozen=True)
class VocObject:
    """One object.

    Attributes:
        name: class name.
        box: (x1, y1, x2, y2) pixels from 0, far edges exclusive; whole numbers are written as such.
        difficult: hard to see.
        truncated: cut off; None works it out from the edges, as LabelImg does.
    """

    name: str
    box: tuple[float, float, float, float]
    difficult: bool = False
    truncated: bool | None = None


def xml(picture: Path, size: tuple[int, int], objects: Sequence[VocObject], depth: int = 3) -> bytes:
    """Return the text of a label file.

    Args:
        picture: the picture's file; its folder and name go into the text.
        size: (height, width).
        objects: in the order in which they are listed.
        depth: channels of the picture.
    """
    height, width = size
    root = etree.Element("annotation")
    _add(root, "folder", picture.parent.name)
    _add(root, "filename", picture.name)
    _add(root, "path", str(picture))
    _add(etree.SubElement(root, "source"), "database", "Unknown")
    measures = etree.SubElement(root, "size")
    for name, value in (("width", width), ("height", height), ("depth", depth)):
        _add(measures, name, str(value))
    _add(root, "segmented", "0")
    for each in objects:
        left, top, right, bottom = each.box
        at_edge = left <= 0 or top <= 0 or right >= width or bottom >= height
        element = etree.SubElement(root, "object")
        _add(element, "name", each.name)
        _add(element, "pose", "Unspecified")
        _add(element, "truncated", str(int(at_edge if each.truncated is None else each.truncated)))
        _add(element, "difficult", str(int(each.difficult)))
        bounds = etree.SubElement(element, "bndbox")
        for name, side in zip(("xmin", "ymin", "xmax", "ymax"), each.box, strict=True):
            _add(bounds, name, _number(side))
    etree.indent(root, space="\t")
    return bytes(etree.tostring(root, encoding="utf-8", pretty_print=True))


def write(
    path: Path, picture: Path, size: tuple[int, int], objects: Sequence[VocObject], *, overwrite: bool = False
) -> None:
    """Write a label file; it has its name only when it is whole."""
    with staged(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(xml(picture, size, objects))


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text


def _number(value: float) -> str:
    value = float(value)
    return str(int(value)) if value.is_integer() else f"{value:.3f}".rstrip("0")
