"""What is taken for what.

Legend: C classes with background, G objects and D detections of a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import supervision as sv

from common.metrics.coco_evaluation import MASK, pair_overlaps
from common.metrics.matching import Matches, match

MISSED, BACKGROUND = "missed", "background"


def confusion(
    truth: Sequence[sv.Detections],
    predicted: Sequence[sv.Detections],
    thresholds: np.ndarray,
    kind: str = MASK,
    overlap: float = 0.5,
) -> np.ndarray:
    """Count pairs of true and predicted class.

    Args:
        truth: one a picture, as `CocoEvaluation` takes them.
        predicted: one a picture in the same order.
        thresholds: (C,) float64 score from which a detection of each class counts; the first is not used.
        kind: "box" or "mask".
        overlap: least overlap of a pair.

    Returns:
        (C, C) int. Row: true class, row 0: nothing is there (a false alarm). Column: predicted class, column 0: missed.

    Detections go from the highest score down whatever their class, and each object is paired once: of two sightings of
    one face as two classes the surer one fills its cell, the other is a false alarm. `lies_on` tells what false alarms
    lie on.
    """
    classes = len(thresholds)
    believed = [_believed(found, thresholds) for found in predicted]
    matches = match(truth, believed, range(1, classes), kind, by_class=False)
    row = matches.at(overlap)
    hit = matches.hit[row]
    partner = matches.partner[row][hit]
    table = np.zeros((classes, classes), int)
    np.add.at(table, (matches.object_class[partner], matches.detection_class[hit]), 1)
    np.add.at(table, (0, matches.detection_class[matches.false_alarm(overlap)]), 1)
    missed = matches.object_counts & np.isnan(matches.found_score[row])
    np.add.at(table, (matches.object_class[missed], 0), 1)
    return table


def lies_on(
    truth: Sequence[sv.Detections], predicted: Sequence[sv.Detections], matches: Matches, overlap: float = 0.5
) -> np.ndarray:
    """Say what each detection lies on: the object, of any class and found or not, that it overlaps most.

    Args:
        truth: as given to `match`.
        predicted: as given to `match`.
        matches: made of the two, in whose rows the answer is.
        overlap: less than that is background.

    Returns:
        One class id a detection of `matches`; 0: background. A false alarm on its own class is a second sighting of an
        object that another detection found.
    """
    answer = np.zeros(len(matches.score), int)
    for place, (objects, found) in enumerate(zip(truth, predicted, strict=True)):
        if not len(objects) or not len(found):
            continue
        overlaps = pair_overlaps(found, objects, matches.kind)
        best = overlaps.argmax(axis=1)
        near = overlaps[np.arange(len(found)), best] >= overlap
        start, end = np.searchsorted(matches.detection_picture, [place, place + 1])
        answer[start:end] = np.where(near, np.asarray(objects.class_id)[best], 0)
    return answer


def _believed(found: sv.Detections, thresholds: np.ndarray) -> sv.Detections:
    if not len(found):
        return found
    return cast(sv.Detections, found[found.confidence >= thresholds[np.asarray(found.class_id)]])
