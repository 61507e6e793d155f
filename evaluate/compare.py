"""Several detectors on one set of pictures: what each finds, what it costs, how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import supervision as sv

from common.detectors.detector import Detector
from common.errors import UserError
from common.metrics import ratios
from common.metrics.average_precision import summarize
from common.metrics.coco_evaluation import BOX, MASK, RUNS, has_masks, run_lengths
from common.metrics.matching import Matches, match
from evaluate.truth import Truth
from mrcnn import tf_graph
from mrcnn.class_names import BACKGROUND
from mrcnn.detector import MaskRCNNDetector
from mrcnn.tf_detector import GraphDetector

FLOOR = 0.01  # lowest score that counts for average precision
WARM_UP = 2  # looks at the first picture before the clock runs
OVERLAP = 0.5

Same = Mapping[str, str]


@dataclass(frozen=True)
class Objects:
    """The truth as all detectors are measured by it.

    Attributes:
        class_names: that are compared, background first.
        pictures: objects of each picture; `class_id` are places in it.
    """

    class_names: tuple[str, ...]
    pictures: list[sv.Detections] = field(repr=False)


@dataclass(frozen=True)
class Looked:
    """What one detector found in a set.

    Attributes:
        name: as it is called in tables.
        device: where it ran, in words.
        classes: that it finds, by the names that are compared.
        threshold: score from which it believes a sighting.
        predictions: one a picture; `class_id` are places in the compared class names.
        milliseconds: (F,) each picture took.
        masked: it gives masks, also where it found nothing.
    """

    name: str
    device: str
    classes: tuple[str, ...]
    threshold: float
    predictions: list[sv.Detections] = field(repr=False)
    milliseconds: np.ndarray = field(repr=False)
    masked: bool


@dataclass(frozen=True)
class Compared:
    """One detector measured.

    Attributes:
        looked: what it found.
        row: of the table.
        by_class: rows of the table by class.
        found: (G,) bool, which objects it found; rows of `matches`.
        matches: by boxes.
    """

    looked: Looked
    row: dict[str, Any]
    by_class: list[dict[str, Any]]
    found: np.ndarray = field(repr=False)
    matches: Matches = field(repr=False)


def compared_classes(
    truth: Sequence[str], detectors: Mapping[str, Sequence[str]], asked: Sequence[str], same: Same
) -> tuple[str, ...]:
    """Return the names of the classes that are compared.

    Args:
        truth: class names of the truth, without background.
        detectors: name -> class names that it finds.
        asked: on the command line; empty: all of the truth that every detector finds.
        same: name -> the name that it counts as, in truth and detections alike.

    Raises:
        UserError: there is none, or nobody has a class that is said to count as another.
    """
    named = {*truth, *(name for classes in detectors.values() for name in classes)}
    if stray := [name for name in same if name not in named]:
        raise UserError(
            f"--same {stray[0]}={same[stray[0]]}: nobody has a class {stray[0]}: the truth has {', '.join(truth)}; "
            f"{_finds(detectors)}"
        )
    known = list(dict.fromkeys(same.get(name, name) for name in truth))
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise UserError(f"--class {unknown[0]}: the truth has {', '.join(known)}")
    if asked:
        return tuple(dict.fromkeys(asked))
    finds = [{same.get(name, name) for name in classes} for classes in detectors.values()]
    both = tuple(name for name in known if all(name in each for each in finds))
    if not both:
        raise UserError(
            f"no class is found by all: the truth has {', '.join(known)}; {_finds(detectors)}. Say what counts as what "
            "with --same, e.g. --same face=nface, or which classes count with --class"
        )
    return both


def _finds(detectors: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{name} finds {_few(classes)}" for name, classes in detectors.items())


def _few(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def objects_of(truth: Truth, names: Sequence[str], same: Same) -> Objects:
    """Return the truth by the compared names."""
    places = _places(truth.class_names, names, same)
    return Objects((BACKGROUND, *names), [_renamed(each, places) for each in truth.pictures])


def _places(class_names: Sequence[str], names: Sequence[str], same: Same) -> np.ndarray:
    """Place of each class among the compared ones, counted from 1; 0: not compared."""
    wanted = {name: place for place, name in enumerate(names, start=1)}
    return np.array([wanted.get(same.get(name, name), 0) for name in class_names], int)


def _renamed(detections: sv.Detections, places: np.ndarray) -> sv.Detections:
    """Leave out what is not compared; class ids become places among the compared ones."""
    if not len(detections):
        return detections
    class_ids = places[np.asarray(detections.class_id)]
    kept: sv.Detections = detections[class_ids > 0]  # type: ignore[assignment]
    kept.class_id = class_ids[class_ids > 0]
    return kept


def look(
    name: str,
    detector: Detector,
    truth: Truth,
    names: Sequence[str],
    same: Same,
    shown: Callable[[Iterable[int]], Iterable[int]] = lambda items: items,
    clock: Callable[[], float] = time.perf_counter,
) -> Looked:
    """Let a detector look at every picture, one at a time, and take the time.

    Args:
        name: as it is called in tables.
        detector: opened with a low floor.
        truth: whose pictures it looks at.
        names: classes that are compared, without background.
        same: see `compared_classes`.
        shown: shows how far it is.
        clock: seconds, for tests.

    Raises:
        UserError: a picture cannot be read.
    """
    places = _places(detector.classes, names, same)
    predictions, milliseconds, masked = [], [], _gives_masks(detector)
    for picture in shown(range(len(truth.paths))):
        pixels = truth.dataset.load_image(picture)
        for _ in range(WARM_UP if not picture else 0):
            detector([pixels])
        begin = clock()
        found = detector([pixels])[0]
        milliseconds.append(1000 * (clock() - begin))
        masked = masked or found.mask is not None
        predictions.append(_light(_renamed(found, places)))
    finds = tuple(name for place, name in enumerate(names, start=1) if place in places)
    return Looked(name, detector.device, finds, detector.sure, predictions, np.array(milliseconds), masked)


def _gives_masks(detector: Detector) -> bool:
    """Whether it is known beforehand: where nothing is found there is no mask to tell by."""
    if isinstance(detector, GraphDetector):
        return not {tf_graph.MASKS, tf_graph.FRAME_MASKS}.isdisjoint(detector.graph.outputs)
    return isinstance(detector, MaskRCNNDetector)


def _light(found: sv.Detections) -> sv.Detections:
    """Keep masks as run lengths only, and the best first."""
    data: dict[str, Any] = {}
    if found.mask is not None and len(found):
        runs = np.empty(len(found), object)
        runs[:] = run_lengths(found)
        data = {RUNS: runs}
    light = sv.Detections(
        xyxy=np.asarray(found.xyxy, np.float32).reshape(-1, 4),
        confidence=np.asarray(found.confidence, np.float32) if len(found) else np.zeros(0, np.float32),
        class_id=np.asarray(found.class_id, int) if len(found) else np.zeros(0, int),
        data=data,
    )
    ordered: sv.Detections = light[np.argsort(-np.asarray(light.confidence), kind="stable")]  # type: ignore[assignment]
    return ordered if len(light) else light


def measure(looked: Looked, objects: Objects, overlap: float = OVERLAP) -> Compared:
    """Compare what a detector found with the truth, by boxes; masks, where it has them, by AP50 too.

    Args:
        looked: what it found.
        objects: the truth by the same names.
        overlap: of the boxes, from which an object is found; one of COCO's ten.
    """
    names = objects.class_names
    masked = looked.masked and has_masks(looked.predictions)
    kinds = (BOX, MASK) if masked and has_masks(objects.pictures) else (BOX,)
    precision = summarize(objects.pictures, looked.predictions, names, kinds)
    matches = match(objects.pictures, looked.predictions, range(1, len(names)), BOX)
    found = matches.object_counts & (matches.found_score[matches.at(overlap)] >= looked.threshold)

    def row(class_id: int | None) -> dict[str, Any]:
        numbers = precision.overall if class_id is None else precision.by_class[names[class_id]]
        own = matches.object_counts & _is(matches.object_class, class_id)
        seen = (matches.score >= looked.threshold) & _is(matches.detection_class, class_id)
        hits, alarms = int((found & own).sum()), int((seen & matches.false_alarm(overlap)).sum())
        right = int((seen & matches.hit[matches.at(overlap)]).sum())
        total = int(own.sum())
        return {
            "detector": looked.name,
            "class": "all" if class_id is None else names[class_id],
            "box_ap50": numbers["box_ap50"],
            "mask_ap50": numbers.get("mask_ap50"),
            "threshold": looked.threshold,
            "recall": float(ratios.ratio(hits, total)),
            "precision": float(ratios.ratio(right, right + alarms)),
            "objects": total,
            "misses": total - hits,
            "false_alarms": alarms,
            "false_alarms_per_picture": alarms / max(matches.pictures, 1),
        }

    whole = row(None) | {"milliseconds": float(np.median(looked.milliseconds)), "device": looked.device}
    return Compared(looked, whole, [row(class_id) for class_id in range(1, len(names))], found, matches)


def _is(class_ids: np.ndarray, class_id: int | None) -> np.ndarray:
    return np.ones(len(class_ids), bool) if class_id is None else np.asarray(class_ids == class_id)


@dataclass(frozen=True)
class Contested:
    """An object that some find and others miss.

    Attributes:
        picture: its place in the set.
        index: place among the picture's compared objects.
        class_name: of the object.
        area: pixels.
        found_by: names of detectors.
        missed_by: names of detectors.
    """

    picture: int
    index: int
    class_name: str
    area: float
    found_by: tuple[str, ...]
    missed_by: tuple[str, ...]


def contested(measured: Sequence[Compared], objects: Objects) -> list[Contested]:
    """List the objects that some find and others miss: those of one finder alone first, then the largest."""
    matches = measured[0].matches
    found = np.array([each.found for each in measured])
    differ = matches.object_counts & found.any(axis=0) & ~found.all(axis=0)
    rows = [
        Contested(
            int(matches.object_picture[place]),
            int(matches.object_index[place]),
            objects.class_names[int(matches.object_class[place])],
            float(matches.object_area[place]),
            tuple(each.looked.name for each, hit in zip(measured, found[:, place], strict=True) if hit),
            tuple(each.looked.name for each, hit in zip(measured, found[:, place], strict=True) if not hit),
        )
        for place in np.flatnonzero(differ)
    ]
    return sorted(rows, key=lambda row: (len(row.found_by), -row.area))
