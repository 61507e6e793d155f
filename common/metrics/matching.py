"""Which detection found which object, as columns: everything that is counted is counted from these.

Pairs are COCO's (see `coco_evaluation`): from the highest score down. So what is found from a score on does not hang on
what lies below it, and one pairing serves every threshold.

Legend: T overlap thresholds, G objects of the truth, D detections, F pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import supervision as sv

from common.metrics.coco_evaluation import BOX, OVERLAPS, CocoEvaluation

NONE = -1


@dataclass(frozen=True)
class Matches:
    """Objects and detections of a set, paired. Rows are in the order of the pictures.

    Attributes:
        kind: "box" or "mask": whose overlap.
        pictures: F.
        object_picture: (G,) int place of the picture.
        object_index: (G,) int place among the picture's objects.
        object_class: (G,) int.
        object_area: (G,) float64 pixels of the mask, of the box where there is none.
        object_counts: (G,) bool; False: a crowd or difficult, neither hit nor miss.
        found_score: (T, G) float64 score of the detection that found it; NaN: missed at any score.
        detection_picture: (D,) int.
        detection_index: (D,) int place among the picture's detections.
        detection_class: (D,) int.
        score: (D,) float64.
        hit: (T, D) bool.
        passed: (T, D) bool, neither hit nor false alarm: lies on a crowd or on something difficult, or comes after
            the hundred best of its picture and class.
        partner: (T, D) int row of the object it was paired with, -1 for none.
    """

    kind: str
    pictures: int
    object_picture: np.ndarray
    object_index: np.ndarray
    object_class: np.ndarray
    object_area: np.ndarray
    object_counts: np.ndarray
    found_score: np.ndarray
    detection_picture: np.ndarray
    detection_index: np.ndarray
    detection_class: np.ndarray
    score: np.ndarray
    hit: np.ndarray
    passed: np.ndarray
    partner: np.ndarray

    def at(self, overlap: float) -> int:
        """Return the row of T for an overlap.

        Raises:
            ValueError: none of COCO's ten, 0.5, 0.55 ... 0.95.
        """
        places = np.flatnonzero(np.isclose(OVERLAPS, overlap))
        if not len(places):
            raise ValueError(f"overlap {overlap}: expected one of {', '.join(f'{each:.2f}' for each in OVERLAPS)}")
        return int(places[0])

    def false_alarm(self, overlap: float = 0.5) -> np.ndarray:
        """(D,) bool: detections that found nothing."""
        row = self.at(overlap)
        return ~self.hit[row] & ~self.passed[row]


def match(
    truth: Sequence[sv.Detections],
    predicted: Sequence[sv.Detections],
    class_ids: Sequence[int],
    kind: str = BOX,
    *,
    by_class: bool = True,
) -> Matches:
    """Pair the detections of a set with its truth; arguments and errors as `CocoEvaluation`."""
    return matches_of(CocoEvaluation(truth, predicted, class_ids, kind, by_class=by_class).run())


def matches_of(compared: CocoEvaluation) -> Matches:
    """Read the pairs off a comparison that ran."""
    truth, found = compared.truth_entries, compared.predicted_entries
    levels = len(OVERLAPS)
    partner = np.full((levels, len(found)), NONE)
    passed = np.ones((levels, len(found)), bool)
    found_score = np.full((levels, len(truth)), np.nan)
    scores = np.array([entry["score"] for entry in found], float)
    for pair in _pairs(compared):
        rows, columns = np.array(pair["dtIds"], int) - 1, np.array(pair["gtIds"], int) - 1
        partner[:, rows] = pair["dtMatches"].astype(int) - 1
        passed[:, rows] = pair["dtIgnore"]
        finder = pair["gtMatches"].astype(int) - 1
        found_score[:, columns] = np.where(finder >= 0, np.append(scores, np.nan)[finder], np.nan)
    return Matches(
        kind=compared.kind,
        pictures=len(compared.params.imgIds),
        object_picture=_column(truth, "image_id", int),
        object_index=_places(_column(truth, "image_id", int)),
        object_class=_column(truth, "category_id", int),
        object_area=_column(truth, "area", float),
        object_counts=~_column(truth, "ignore", bool),
        found_score=found_score,
        detection_picture=_column(found, "image_id", int),
        detection_index=_places(_column(found, "image_id", int)),
        detection_class=_column(found, "category_id", int),
        score=scores,
        hit=(partner >= 0) & ~passed,
        passed=passed,
        partner=partner,
    )


def _pairs(compared: CocoEvaluation) -> list[dict]:
    """What COCO paired, objects of all sizes; it goes by class, then size, then picture."""
    pictures, sizes = len(compared.params.imgIds), len(compared.params.areaRng)
    every = compared.evalImgs
    return [
        pair
        for start in range(0, len(every), pictures * sizes)
        for pair in every[start : start + pictures]
        if pair is not None
    ]


def _column(entries: Sequence[dict], key: str, kind: type) -> np.ndarray:
    return np.array([entry[key] for entry in entries], kind)


def _places(pictures: np.ndarray) -> np.ndarray:
    """Count from 0 within each picture; rows of a picture stand together."""
    starts = np.searchsorted(pictures, pictures, side="left")
    return np.arange(len(pictures)) - starts
