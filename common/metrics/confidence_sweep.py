"""Precision and recall at every threshold, and the threshold that a wanted recall asks for.

Legend: M distinct scores, F pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.metrics import ratios
from common.metrics.frame_table import FrameScores
from common.metrics.matching import Matches

OBJECT, FRAME = "object", "frame"
LEVELS = (OBJECT, FRAME)


@dataclass(frozen=True)
class Point:
    """What one threshold gives and costs; ratios are NaN where they are 0 out of 0.

    Attributes:
        threshold: a score from it on counts.
        hits: objects (or frames) found.
        misses: not found.
        false_alarms: detections that found nothing (or frames without the class that have one).
        pictures: F.
    """

    threshold: float
    hits: int
    misses: int
    false_alarms: int
    pictures: int

    @property
    def precision(self) -> float:
        """Share of what counts that is right."""
        return float(ratios.ratio(self.hits, self.hits + self.false_alarms))

    @property
    def recall(self) -> float:
        """Share of what is there that is found."""
        return float(ratios.ratio(self.hits, self.hits + self.misses))

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        return float(ratios.f1(self.hits, self.misses, self.false_alarms))

    @property
    def false_alarms_per_frame(self) -> float:
        """Mean over all pictures."""
        return float(ratios.ratio(self.false_alarms, self.pictures))


@dataclass(frozen=True)
class Curve:
    """One class at every threshold.

    Attributes:
        thresholds: (M,) float64 distinct scores, rising.
        hits: (M,) int, of detections with that score or a higher one.
        false_alarms: (M,) int.
        positives: objects (or frames) that there are.
        pictures: F.
    """

    thresholds: np.ndarray
    hits: np.ndarray
    false_alarms: np.ndarray
    positives: int
    pictures: int

    @property
    def precision(self) -> np.ndarray:
        """(M,) float64, as scikit-learn's `precision_recall_curve` without its last, made-up point."""
        return ratios.ratio(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> np.ndarray:
        """(M,) float64; NaN where there are no positives."""
        return ratios.ratio(self.hits, self.positives)

    def at(self, threshold: float) -> Point:
        """Read what a threshold gives; a score on it counts."""
        place = int(np.searchsorted(self.thresholds, threshold, side="left"))
        hits = int(self.hits[place]) if place < len(self.hits) else 0
        false_alarms = int(self.false_alarms[place]) if place < len(self.hits) else 0
        return Point(float(threshold), hits, self.positives - hits, false_alarms, self.pictures)

    def highest_reaching(self, recall: float) -> Point | None:
        """The highest threshold whose recall is at least this: the one with the fewest false alarms.

        Returns:
            None where no threshold reaches it, or where there is nothing to find.
        """
        # Counted, not divided: 99 of 100 is 0.99 whatever the last bit says.
        enough = np.flatnonzero(self.hits >= recall * self.positives - 1e-9) if self.positives else np.zeros(0, int)
        return self.at(float(self.thresholds[enough[-1]])) if len(enough) else None

    def next_false_alarm(self, threshold: float) -> float:
        """The highest score below a threshold at which there are more false alarms; 0 where there is none.

        Every threshold between costs no more, on these pictures.
        """
        dearer = np.flatnonzero(self.false_alarms > self.at(threshold).false_alarms)
        return float(self.thresholds[dearer[-1]]) if len(dearer) else 0.0


def object_curve(matches: Matches, class_id: int, overlap: float = 0.5) -> Curve:
    """The curve of one class, objects paired by overlap."""
    row = matches.at(overlap)
    own = (matches.detection_class == class_id) & ~matches.passed[row]
    positives = int(((matches.object_class == class_id) & matches.object_counts).sum())
    return _curve(matches.score[own], matches.hit[row][own], positives, matches.pictures)


def frame_curve(scores: FrameScores) -> Curve:
    """The curve of one class, a frame being one thing that is right or wrong."""
    best, present = scores.best[scores.counts], scores.present[scores.counts]
    seen = np.isfinite(best)
    return _curve(best[seen], present[seen], int(present.sum()), int(scores.counts.sum()))


def _curve(scores: np.ndarray, hit: np.ndarray, positives: int, pictures: int) -> Curve:
    thresholds, group = np.unique(scores, return_inverse=True)
    counted = [np.bincount(group[chosen], minlength=len(thresholds)) for chosen in (hit, ~hit)]
    hits, false_alarms = (np.cumsum(each[::-1])[::-1] for each in counted)
    return Curve(thresholds, hits, false_alarms, positives, pictures)
