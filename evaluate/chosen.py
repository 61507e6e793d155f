"""A checkpoint with a threshold for each class: how it was chosen and what it costs, as choice.json says it."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.metrics.bootstrap import Interval, share_interval
from common.metrics.confidence_sweep import FRAME, OBJECT, Point
from common.metrics.frame_table import FrameScores
from evaluate.epochs import AtThreshold
from evaluate.evaluation import KIND, Evaluation, Result
from evaluate.runs import MOVING
from evaluate.writing import write_json
from mrcnn.choice import CHOICE, choose

DIGITS = 4  # of a threshold
GIVEN_AS = "evidence"
OF_CALL = ("target_recall", "reached")  # what may differ from class to class


@dataclass(frozen=True)
class ChosenClass:
    """One class of a chosen checkpoint on one split.

    Attributes:
        class_name: the class.
        point: threshold and what it gives.
        recall: with interval.
        precision: with interval.
        next_false_alarm: score below the threshold at which the next false alarm comes, 0 where none does.
    """

    class_name: str
    point: Point
    recall: Interval
    precision: Interval
    next_false_alarm: float

    def as_json(self) -> dict[str, Any]:
        """Plain numbers; None where they are not known."""
        return {
            "threshold": self.point.threshold,
            "recall": self.recall.value,
            "recall_interval": [self.recall.low, self.recall.high],
            "precision": self.precision.value,
            "precision_interval": [self.precision.low, self.precision.high],
            "false_alarms_per_frame": self.point.false_alarms_per_frame,
            "hits": self.point.hits,
            "misses": self.point.misses,
            "false_alarms": self.point.false_alarms,
            "next_false_alarm": self.next_false_alarm,
        }


def judge(evaluation: Evaluation, result: Result, class_id: int, threshold: float, level: str) -> ChosenClass:
    """Say what a threshold gives on the evaluation's split, by object (overlap of masks 0.5) or by frame."""
    weights, groups = evaluation.resamples, evaluation.truth.groups
    if level == OBJECT:
        counted = AtThreshold.of(result.matches[KIND], {class_id: threshold})
        recall, precision = counted.recall(weights, groups), counted.precision(weights, groups)
    else:
        scores = result.frames[class_id]
        recall, precision = (
            share_interval(part, whole, weights, groups) for part, whole in _frame_parts(scores, threshold)
        )
    curve = result.curve(class_id, level)
    name, next_one = evaluation.truth.class_names[class_id], curve.next_false_alarm(threshold)
    return ChosenClass(name, curve.at(threshold), recall, precision, next_one)


