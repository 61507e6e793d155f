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


def write_choice(evaluation: Evaluation, result: Result, classes: Mapping[str, ChosenClass], about: Any) -> Path:
    """Write choice.json, which `infer` follows: whole, or the one before stays.

    Args:
        evaluation: that it was chosen from.
        result: the checkpoint.
        classes: class name -> threshold and what it gives.
        about: how it was asked for.

    Raises:
        UserError: the checkpoint is not there any more, or holds other weights than were evaluated.
    """
    run = evaluation.run.folder
    path = run / CHOICE
    _check_there(result)
    write_json(
        path,
        {
            "checkpoint": os.path.relpath(result.checkpoint.path, run),
            "sha256": result.weights,
            "thresholds": {name: each.point.threshold for name, each in classes.items()},
            GIVEN_AS: {
                **about,
                "split": evaluation.truth.split,
                "dataset": str(evaluation.truth.dataset.folder),
                "fingerprint": evaluation.truth.fingerprint,
                "pictures": len(evaluation.truth.pictures),
                "classes": {name: each.as_json() for name, each in classes.items()},
            },
        },
    )
    return path


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
