"""An evaluation in a few lines: what is printed, and summary.json."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from evaluate.chosen import ChosenClass, Judgement
from evaluate.epochs import AP50, Epochs
from evaluate.evaluation import KIND, OVERLAP, Evaluation
from evaluate.lines import aligned

UNKNOWN = "–"
HEADINGS = ("checkpoint", "mask AP50", "95 %", "box AP50", "from score", "recall", "95 %", "precision", "false/frame")


def table_lines(rows: list[dict[str, Any]]) -> list[str]:
    """One line a checkpoint, from the rows of epochs.csv."""
    cells = [
        (
            row["checkpoint"],
            number(row["mask_ap50"]),
            between(row["mask_ap50_low"], row["mask_ap50_high"]),
            number(row["box_ap50"]),
            f"{row['threshold']:.2f}",
            number(row["recall"]),
            between(row["recall_low"], row["recall_high"]),
            number(row["precision"]),
            number(row["false_alarms_per_frame"]),
        )
        for row in rows
        if row["class"] == "all"
    ]
    return aligned(HEADINGS, cells)


def best_lines(epochs: Epochs) -> list[str]:
    """Say which checkpoint is best and which cannot be told from it."""
    best, alike = epochs.best(), [result.name for result in epochs.alike()]
    pictures = len(epochs.evaluation.truth.pictures)
    lines = [f"best by AP50 of masks: {best.name} ({number(epochs.value(best, AP50))})"]
    if len(epochs.evaluation.results) > 1:
        told = f"{', '.join(alike)} cannot be told from it" if alike else "every other one is worse"
        lines.append(f"on these {pictures} pictures {told} (95 %, paired)")
    return lines


def choice_lines(judgement: Judgement, split: str) -> list[str]:
    """Say how the run's choice does on the split."""
    made = f", chosen on {judgement.split_of_choice}" if judgement.split_of_choice else ""
    lines = [f"choice.json: {judgement.result.name}{made}, judged on {split} by {judgement.level}:"]
    lines += [f"  {chosen_line(each)}" for each in judgement.classes]
    return lines


def chosen_line(chosen: ChosenClass) -> str:
    """One class of a choice: threshold, recall and precision with intervals, price."""
    point, recall, precision = chosen.point, chosen.recall, chosen.precision
    return (
        f"{chosen.class_name} from {point.threshold:.4f}: recall {number(recall.value)} "
        f"({between(recall.low, recall.high)}), precision {number(precision.value)} "
        f"({between(precision.low, precision.high)}), {number(point.false_alarms_per_frame)} false alarms a frame, "
        f"{point.misses} of {point.hits + point.misses} missed"
    )


def as_json(epochs: Epochs, judgement: Judgement | None) -> dict[str, Any]:
    """What summary.json holds."""
    evaluation = epochs.evaluation
    best = epochs.best()
    return {
        "run": str(evaluation.run.folder),
        "dataset": str(evaluation.truth.dataset.folder),
        "fingerprint": evaluation.truth.fingerprint,
        "split": evaluation.truth.split,
        "pictures": len(evaluation.truth.pictures),
        "groups": len(set(evaluation.truth.groups)),
        "class_names": list(evaluation.truth.class_names),
        "classes_without_objects": evaluation.truth.classes_without_objects(),
        "settings": asdict(evaluation.settings),
        "overlap": {"kind": KIND, "threshold": OVERLAP},
        "checkpoints": [
            {
                "checkpoint": result.name,
                "epoch": result.epoch,
                "file": str(result.checkpoint.path),
                "threshold": result.checkpoint.believed_from,
                "predictions": result.file.name,
                **result.precision.overall,
            }
            for result in evaluation.results
        ],
        "same_weights": evaluation.same,
        "best": best.name,
        "alike": [result.name for result in epochs.alike()],
        "choice": None if judgement is None else _choice_json(judgement),
        "faults": list(evaluation.faults),
        "notes": notes(evaluation, judgement),
    }


def notes(evaluation: Evaluation, judgement: Judgement | None) -> list[str]:
    """Warnings that belong beside the numbers."""
    found, truth, run = [], evaluation.truth, evaluation.run
    absent = truth.classes_without_objects()
    if absent:
        found.append(f"the split {truth.split} shows no {', '.join(absent)}: nothing can be said about recall there")
    if run.fingerprint and run.fingerprint != truth.fingerprint:
        found.append("this is another dataset, or another version of it, than the run was trained on")
    elif truth.split == "train":
        found.append("these pictures were learnt: what is measured on them says little about others")
    if len(set(truth.groups)) == 1 and len(truth.groups) > 1:
        found.append("all pictures are of one clip: how far these numbers carry to others is not known")
    if judgement is not None and judgement.same:
        found.append(
            f"the choice was made on this very split, which flatters it: judge it with --split on another one than "
            f"{truth.split}"
        )
    return found


def number(value: float | None) -> str:
    """Three digits, or a dash for what is not known."""
    return UNKNOWN if value is None or math.isnan(value) else f"{value:.3f}"


def between(low: float | None, high: float | None) -> str:
    """An interval."""
    return f"{number(low)}–{number(high)}"


def _choice_json(judgement: Judgement) -> dict[str, Any]:
    return {
        "checkpoint": judgement.result.name,
        "level": judgement.level,
        "chosen_on": judgement.split_of_choice,
        "same_pictures": judgement.same,
        "classes": {each.class_name: each.as_json() for each in judgement.classes},
    }
