"""Drafts of labels by a detector, to be corrected by a person in LabelImg."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv

from annotate.label_set import class_ids
from annotate.pictures import PictureIndex, read_pixels
from common.errors import DamagedSourceError, UserError
from common.staging import staged
from common.voc import LabelledBox, voc_xml


class Outcome(Enum):
    """What was done about a picture."""

    DRAFTED = auto()
    KEPT = auto()  # labels are there, perhaps corrected
    UNREADABLE = auto()


@dataclass(frozen=True)
class Draft:
    """What came of one picture.

    Attributes:
        picture: its file.
        target: the label file.
        outcome: what was done.
        reason: why nothing was written; "" where something was.
    """

    picture: Path
    target: Path
    outcome: Outcome
    reason: str = ""


def suggest(
    images: Path,
    target: Path,
    detector: Any,
    score: float,
    names: Mapping[str, str] | None = None,
    overwrite: bool = False,
    progress: Callable[[Iterable[Any], int], Iterable[Any]] = lambda pictures, number: pictures,
) -> Iterator[Draft]:
    """Write a VOC file for each picture that has none.

    Args:
        images: folder of pictures.
        target: folder for the label files; their names are those of the pictures.
        detector: see `common.detectors.detector.Detector`.
        score: from which a sighting is drafted.
        names: class of the detector to name in the draft; the others keep theirs.
        overwrite: replace label files that exist: also what a person has corrected.
        progress: wraps the walk over the pictures, given their number.

    Returns:
        One draft a picture, as they are made; a picture that cannot be read is a draft with a reason.

    Raises:
        UserError: no pictures, or two whose label files would have one name; before anything is made.
    """
    if not images.is_dir():
        raise UserError(f"{images}: no such folder; give the folder of the pictures")
    index = PictureIndex(images)
    if not index.paths:
        raise UserError(f"{images}: no pictures in it; give the folder of the pictures")
    targets: dict[Path, Path] = {}
    for path in index.paths:
        place = target / path.relative_to(images).with_suffix(".xml")
        if place in targets:
            raise UserError(f"{path.name} and {targets[place].name} would share {place.name}; rename one of them")
        targets[place] = path
    places = progress(targets.items(), len(targets))
    return (_draft(path, place, detector, score, names or {}, overwrite) for place, path in places)


def _draft(path: Path, target: Path, detector: Any, score: float, names: Mapping[str, str], overwrite: bool) -> Draft:
    if target.exists() and not overwrite:
        return Draft(path, target, Outcome.KEPT, "is labelled already")
    try:
        pixels = read_pixels(path)
    except (UserError, DamagedSourceError) as error:
        return Draft(path, target, Outcome.UNREADABLE, str(error))
    (found,) = detector([pixels])
    objects = draft_objects(found, detector.classes, score, pixels.shape[:2], names)
    target.parent.mkdir(parents=True, exist_ok=True)
    size = (pixels.shape[0], pixels.shape[1])
    with staged(target, overwrite=overwrite) as temporary:
        temporary.write_bytes(voc_xml(path.name, size, objects, folder=path.parent.name, path=str(path)))
    return Draft(path, target, Outcome.DRAFTED)


def draft_objects(
    found: sv.Detections, classes: Sequence[str], score: float, size: tuple[int, ...], names: Mapping[str, str]
) -> list[LabelledBox]:
    """The sightings worth a draft, best first, rounded outwards to whole pixels inside the picture."""
    height, width = size[:2]
    scores = np.ones(len(found)) if found.confidence is None else found.confidence
    ids = class_ids(found)
    objects = []
    for place in np.argsort(-scores, kind="stable"):
        if scores[place] < score:
            break
        left, top = np.maximum(np.floor(found.xyxy[place, :2]), 0)
        right, bottom = np.minimum(np.ceil(found.xyxy[place, 2:]), (width, height))
        if right <= left or bottom <= top:
            continue
        name = classes[ids[place]]
        box = (float(left), float(top), float(right), float(bottom))
        at_edge = left <= 0 or top <= 0 or right >= width or bottom >= height
        objects.append(LabelledBox(names.get(name, name), box, truncated=at_edge))
    return objects
