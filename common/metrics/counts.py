"""How many are seen beside how many there are, and false ones where there are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.metrics import ratios
from common.metrics.matching import Matches


@dataclass(frozen=True)
class Counts:
    """One class at one threshold. Crowds and difficult objects, and what lies on them, are not counted.

    Attributes:
        truth: objects there are.
        predicted: detections.
        frames_without: pictures without any object of the class, a crowd neither.
        frames_with_false: those of them that have a detection of it.
        false_on_frames_without: detections on them.
    """

    truth: int
    predicted: int
    frames_without: int
    frames_with_false: int
    false_on_frames_without: int

    @property
    def ratio(self) -> float:
        """Predicted over true; NaN where there are none."""
        return float(ratios.ratio(self.predicted, self.truth))


def counts(matches: Matches, class_id: int, threshold: float, overlap: float = 0.5) -> Counts:
    """Count one class.

    Args:
        matches: of the set.
        class_id: the class.
        threshold: a score on it counts.
        overlap: from which a detection on a crowd is passed over.
    """
    own = matches.object_class == class_id
    without = np.ones(matches.pictures, bool)
    without[matches.object_picture[own]] = False
    passed = matches.passed[matches.at(overlap)]
    seen = (matches.detection_class == class_id) & (matches.score >= threshold) & ~passed
    false = np.bincount(matches.detection_picture[seen], minlength=matches.pictures)[without]
    return Counts(
        truth=int((own & matches.object_counts).sum()),
        predicted=int(seen.sum()),
        frames_without=int(without.sum()),
        frames_with_false=int((false > 0).sum()),
        false_on_frames_without=int(false.sum()),
    )
