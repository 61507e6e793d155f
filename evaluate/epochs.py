"""The epochs of a run side by side, with intervals, and which of them the data can tell apart.

Legend: B resamples, F pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from common.metrics import bootstrap
from common.metrics.bootstrap import Difference, Interval
from common.metrics.calibration import calibration
from common.metrics.confidence_sweep import Point
from common.metrics.matching import Matches
from evaluate.evaluation import KIND, OVERLAP, Evaluation, Result
from evaluate.tables import Row, point_numbers

ALL_CLASSES = "all"
AP50, RECALL = "mask_ap50", "recall"


@dataclass(frozen=True)
class AtThreshold:
    """Some classes of one checkpoint at their thresholds, picture by picture, so that it can be resampled.

    Attributes:
        objects: (F,) float32 objects that there are.
        found: (F,) float32 of them found.
        right: (F,) float32 detections that found something.
        wrong: (F,) float32 false alarms.
    """

    objects: np.ndarray
    found: np.ndarray
    right: np.ndarray
    wrong: np.ndarray

    @classmethod
    def of(cls, matches: Matches, thresholds: dict[int, float], overlap: float = OVERLAP) -> AtThreshold:
        """Count by picture.

        Args:
            matches: of one kind.
            thresholds: class id -> score from which it counts; other classes are left out.
            overlap: of a pair.
        """
        row, count = matches.at(overlap), matches.pictures
        least = np.full(max([0, *thresholds, *matches.object_class, *matches.detection_class]) + 1, np.inf)
        for class_id, threshold in thresholds.items():
            least[class_id] = threshold
        own = matches.object_counts & np.isfinite(least[matches.object_class])
        seen = matches.score >= least[matches.detection_class]
        found = own & (matches.found_score[row] >= least[matches.object_class])
        return cls(
            bootstrap.by_picture(matches.object_picture, own, count),
            bootstrap.by_picture(matches.object_picture, found, count),
            bootstrap.by_picture(matches.detection_picture, seen & matches.hit[row], count),
            bootstrap.by_picture(matches.detection_picture, seen & matches.false_alarm(overlap), count),
        )

    def point(self, threshold: float) -> Point:
        """Counts over all pictures."""
        found, wrong = int(self.found.sum()), int(self.wrong.sum())
        return Point(threshold, found, int(self.objects.sum()) - found, wrong, len(self.objects))

    def recall(self, weights: np.ndarray, groups: Sequence[str]) -> Interval:
        """Recall and its interval."""
        return bootstrap.share_interval(self.found, self.objects, weights, groups)

    def precision(self, weights: np.ndarray, groups: Sequence[str]) -> Interval:
        """Precision and its interval."""
        return bootstrap.share_interval(self.right, self.right + self.wrong, weights, groups)


class Epochs:
    """Numbers of every checkpoint, resampled once.

    Args:
        evaluation: of a run.

    Attributes:
        evaluation: as given.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self._groups = evaluation.truth.groups

    @cached_property
    def resampled(self) -> dict[str, dict[str, np.ndarray]]:
        """Checkpoint -> measure -> (B,) values; the same pictures in the same place for all."""
        return {
            result.name: {
                AP50: self._mean_precision(result),
                RECALL: bootstrap.ratios_of(
                    *(lambda counted: (counted.found, counted.objects))(self._counted(result)),
                    self.evaluation.resamples,
                ),
            }
            for result in self.evaluation.results
        }

    def rows(self) -> Iterator[Row]:
        """One row a checkpoint and class, and one for all classes: mean of AP, sums of what is counted."""
        for result in self.evaluation.results:
            yield self._row(result, None, ALL_CLASSES)
            for class_id, name in self.evaluation.classes:
                yield self._row(result, class_id, name)

    def best(self) -> Result:
        """The checkpoint with the highest AP50 of masks; the earliest of several."""
        return max(self.evaluation.results, key=lambda result: _known(self.value(result, AP50)))

    def value(self, result: Result, measure: str) -> float:
        """A measure as measured; NaN where it is not defined."""
        if measure == AP50:
            number = result.precision.overall[AP50]
            return float("nan") if number is None else number
        return self._counted(result).point(0).recall

    def difference(self, first: Result, second: Result, measure: str) -> Difference:
        """First minus second, with interval."""
        values = [self.resampled[each.name][measure] for each in (first, second)]
        return bootstrap.difference(self.value(first, measure), self.value(second, measure), *values)

    def differences(self) -> Iterator[Row]:
        """Every two checkpoints."""
        results = self.evaluation.results
        for place, second in enumerate(results):
            for first in results[place + 1 :]:
                for measure in (AP50, RECALL):
                    found = self.difference(first, second, measure)
                    yield {
                        "first": first.name,
                        "second": second.name,
                        "measure": measure,
                        "difference": found.value,
                        "low": found.low,
                        "high": found.high,
                        "alike": found.alike,
                    }

    def alike(self) -> list[Result]:
        """Checkpoints that cannot be told from the best one by the AP50 of masks."""
        best = self.best()
        return [
            each for each in self.evaluation.results if each is not best and self.difference(best, each, AP50).alike
        ]

    def _counted(self, result: Result, class_id: int | None = None) -> AtThreshold:
        chosen = [each for each, _ in self.evaluation.classes] if class_id is None else [class_id]
        threshold = result.checkpoint.believed_from
        return AtThreshold.of(result.matches[KIND], dict.fromkeys(chosen, threshold))

    def _mean_precision(self, result: Result) -> np.ndarray:
        each = [
            bootstrap.average_precisions(result.matches[KIND], class_id, self.evaluation.resamples)
            for class_id, _ in self.evaluation.classes
        ]
        stacked = np.array(each)  # (classes, B)
        known = np.isfinite(stacked)
        total = np.where(known, stacked, 0).sum(axis=0)
        return np.divide(total, known.sum(axis=0), out=np.full(len(total), np.nan), where=known.any(axis=0))

    def _row(self, result: Result, class_id: int | None, name: str) -> Row:
        numbers = result.precision.overall if class_id is None else result.precision.by_class[name]
        counted = self._counted(result, class_id)
        weights = self.evaluation.resamples
        row: dict[str, Any] = {"checkpoint": result.name, "epoch": result.epoch, "class": name, **numbers}
        row |= point_numbers(counted.point(result.checkpoint.believed_from))
        for label, interval in (
            ("recall", counted.recall(weights, self._groups)),
            ("precision", counted.precision(weights, self._groups)),
        ):
            row |= {f"{label}_low": interval.low, f"{label}_high": interval.high}
        if class_id is None:
            found = bootstrap.interval(self.value(result, AP50), self.resampled[result.name][AP50])
            return row | {"mask_ap50_low": found.low, "mask_ap50_high": found.high, "calibration_error": None}
        values = bootstrap.average_precisions(result.matches[KIND], class_id, weights)
        found = bootstrap.interval(0.0, values)
        error = calibration(result.matches[KIND], class_id).error
        return row | {"mask_ap50_low": found.low, "mask_ap50_high": found.high, "calibration_error": error}


def _known(value: float) -> float:
    return value if value == value else -1.0
