"""The checkpoint and the thresholds that reach a wanted recall at the least price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.errors import UserError
from common.metrics.confidence_sweep import OBJECT, Point
from evaluate.chosen import ChosenClass, judge, rounded
from evaluate.evaluation import Evaluation, Result


@dataclass(frozen=True)
class Candidate:
    """A checkpoint with the highest thresholds that reach the target.

    Attributes:
        result: the checkpoint.
        points: class id -> point; where the target cannot be reached, that of the highest recall there is.
        reached: class id -> the target is reached.
    """

    result: Result
    points: dict[int, Point]
    reached: dict[int, bool]

    @property
    def precision(self) -> float:
        """Mean over the classes."""
        return float(np.mean([point.precision if point.hits else 0.0 for point in self.points.values()]))

    @property
    def recall(self) -> float:
        """The lowest of the classes."""
        return min(point.recall for point in self.points.values())

    @property
    def false_alarms(self) -> int:
        """Of all classes."""
        return sum(point.false_alarms for point in self.points.values())


@dataclass(frozen=True)
class Chosen:
    """What was chosen.

    Attributes:
        result: the checkpoint.
        classes: class name -> threshold and what it gives.
        reached: the target is reached in every class.
        candidates: all checkpoints, as they were compared.
        absent: classes that the split does not show: nothing can be said about them.
    """

    result: Result
    classes: dict[str, ChosenClass]
    reached: bool
    candidates: tuple[Candidate, ...]
    absent: tuple[str, ...]


def choose_point(
    evaluation: Evaluation, target_recall: float, classes: Sequence[str] | None = None, level: str = OBJECT
) -> Chosen:
    """Choose among the checkpoints that reach the recall the one with the best precision.

    In each checkpoint every class gets the highest threshold whose recall is at least the target: the one with the
    fewest false alarms. Among checkpoints the best mean precision over the classes counts, then fewer false alarms,
    then the earlier epoch. Where none reaches the target in every class, the one with the highest recall (of its worst
    class) is returned, `reached` being false.

    Args:
        evaluation: of a run.
        target_recall: above 0, at most 1.
        classes: that are to reach it; None: all that the split shows.
        level: "object", by masks that overlap half, or "frame".

    Raises:
        UserError: the target is no share; a class is unknown or in no picture of the split.
    """
    if not 0 < target_recall <= 1:
        raise UserError(f"--target-recall {target_recall}: expected a share above 0, at most 1, e.g. 0.99")
    ids = {name: class_id for class_id, name in evaluation.classes}
    unknown = [name for name in classes or () if name not in ids]
    if unknown:
        raise UserError(f"--class {', '.join(unknown)}: the run finds {', '.join(ids)}")
    absent = [name for name, class_id in ids.items() if not evaluation.results[0].curve(class_id, level).positives]
    if blind := [name for name in (classes or ()) if name in absent] or (list(ids) if len(absent) == len(ids) else []):
        raise UserError(f"the split {evaluation.truth.split} shows no {', '.join(blind)}: choose on another one")
    wanted = [ids[name] for name in (classes or ids) if name not in absent]
    candidates = tuple(_candidate(result, wanted, target_recall, level) for result in evaluation.results)
    able = [each for each in candidates if all(each.reached.values())]
    if able:
        best = max(able, key=lambda each: (each.precision, -each.false_alarms))
    else:
        best = max(candidates, key=lambda each: (each.recall, each.precision))
    named = {
        evaluation.truth.class_names[class_id]: judge(evaluation, best.result, class_id, point.threshold, level)
        for class_id, point in best.points.items()
    }
    return Chosen(best.result, named, bool(able), candidates, tuple(absent))


def _candidate(result: Result, wanted: Sequence[int], target: float, level: str) -> Candidate:
    points, reached = {}, {}
    for class_id in wanted:
        curve = result.curve(class_id, level)
        found = curve.highest_reaching(target)
        reached[class_id] = found is not None
        if found is None:
            # Nothing found at all: no threshold is better than the model's own.
            most = int(curve.hits.max(initial=0))
            found = curve.highest_reaching(most / curve.positives) if most else None
        threshold = result.checkpoint.believed_from if found is None else found.threshold
        points[class_id] = curve.at(rounded(threshold))
    return Candidate(result, points, reached)
