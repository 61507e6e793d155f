"""Raw objects fitted to their picture: turned, put in order, clipped, freed of doubles; every change is a fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from annotate import segmentation
from annotate.faults import Fault
from annotate.formats.raw import RawLabels, RawObject
from annotate.label_set import CROWD, DIFFICULT, LINE, SEGMENTATION, TRUNCATED
from annotate.pictures import UNWRITABLE, PictureFacts
from annotate.turning import SWAPPED, turned
from common import rle

TOLERANCE = 0.5  # pixels beyond the edge that are rounding, not a fault
SAME = 0.98  # intersection over union from which two boxes of a class are one object
CORNERS = 3


@dataclass(frozen=True)
class ClassRule:
    """Which names count, and as what.

    Attributes:
        wanted: names that are kept, in their order; None keeps all.
        renamed: name in the file to name in the set.
        ignored: names that are left out without a fault.
    """

    wanted: tuple[str, ...] | None = None
    renamed: Mapping[str, str] | None = None
    ignored: tuple[str, ...] = ()


def fit(labels: RawLabels, picture: PictureFacts, rule: ClassRule) -> tuple[list[dict[str, Any]], list[Fault]]:
    """Check a picture's objects.

    Args:
        labels: as the file has them.
        picture: the picture, opened.
        rule: which classes count.

    Returns:
        Rows for `label_set.objects_of`, boxes inside the picture, and the faults.
    """
    fitter = _Fitter(labels, picture)
    objects = labels.objects
    if labels.size is not None and labels.size != picture.size:
        if labels.size == picture.stored_size and picture.orientation in SWAPPED:
            fitter.fault(0, "turned-image", f"labelled at {_wh(labels.size)}, shown at {_wh(picture.size)}")
            objects = tuple(turned(each, picture.orientation, picture.stored_size) for each in objects)
        else:
            reason = f"labelled at {_wh(labels.size)}, but {picture.path.name} has {_wh(picture.size)}"
            fitter.fault(0, "wrong-size", reason)
            return [], fitter.faults
    rows: list[dict[str, Any]] = []
    for found in objects:
        name = (rule.renamed or {}).get(found.name, found.name)
        if found.name in rule.ignored or name in rule.ignored:
            continue
        if UNWRITABLE.search(name):
            fitter.fault(found.line, "no-class", f"{name!r} holds control characters; write the class anew")
            continue
        if rule.wanted is not None and name not in rule.wanted:
            fitter.fault(found.line, "unknown-class", f"{name!r}; expected {', '.join(rule.wanted)}")
            continue
        row = fitter.row(replace(found, name=name))
        if row is not None and not fitter.double(row, rows):
            rows.append(row)
    return rows, fitter.faults


class _Fitter:
    """Fits the objects of one picture and gathers what is wrong with them."""

    def __init__(self, labels: RawLabels, picture: PictureFacts) -> None:
        self.source, self.picture = labels.source, picture
        self.of_picture = "" if labels.alone else f"{labels.picture}: "  # a file about many says which it means
        self.faults: list[Fault] = []

    def fault(self, line: int, kind: str, reason: str) -> None:
        self.faults.append(Fault(self.source, line, kind, f"{self.of_picture}{reason}"))

    def row(self, found: RawObject) -> dict[str, Any] | None:
        """The object as a row, or None where nothing of it can be used."""
        height, width = self.picture.size
        share = np.array([width, height], float) if found.relative else np.ones(2)
        box = np.array(found.box, float) * np.tile(share, 2)
        if not np.isfinite(box).all():
            self.fault(found.line, "bad-number", f"{found.name}: box {found.box}; expected numbers of pixels")
            return None
        if box[2] < box[0] or box[3] < box[1]:
            self.fault(found.line, "reversed-box", f"{found.name}: {_text(box)} runs backwards")
            box = np.concatenate([np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])])
        inside = np.clip(box, 0, [width, height, width, height])
        if box[2] == box[0] or box[3] == box[1]:
            self.fault(found.line, "zero-area", f"{found.name}: {_text(box)} has no area")
            return None
        if inside[2] <= inside[0] or inside[3] <= inside[1]:
            self.fault(found.line, "outside", f"{found.name}: {_text(box)} lies outside of {width}x{height}")
            return None
        if np.abs(inside - box).max() > TOLERANCE:
            self.fault(found.line, "beyond-edge", f"{found.name}: {_text(box)} reaches beyond {width}x{height}")
        return {
            "box": inside,
            "name": found.name,
            SEGMENTATION: self._segmentation(found, share),
            DIFFICULT: found.difficult,
            TRUNCATED: found.truncated,
            CROWD: found.crowd,
            LINE: found.line,
        }

    def _segmentation(self, found: RawObject, share: np.ndarray) -> Any:
        """COCO's segmentation; None where only the box can be used."""
        size = self.picture.size
        if found.runs is not None:
            if sum(found.runs) != size[0] * size[1]:
                self.fault(found.line, "bad-polygon", f"{found.name}: the mask does not fill {_wh(size)}")
                return None
            if not any(found.runs[1::2]):
                self.fault(found.line, "bad-polygon", f"{found.name}: the mask has no pixel")
                return None
            return {"size": list(size), "counts": rle.compress(found.runs)}
        outlines = [polygon * share for polygon in found.polygons]
        usable = [outline for outline in outlines if len(outline) >= CORNERS and np.isfinite(outline).all()]
        if len(usable) < len(outlines):
            self.fault(found.line, "bad-polygon", f"{found.name}: an outline with fewer than {CORNERS} corners")
        # Beyond the edge an outline is cut off when it becomes a mask; its corners stay where they were put.
        drawn = [[float(number) for number in outline.ravel()] for outline in usable]
        if drawn and segmentation.area_and_box(drawn, size)[0] < segmentation.LEAST_AREA:
            self.fault(found.line, "bad-polygon", f"{found.name}: the outline holds nothing of {_wh(size)}")
            return None
        return drawn or None

    def double(self, row: dict[str, Any], rows: list[dict[str, Any]]) -> bool:
        """Whether the object is there already."""
        for other in rows:
            if other["name"] == row["name"] and _overlap(other["box"], row["box"]) >= SAME:
                self.fault(row[LINE], "duplicate-object", f"{row['name']}: the same box as in line {other[LINE]}")
                return True
        return False


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two boxes (x1, y1, x2, y2)."""
    sides = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    common = float(np.prod(np.clip(sides, 0, None)))
    return common / (float(np.prod(first[2:] - first[:2])) + float(np.prod(second[2:] - second[:2])) - common)


def _wh(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"


def _text(box: np.ndarray) -> str:
    return "({})".format(", ".join(f"{number:g}" for number in box))
