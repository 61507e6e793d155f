"""The tables of an evaluation, as rows: what its CSV and JSON files hold. NaN, "not known", becomes None there.

One row says which checkpoint, epoch, class and threshold it is about; counts and ratios are of `common.metrics`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from common.metrics.calibration import calibration
from common.metrics.confidence_sweep import LEVELS, Point
from common.metrics.confusion import BACKGROUND, MISSED, confusion, lies_on
from common.metrics.counts import counts
from common.metrics.frame_table import FrameTable, frame_table
from common.metrics.size_buckets import size_buckets
from evaluate.evaluation import KIND, Evaluation, Result, each_class

Row = dict[str, Any]
GRID = np.round(np.arange(0, 1, 0.01), 2)  # thresholds of frames.csv and sweep.csv
TWICE = "the same, again"


def frames(evaluation: Evaluation) -> Iterator[Row]:
    """Frame-level table of every epoch, class and threshold: the model's own, then a grid."""
    for result, class_id, name in each_class(evaluation):
        own = result.checkpoint.believed_from
        for threshold in (own, *(each for each in GRID if each and each != own)):
            table = frame_table(result.frames[class_id], float(threshold))
            yield {**_about(result, name, float(threshold)), **frame_numbers(table)}


def sweep(evaluation: Evaluation) -> Iterator[Row]:
    """Precision and recall at every threshold of a grid; `Curve` has them at every score."""
    for result, class_id, name in each_class(evaluation):
        for level in LEVELS:
            curve = result.curve(class_id, level)
            for threshold in GRID:
                yield {**_about(result, name), "level": level, **point_numbers(curve.at(float(threshold)))}


def count_rows(evaluation: Evaluation) -> Iterator[Row]:
    """How many are seen beside how many there are."""
    for result, class_id, name in each_class(evaluation):
        threshold = result.checkpoint.believed_from
        counted = counts(result.matches[KIND], class_id, threshold)
        yield {
            **_about(result, name, threshold),
            "truth": counted.truth,
            "predicted": counted.predicted,
            "ratio": counted.ratio,
            "frames_without": counted.frames_without,
            "frames_with_false": counted.frames_with_false,
            "false_on_frames_without": counted.false_on_frames_without,
        }


def confusion_rows(evaluation: Evaluation) -> Iterator[Row]:
    """What is taken for what, each object once."""
    names = evaluation.truth.class_names
    for result in evaluation.results:
        threshold = result.checkpoint.believed_from
        thresholds = np.full(len(names), threshold)
        table = confusion(evaluation.truth.pictures, result.predictions, thresholds, KIND)
        for (true, seen), count in np.ndenumerate(table):
            if true or seen:
                yield {
                    **_about(result, None, threshold),
                    "truth": names[true] if true else BACKGROUND,
                    "predicted": names[seen] if seen else MISSED,
                    "count": int(count),
                }


def false_alarms(evaluation: Evaluation) -> Iterator[Row]:
    """What the false alarms of each class lie on, found or not."""
    names = evaluation.truth.class_names
    for result in evaluation.results:
        matches, threshold = result.matches[KIND], result.checkpoint.believed_from
        under = lies_on(evaluation.truth.pictures, result.predictions, matches)
        false = matches.false_alarm() & (matches.score >= threshold)
        for class_id, name in evaluation.classes:
            own = under[false & (matches.detection_class == class_id)]
            for below, below_name in enumerate(names):
                label = BACKGROUND if not below else TWICE if below == class_id else below_name
                yield {
                    **_about(result, name, threshold),
                    "lies_on": label,
                    "count": int((own == below).sum()),
                }


def calibration_rows(evaluation: Evaluation) -> Iterator[Row]:
    """Scores beside how often they were right."""
    for result, class_id, name in each_class(evaluation):
        found = calibration(result.matches[KIND], class_id)
        for low, high, mean, share, count in zip(
            found.low, found.high, found.mean_score, found.share_hit, found.count, strict=True
        ):
            numbers = {"low": low, "high": high, "mean_score": mean, "share_hit": share}
            yield {
                **_about(result, name),
                **{key: float(number) for key, number in numbers.items()},
                "count": int(count),
            }


def sizes(evaluation: Evaluation) -> Iterator[Row]:
    """Recall by size of the object."""
    for result, class_id, name in each_class(evaluation):
        threshold = result.checkpoint.believed_from
        for bucket in size_buckets(result.matches[KIND], class_id, threshold):
            yield {
                **_about(result, name, threshold),
                "size": bucket.size,
                "objects": bucket.objects,
                "found": bucket.found,
                "recall": bucket.recall,
            }


def point_numbers(point: Point) -> Row:
    """Columns of a point of a curve."""
    names = ("threshold", "hits", "misses", "false_alarms", "precision", "recall", "f1", "false_alarms_per_frame")
    return {name: getattr(point, name) for name in names}


def frame_numbers(table: FrameTable) -> Row:
    """Columns of a frame-level table."""
    return {name: getattr(table, name) for name in ("PP", "PN", "NP", "NN", "accuracy", "precision", "recall", "f1")}


def _about(result: Result, class_name: str | None, threshold: float | None = None) -> Row:
    row: Row = {"checkpoint": result.name, "epoch": result.epoch}
    if class_name is not None:
        row["class"] = class_name
    if threshold is not None:
        row["threshold"] = threshold
    return row
