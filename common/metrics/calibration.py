"""Does a score of 0.8 mean right in 80 of 100 cases? Reliability curve and expected calibration error.

Legend: M bins that hold a detection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.metrics.matching import Matches

BINS = 10


@dataclass(frozen=True)
class Calibration:
    """One class in bins of equal width; empty bins are left out.

    Attributes:
        low: (M,) float64 lower end of each bin.
        high: (M,) float64 upper end.
        mean_score: (M,) float64.
        share_hit: (M,) float64.
        count: (M,) int detections.
    """

    low: np.ndarray
    high: np.ndarray
    mean_score: np.ndarray
    share_hit: np.ndarray
    count: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of score and share, by detections; NaN without any."""
        if not self.count.sum():
            return float("nan")
        return float(np.average(np.abs(self.mean_score - self.share_hit), weights=self.count))


def calibration(matches: Matches, class_id: int, overlap: float = 0.5, bins: int = BINS) -> Calibration:
    """Compare the scores of a class with how often they were right.

    Detections below the score floor are not known and not counted. Bins and values are those of scikit-learn's
    `calibration_curve`, which tells no counts.

    Args:
        matches: of the set.
        class_id: the class.
        overlap: from which a detection is right.
        bins: from 0 to 1.
    """
    from sklearn.calibration import calibration_curve

    row = matches.at(overlap)
    own = (matches.detection_class == class_id) & ~matches.passed[row]
    scores, hit = matches.score[own], matches.hit[row][own]
    edges = np.linspace(0, 1, bins + 1)
    count = np.bincount(np.searchsorted(edges[1:-1], scores), minlength=bins)
    held = count > 0
    share, mean = calibration_curve(hit, scores, n_bins=bins) if len(scores) else (np.zeros(0), np.zeros(0))
    return Calibration(edges[:-1][held], edges[1:][held], mean, share, count[held])