def _frame_parts(scores: FrameScores, threshold: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Part and whole of recall and of precision, frame by frame."""
    seen = (scores.best >= threshold) & scores.counts
    present = scores.present & scores.counts
    return [(seen & present, present), (seen & present, seen)]


def rounded(threshold: float) -> float:
    """Round a score down to what choice.json holds: above 0, below 1, and what had the score still counts."""
    scale = 10**DIGITS
    return min(max(math.floor(threshold * scale + 1e-9), 1), scale - 1) / scale


@dataclass(frozen=True)
class Written:
    """A choice.json, and what became of the classes that only the one before had a threshold for.

    Attributes:
        path: the file.
        kept: class name -> threshold that still holds: same weights, looked at and judged in the same way.
        dropped: class name -> threshold that does not.
    """

    path: Path
    kept: Mapping[str, float]
    dropped: Mapping[str, float]


def write_choice(
    evaluation: Evaluation, result: Result, classes: Mapping[str, ChosenClass], about: Mapping[str, Any]
) -> Written:
    """Write choice.json, which `infer` follows: whole, or the one before stays.

    Thresholds of other classes that an earlier call chose for the same weights, on the same pictures and under the
    same settings, stay in it with their evidence; the wanted recall may be another.

    Args:
        evaluation: that it was chosen from.
        result: the checkpoint.
        classes: class name -> threshold and what it gives.
        about: how it was asked for.

    Raises:
        UserError: the checkpoint is not there any more, or holds other weights than were evaluated.
    """
    run, truth = evaluation.run.folder, evaluation.truth
    path = run / CHOICE
    _check_there(result)
    evidence: dict[str, Any] = {
        **about,
        "split": truth.split,
        "dataset": str(truth.dataset.folder),
        "fingerprint": truth.fingerprint,
        "pictures": len(truth.pictures),
    }
    wanted = {key: about[key] for key in OF_CALL if key in about}
    known = {name: each.as_json() | wanted for name, each in classes.items()}
    before = _before(path)
    others = {name: value for name, value in before["thresholds"].items() if name not in classes}
    told = before[GIVEN_AS].get("classes")
    holds = isinstance(told, dict) and before.get("sha256") == result.weights and _alike(before[GIVEN_AS], evidence)
    kept = {name: value for name, value in others.items() if holds and name in told}
    content = {
        "checkpoint": os.path.relpath(result.checkpoint.path, run),
        "sha256": result.weights,
        "thresholds": kept | {name: each.point.threshold for name, each in classes.items()},
        GIVEN_AS: evidence | {"classes": {name: told[name] for name in kept} | known},
    }
    write_json(path, content)
    return Written(path, kept, {name: value for name, value in others.items() if name not in kept})


def _before(path: Path) -> dict[str, Any]:
    """Return what choice.json holds, with thresholds and evidence; both empty where it cannot be used."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = {}  # made anew
    found: dict[str, Any] = content if isinstance(content, dict) else {}
    given, evidence = found.get("thresholds"), found.get(GIVEN_AS)
    thresholds = given.items() if isinstance(given, dict) else ()
    numbers = {name: value for name, value in thresholds if type(value) is float and 0 < value < 1}
    return found | {"thresholds": numbers, GIVEN_AS: evidence if isinstance(evidence, dict) else {}}


def _alike(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether two choices were made from the same: how the checkpoint looked, what was judged, on which pictures."""
    return all(before.get(key) == now.get(key) for key in ("settings", "level", "split", "fingerprint", "pictures"))


def _check_there(result: Result) -> None:
    path = result.checkpoint.path
    try:
        with path.open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == result.weights
    except OSError:
        same = False
    if not same:
        raise UserError(f"{path}: changed or gone since it was evaluated, so nothing was chosen; {MOVING}")


@dataclass(frozen=True)
class Judgement:
    """The choice of a run on a split, perhaps another one than it was made on.

    Attributes:
        result: the chosen checkpoint.
        level: "object" or "frame".
        classes: one a class with a threshold.
        split_of_choice: on which it was made; "" when nobody knows.
        same: it was made on these very pictures: the numbers flatter.
    """

    result: Result
    level: str
    classes: tuple[ChosenClass, ...]
    split_of_choice: str
    same: bool


def judge_choice(evaluation: Evaluation) -> Judgement | None:
    """Judge what choice.json says; None where there is none, or its checkpoint was not evaluated.

    Raises:
        UserError: choice.json cannot be used.
    """
    path = evaluation.run.folder / CHOICE
    if not path.is_file():
        return None
    choice = choose(evaluation.run.folder)
    try:
        result = evaluation.result(choice.checkpoint.stem)
    except UserError:
        return None
    content = json.loads(path.read_text(encoding="utf-8")).get(GIVEN_AS)
    evidence = content if isinstance(content, dict) else {}
    level = FRAME if evidence.get("level") == FRAME else OBJECT
    split = str(evidence.get("split") or "")
    ids = {name: class_id for class_id, name in evaluation.classes}
    classes = tuple(
        judge(evaluation, result, ids[name], threshold, level)
        for name, threshold in choice.thresholds.items()
        if name in ids
    )
    same = split == evaluation.truth.split and evidence.get("fingerprint") == evaluation.truth.fingerprint
    return Judgement(result, level, classes, split, same)
