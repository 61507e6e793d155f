"""Pictures of truth and detections, paired by pycocotools: its rules to the letter, without files and without prints.

Legend: T overlap thresholds, K classes, A area ranges, R recall levels, N objects of a picture.
"""

from __future__ import annotations

import contextlib
import io
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import supervision as sv
from pycocotools import mask as coco_mask
from pycocotools.cocoeval import COCOeval

from common.rle import encode_masks

BOX, MASK = "box", "mask"
KINDS = (BOX, MASK)
OVERLAPS = np.linspace(0.5, 0.95, 10)  # COCO's ten
AREAS = ("all", "small", "medium", "large")  # of the object's mask: below 32 x 32 pixels, below 96 x 96, above
MOST = 100  # detections of a picture and class that count, the best first
RUNS, CROWD, DIFFICULT = "rle", "crowd", "difficult"


class CocoEvaluation(COCOeval):
    """Truth and detections of a set, compared as COCO does for one kind of overlap.

    Detections go from the highest score down; each takes the object of its class that it overlaps most among those
    still free. Crowds are neither hit nor miss: what lies on one is passed over, however many, and overlap is measured
    by the detection's own area. Difficult objects are neither hit nor miss as well, by ordinary overlap.

    Numbers of objects and detections (`gtIds`, `dtIds`) count from 1 in the order of the pictures.

    Args:
        truth: one a picture; `class_id`, and where it applies data "crowd" and "difficult" (N,) bool. Masks as
            data "rle" (N,) COCO's run lengths, or `mask`; without any only boxes can be compared.
        predicted: one a picture, `class_id` on the same count, `confidence`, masks in the same way.
        class_ids: which classes count.
        kind: "box" or "mask".
        by_class: False: pairs whatever their classes are, objects of all sizes together.

    Attributes:
        precision: (T, R, K, A) float64 at `params.recThrs`; -1 where the truth has none of the class. After `run`.
        recall: (T, K, A) float64, likewise. After `run`.

    Raises:
        ValueError: the two differ in length; a mask or score is missing; the kind is unknown.
    """

    def __init__(
        self,
        truth: Sequence[sv.Detections],
        predicted: Sequence[sv.Detections],
        class_ids: Sequence[int],
        kind: str = BOX,
        *,
        by_class: bool = True,
    ) -> None:
        if len(truth) != len(predicted):
            raise ValueError(f"{len(truth)} pictures of truth and {len(predicted)} of detections: expected as many")
        if kind not in KINDS:
            raise ValueError(f"unknown kind {kind!r}: choose one of {', '.join(KINDS)}")
        super().__init__(None, None, "segm" if kind == MASK else "bbox")
        self.kind = kind
        self.params.imgIds = list(range(len(truth)))
        self.params.catIds = sorted(class_ids)
        self.params.useCats = int(by_class)
        self.params.maxDets = [MOST]
        if not by_class:
            self.params.areaRng, self.params.areaRngLbl = self.params.areaRng[:1], self.params.areaRngLbl[:1]
        self.truth_entries = _entries(truth, kind)
        self.predicted_entries = _entries(predicted, kind, scores=True)

    def _prepare(self) -> None:
        """Hand over what is compared; COCO's own reads it from files and knows no difficult objects."""
        self._gts: dict[tuple[int, int], list] = defaultdict(list)
        self._dts: dict[tuple[int, int], list] = defaultdict(list)
        for entries, by_place in ((self.truth_entries, self._gts), (self.predicted_entries, self._dts)):
            for entry in entries:
                by_place[entry["image_id"], entry["category_id"]].append(entry)

    def run(self) -> CocoEvaluation:
        """Pair everything and lay out the curves; returns itself."""
        with contextlib.redirect_stdout(io.StringIO()):
            self.evaluate()
            self.accumulate()
        self.precision, self.recall = self.eval["precision"][..., 0], self.eval["recall"][..., 0]
        return self


def run_lengths(detections: sv.Detections) -> list[dict[str, Any]]:
    """Return COCO's run lengths of the masks of a picture.

    Raises:
        ValueError: there are objects and no masks.
    """
    if RUNS in detections.data:
        return list(detections.data[RUNS])
    if not len(detections):
        return []
    if detections.mask is None:
        raise ValueError("there are objects without masks; compare boxes")
    height, width = (int(side) for side in detections.mask.shape[1:])
    return encode_masks(detections.mask, (height, width))


def pair_overlaps(predicted: sv.Detections, truth: sv.Detections, kind: str) -> np.ndarray:
    """Overlap of every detection with every object of a picture, whatever their classes.

    Returns:
        (D, G) float64 intersection over union; over the detection's own area where the object is a crowd.
    """
    if not len(predicted) or not len(truth):
        return np.zeros((len(predicted), len(truth)))
    crowd = flags(truth, CROWD).astype(int).tolist()
    sides = (run_lengths(each) if kind == MASK else _corner_and_sides(each) for each in (predicted, truth))
    return np.asarray(coco_mask.iou(*sides, crowd), float)


def _corner_and_sides(objects: sv.Detections) -> np.ndarray:
    boxes = np.asarray(objects.xyxy, float)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def flags(objects: sv.Detections, name: str) -> np.ndarray:
    """(N,) bool: which objects carry a mark, "crowd" or "difficult"; none where nobody says."""
    return np.asarray(objects.data.get(name, np.zeros(len(objects))), bool)


def has_masks(pictures: Sequence[sv.Detections]) -> bool:
    """Say whether every picture with objects has their masks."""
    return all(not len(each) or each.mask is not None or RUNS in each.data for each in pictures)


def _entries(pictures: Sequence[sv.Detections], kind: str, scores: bool = False) -> list[dict[str, Any]]:
    """One dictionary an object, as COCO's files have them."""
    entries: list[dict[str, Any]] = []
    masked = kind == MASK or has_masks(pictures)
    for place, objects in enumerate(pictures):
        if not len(objects):
            continue
        if objects.class_id is None or (scores and objects.confidence is None):
            raise ValueError("objects need class_id, and detections confidence")
        boxes = _corner_and_sides(objects)
        # An object's size is its mask's, also where boxes are compared; a detection's is that of what is compared.
        runs = run_lengths(objects) if kind == MASK or (masked and not scores) else None
        areas = boxes[:, 2:].prod(axis=1) if runs is None else np.asarray(coco_mask.area(runs), float)
        crowd, difficult = flags(objects, CROWD), flags(objects, DIFFICULT)
        for index in range(len(objects)):
            entries.append(
                {
                    "id": len(entries) + 1,
                    "image_id": place,
                    "category_id": int(objects.class_id[index]),
                    "bbox": boxes[index].tolist(),
                    "segmentation": None if runs is None else runs[index],
                    "area": float(areas[index]),
                    "iscrowd": int(crowd[index]),
                    "ignore": int(crowd[index] or difficult[index]),
                    "score": float(objects.confidence[index]) if scores else 1.0,  # type: ignore[index]
                }
            )
    return entries
