"""A comparison of detectors as lines, tables, pictures and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv

from common.staging import staged, staged_folder
from evaluate import page, tiles
from evaluate.compare import Compared, Contested, Objects, contested
from evaluate.faults import MISS, Fault
from evaluate.folders import check_replaceable
from evaluate.summary import number
from evaluate.truth import Truth
from evaluate.writing import write_json, write_table

NAME, FOLDER = "compare.html", "contested"
OURS = r"contested_\d+\.jpg"  # names in the folder of tiles
HEADINGS = ("", "box AP50", "mask AP50", "from score", "recall", "precision", "misses", "false/picture", "ms/picture")
COLUMNS = {
    "detector": "detector",
    "box_ap50": "AP50 boxes",
    "mask_ap50": "AP50 masks",
    "threshold": "score from",
    "recall": "recall",
    "precision": "precision",
    "misses": "misses",
    "false_alarms": "false alarms",
    "false_alarms_per_picture": "false alarms a picture",
    "milliseconds": "ms a picture (median)",
    "device": "where it ran",
}
SHARES = frozenset({"recall", "precision"})


@dataclass(frozen=True)
class Comparison:
    """Detectors on one set.

    Attributes:
        truth: of the set.
        objects: that are compared.
        measured: one a detector.
        same: name -> the name that it counts as.
    """

    truth: Truth
    objects: Objects
    measured: Sequence[Compared]
    same: Mapping[str, str]

    @property
    def words(self) -> str:
        """What was compared, in a line."""
        names = ", ".join(self.objects.class_names[1:])
        words = f"{names} in {len(self.objects.pictures)} pictures of {self.truth.split} of {self.truth.dataset.folder}"
        counted = ", ".join(f"{found} as {name}" for found, name in self.same.items())
        return f"{words}; {counted}" if counted else words


def lines(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the rows of the table as texts, as `HEADINGS` names them."""
    return [
        (
            each.looked.name,
            number(each.row["box_ap50"]),
            number(each.row["mask_ap50"]),
            f"{each.looked.threshold:.2f}",
            number(each.row["recall"]),
            number(each.row["precision"]),
            f"{each.row['misses']}/{each.row['objects']}",
            f"{each.row['false_alarms_per_picture']:.2f}",
            f"{each.row['milliseconds']:.0f}",
        )
        for each in comparison.measured
    ]


def check(folder: Path) -> None:
    """Raise UserError where the folder of tiles would replace something else."""
    check_replaceable(folder / FOLDER, OURS)


def write(folder: Path, comparison: Comparison, limit: int) -> Path:
    """Write compare, compare_classes and contested (CSV and JSON), tiles, and compare.html; returns the page.

    Args:
        folder: exists.
        comparison: of detectors.
        limit: contested objects that are drawn.

    Raises:
        UserError: the folder cannot be written.
    """
    check(folder)
    rows = [each.row for each in comparison.measured]
    by_class = [row for each in comparison.measured for row in each.by_class]
    disputed = contested(comparison.measured, comparison.objects)
    names = comparison.truth.names
    write_json(folder / "compare.json", {"compared": comparison.words, "rows": rows})
    write_table(folder, "compare_all", rows)
    write_table(folder, "compare_classes", by_class)
    listed = [
        {
            "picture": names[each.picture],
            "class": each.class_name,
            "area": each.area,
            "found_by": ", ".join(each.found_by),
            "missed_by": ", ".join(each.missed_by),
        }
        for each in disputed
    ]
    write_table(folder, "contested", listed)
    drawn = _draw(folder, comparison, disputed[:limit])
    with staged(folder / NAME, overwrite=True) as path:
        path.write_text(_page(comparison, rows, by_class, disputed, drawn), encoding="utf-8")
    return folder / NAME


def _draw(folder: Path, comparison: Comparison, disputed: Sequence[Contested]) -> list[tuple[bytes, list[str]]]:
    """Draw contested objects and keep the tiles; returns them with captions."""
    drawn = []
    with staged_folder(folder / FOLDER, overwrite=True) as made:
        for place, each in enumerate(disputed):
            pixels = tiles.jpeg(_tile(comparison, each))
            (made / f"contested_{place + 1:03d}.jpg").write_bytes(pixels)
            name = comparison.truth.names[each.picture]
            found, missed = f"found by {', '.join(each.found_by)}", f"missed by {', '.join(each.missed_by)}"
            drawn.append((pixels, [name, each.class_name, found, missed]))
    return drawn


def _tile(comparison: Comparison, each: Contested) -> Any:
    objects = comparison.objects.pictures[each.picture]
    x1, y1, x2, y2 = (float(value) for value in objects.xyxy[each.index])
    fault = Fault(MISS, each.picture, each.index, each.class_name, (x1, y1, x2, y2), each.area, None, "")
    seen = [
        _believed(measured.looked.predictions[each.picture], measured.looked.threshold)
        for measured in comparison.measured
        if measured.looked.name in each.found_by
    ]
    boxes = sv.Detections.merge([sv.Detections(xyxy=found.xyxy) for found in seen])
    return tiles.tile(comparison.truth.dataset.load_image(each.picture), fault, objects, boxes)


def _believed(found: sv.Detections, threshold: float) -> sv.Detections:
    if not len(found):
        return found
    kept: sv.Detections = found[np.asarray(found.confidence) >= threshold]  # type: ignore[assignment]
    return kept


def _page(
    comparison: Comparison,
    rows: Sequence[page.Row],
    by_class: Sequence[page.Row],
    disputed: Sequence[Contested],
    drawn: Sequence[tuple[bytes, list[str]]],
) -> str:
    """Return the page."""
    table = page.table(rows, COLUMNS, shares=SHARES)
    if len(comparison.objects.class_names) > 2:
        kept = {key: name for key, name in COLUMNS.items() if key not in ("milliseconds", "device")}
        table += page.heading("Class by class")
        table += page.table(by_class, {"detector": "detector", "class": "class", **kept}, shares=SHARES)
    colours = {"#dc3c3c": "the object", "#3ba55d": "other labelled ones", "#e08a1e": "seen by those that found it"}
    shown = page.text(f"{len(disputed)} objects are found by some and missed by others; {len(drawn)} shown.")
    found = page.key(colours) + page.tiles(drawn) if drawn else ""
    sections = [("What each finds", table), ("What one finds and others miss", shown + found)]
    return page.page("Detectors compared", comparison.words, sections)
