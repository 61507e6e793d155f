"""PASCAL VOC XML as LabelImg writes it, byte for byte.

LabelImg writes the edges of a box counted from 0, x2 and y2 beyond the last pixel, cut to whole numbers, and lifts a 0
to 1 (`labelFile.py: convert_points_to_bnd_box`): a box that begins at the very edge of the picture loses that pixel,
unless it has no other: then nothing would be left of it, and the 0 stays.
Elements stand in its order, indented with tabs, without an XML declaration; a newly drawn box that touches the edge of
the picture is "truncated", "difficult" is what whoever labels ticks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

UNKNOWN = "Unknown"


@dataclass(frozen=True)
class LabelledBox:
    """One object of a picture.

    Attributes:
        name: of the class.
        box: (x1, y1, x2, y2) pixels, edges: the first pixel of the picture reaches from 0 to 1.
        truncated: the object goes beyond the picture or what is labelled of it.
        difficult: hard to recognise; left out of the VOC challenge's measures.
        pose: in words.
        polygons: outlines, each [x, y, x, y, ...] in pixels, written as RectLabel does; LabelImg passes over them.
    """

    name: str
    box: tuple[float, float, float, float]
    truncated: bool = False
    difficult: bool = False
    pose: str = "Unspecified"
    polygons: Sequence[Sequence[float]] = ()


def voc_xml(
    filename: str,
    size: tuple[int, int],
    objects: Sequence[LabelledBox],
    *,
    folder: str = "images",
    path: str = "",
    depth: int = 3,
    database: str = UNKNOWN,
    exact: bool = False,
) -> bytes:
    """Write one picture's labels.

    Args:
        filename: of the picture, with its suffix.
        size: (height, width) of the picture.
        objects: what is in it.
        folder: name of the folder that holds the picture.
        path: of the picture as LabelImg would note it; default: folder and file name.
        depth: channels of the picture.
        database: where the picture comes from.
        exact: edges as they are, fractions and zeros included, which LabelImg opens but does not write.

    Returns:
        The file, UTF-8.

    Raises:
        ValueError: a box holds nothing of the picture.
    """
    root = etree.Element("annotation")
    _add(root, "folder", folder)
    _add(root, "filename", filename)
    _add(root, "path", path or f"{folder}/{filename}")
    _add(etree.SubElement(root, "source"), "database", database)
    measures = etree.SubElement(root, "size")
    for name, number in zip(("width", "height", "depth"), (size[1], size[0], depth), strict=True):
        _add(measures, name, str(number))
    _add(root, "segmented", "0")
    for labelled in objects:
        element = etree.SubElement(root, "object")
        _add(element, "name", labelled.name)
        _add(element, "pose", labelled.pose)
        _add(element, "truncated", str(int(labelled.truncated)))
        _add(element, "difficult", str(int(labelled.difficult)))
        edges = etree.SubElement(element, "bndbox")
        sides = labelled.box if exact else whole_edges(labelled.box, size)
        for name, side in zip(("xmin", "ymin", "xmax", "ymax"), sides, strict=True):
            _add(edges, name, f"{side:.10g}")
        for outline in labelled.polygons:
            polygon = etree.SubElement(element, "polygon")
            for place, side in enumerate(outline):
                _add(polygon, f"{'xy'[place % 2]}{place // 2 + 1}", f"{side:.10g}")
    etree.indent(root, space="\t")
    return bytes(etree.tostring(root, encoding="utf-8")) + b"\n"


def whole_edges(box: Sequence[float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the edges of a box as LabelImg notes them: cut to whole numbers, 0 lifted to 1, within the picture.

    Where the lift would leave no area, the 0 stays.

    Raises:
        ValueError: the box holds nothing of the picture.
    """
    height, width = size
    x1, y1 = max(0, int(box[0])), max(0, int(box[1]))
    x2, y2 = min(width, int(box[2])), min(height, int(box[3]))
    if x2 <= x1 or y2 <= y1:
        raise ValueError(f"the box {tuple(box)} holds nothing of a picture of {width}x{height}")
    return x1 or int(x2 > 1), y1 or int(y2 > 1), x2, y2


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text
