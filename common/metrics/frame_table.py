"""Frames as right or wrong: is the class in the picture, and did the model say so?

Two letters a cell, the truth first, the prediction second: PP it is there and was seen (true positive), PN there and
not seen (a miss, false negative), NP not there and "seen" (a false alarm, false positive), NN not there and not seen.

Legend: F pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import supervision as sv

from common.metrics import ratios
from common.metrics.coco_evaluation import CROWD, DIFFICULT, flags

UNSEEN = -np.inf  # the best score of a picture without a detection: below every threshold


@dataclass(frozen=True)
class FrameTable:
    """Pictures counted by truth (first letter) and prediction (second).

    Attributes:
        PP: true positives.
        PN: false negatives: misses.
        NP: false positives: false alarms.
        NN: true negatives.
    """

    PP: int
    PN: int
    NP: int
    NN: int

    @property
    def accuracy(self) -> float:
        """Share of pictures that are right; NaN without any picture."""
        return float(ratios.ratio(self.PP + self.NN, self.PP + self.PN + self.NP + self.NN))

    @property
    def precision(self) -> float:
        """PP / (PP + NP); NaN where nothing was predicted."""
        return float(ratios.ratio(self.PP, self.PP + self.NP))

    @property
    def recall(self) -> float:
        """PP / (PP + PN); NaN where the class is in no picture."""
        return float(ratios.ratio(self.PP, self.PP + self.PN))

    @property
    def f1(self) -> float:
        """2 PP / (2 PP + PN + NP); NaN where all three are 0."""
        return float(ratios.f1(self.PP, self.PN, self.NP))


@dataclass(frozen=True)
class FrameScores:
    """What the frame table and its curve need to know of every picture that counts.

    Attributes:
        present: (F,) bool, the class is in the picture.
        best: (F,) float64, highest score of the class in the picture; -inf where there is no detection.
        counts: (F,) bool; False: all that it shows of the class is a crowd or difficult.
    """

    present: np.ndarray
    best: np.ndarray
    counts: np.ndarray


def frame_scores(truth: Sequence[sv.Detections], predicted: Sequence[sv.Detections], class_id: int) -> FrameScores:
    """Look at every picture for one class.

    Args:
        truth: one a picture, as `CocoEvaluation` takes them.
        predicted: one a picture in the same order.
        class_id: on the count of both.
    """
    present, counts, best = [], [], []
    for objects, found in zip(truth, predicted, strict=True):
        own = _of_class(objects, class_id)
        sure = own & ~(flags(objects, CROWD) | flags(objects, DIFFICULT))
        present.append(bool(sure.any()))
        counts.append(bool(sure.any()) or not own.any())
        scores = found.confidence[_of_class(found, class_id)] if len(found) else []  # type: ignore[index]
        best.append(max((float(score) for score in scores), default=UNSEEN))
    return FrameScores(np.array(present, bool), np.array(best, float), np.array(counts, bool))


def frame_table(scores: FrameScores, threshold: float) -> FrameTable:
    """Count the pictures at a threshold; a score on it counts as seen."""
    present, seen = scores.present[scores.counts], scores.best[scores.counts] >= threshold
    return FrameTable(
        PP=int((present & seen).sum()),
        PN=int((present & ~seen).sum()),
        NP=int((~present & seen).sum()),
        NN=int((~present & ~seen).sum()),
    )


def _of_class(objects: sv.Detections, class_id: int) -> np.ndarray:
    return np.zeros(0, bool) if objects.class_id is None else np.asarray(objects.class_id) == class_id
