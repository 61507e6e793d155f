"""Misses and false alarms as pictures: sheets, tiles, and a table that names the original files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv

from common.staging import staged_folder
from evaluate import tiles
from evaluate.faults import FALSE_ALARM, MISS, Fault, Faults
from evaluate.folders import check_replaceable, made_folder
from evaluate.writing import write_json, write_table

FOLDER, INDEX, TABLE = "gallery", "about.json", "faults"
SHEETS = {MISS: "misses.png", FALSE_ALARM: "false_alarms.png"}
OURS = r"about\.json|faults\.(csv|json)|(misses|false_alarms)\.png|(miss|false_alarm)_\d+\.jpg"  # names in it
LIMIT = 60  # of each kind that are drawn
ON_SHEET = 30
WRAP = 34  # characters of a caption's line


@dataclass(frozen=True)
class Pictures:
    """The pictures of a set, as a gallery needs them; all in one order.

    Attributes:
        names: original file names.
        load: place -> (H, W, 3) uint8 RGB.
        truth: objects of each.
        predicted: detections of each.
        thresholds: one a class, background first: score from which a detection counts.
    """

    names: Sequence[str]
    load: Callable[[int], np.ndarray]
    truth: Sequence[sv.Detections]
    predicted: Sequence[sv.Detections]
    thresholds: Sequence[float]

    def counting(self, picture: int) -> sv.Detections:
        """Return the detections of a picture that count."""
        found = self.predicted[picture]
        if not len(found):
            return found
        limits = np.asarray(self.thresholds, float)[np.asarray(found.class_id)]
        kept: sv.Detections = found[np.asarray(found.confidence) >= limits]  # type: ignore[assignment]
        return kept


def write_gallery(folder: Path, faults: Faults, pictures: Pictures, about: dict[str, Any], limit: int = LIMIT) -> Path:
    """Write FOLDER/gallery: faults.csv and .json (all of them), about.json, misses.png, false_alarms.png, and tiles.

    Args:
        folder: made where it is missing; a gallery in it is replaced, anything else is not.
        faults: all of them.
        pictures: of the set.
        about: what the gallery is of, for its index: checkpoint, split, thresholds.
        limit: faults of each kind that are drawn, the worst ones.

    Returns:
        The gallery's folder.

    Raises:
        UserError: a picture cannot be read, or the folder not be written.
    """
    check_replaceable(folder / FOLDER, OURS)
    with made_folder(folder), staged_folder(folder / FOLDER, overwrite=True) as made:
        rows = []
        for kind, of_kind in ((MISS, faults.misses), (FALSE_ALARM, faults.false_alarms)):
            drawn = _draw(made, of_kind[:limit], pictures)
            shown = [(pixels, caption(fault, pictures)) for fault, (pixels, _) in zip(of_kind, drawn, strict=False)]
            title = f"{len(of_kind)} {_plural(kind, len(of_kind))}, worst first ({about.get('checkpoint', '')})"
            (made / SHEETS[kind]).write_bytes(tiles.sheet(shown[:ON_SHEET], title.replace(" ()", "")))
            for place, fault in enumerate(of_kind):
                rows.append(_row(fault, pictures, place + 1, drawn[place][1] if place < len(drawn) else ""))
        content = {**about, "misses": len(faults.misses), "false_alarms": len(faults.false_alarms)}
        write_table(made, TABLE, rows)
        write_json(made / INDEX, content)
    return folder / FOLDER


_COLUMNS = ("kind", "rank", "picture", "class", "score", "area", "x1", "y1", "x2", "y2", "what", "tile")


def _row(fault: Fault, pictures: Pictures, rank: int, name: str) -> dict[str, Any]:
    corners = (round(value, 2) for value in fault.box)
    score = None if fault.score is None else round(fault.score, 6)
    values = (fault.kind, rank, pictures.names[fault.picture], fault.class_name, score, round(fault.area, 1), *corners)
    return dict(zip(_COLUMNS, (*values, fault.words, name), strict=True))


def _draw(made: Path, faults: Sequence[Fault], pictures: Pictures) -> list[tuple[np.ndarray, str]]:
    """Draw and save the tiles; each picture is read once in a row."""
    drawn: dict[int, tuple[np.ndarray, str]] = {}
    pixels, last = np.zeros((1, 1, 3), np.uint8), -1
    for place in sorted(range(len(faults)), key=lambda place: faults[place].picture):
        fault = faults[place]
        if fault.picture != last:
            pixels, last = pictures.load(fault.picture), fault.picture
        made_tile = tiles.tile(pixels, fault, pictures.truth[fault.picture], pictures.counting(fault.picture))
        name = f"{fault.kind.replace(' ', '_')}_{place + 1:03d}.jpg"
        (made / name).write_bytes(tiles.jpeg(made_tile))
        drawn[place] = (made_tile, name)
    return [drawn[place] for place in range(len(faults))]


def caption(fault: Fault, pictures: Pictures) -> str:
    """Say in short lines what a tile shows."""
    score = "" if fault.score is None or fault.kind == MISS else f" {fault.score:.2f}"
    return "\n".join(
        [
            _shortened(pictures.names[fault.picture]),
            f"{fault.class_name}{score}, {fault.area:.0f} px",
            *_lines(fault.words),
        ]
    )


def _lines(words: str) -> list[str]:
    return [_shortened(part) for part in words.split("; ")][:2]


def _shortened(text: str) -> str:
    return text if len(text) <= WRAP else f"{text[: WRAP - 13]}…{text[-12:]}"


def _plural(kind: str, count: int) -> str:
    return {MISS: "miss", FALSE_ALARM: "false alarm"}[kind] + ("es" if kind == MISS else "s") * (count != 1)
