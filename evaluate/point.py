"""The checkpoint and the thresholds that a gallery and a report are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from evaluate.chosen import judge_choice
from evaluate.epochs import Epochs
from evaluate.evaluation import KIND, Evaluation, Result
from evaluate.faults import find_faults
from evaluate.gallery import LIMIT, Pictures, write_gallery


@dataclass(frozen=True)
class LookedAt:
    """One checkpoint with a threshold for each class.

    Attributes:
        result: the checkpoint.
        thresholds: one a class, background first (not used).
        words: where they come from.
    """

    result: Result
    thresholds: tuple[float, ...]
    words: str


def looked_at(evaluation: Evaluation, checkpoint: str | None = None, score: float | None = None) -> LookedAt:
    """Decide what is looked at: what was chosen for the run, unless something else is named; else the best.

    Args:
        evaluation: of a run.
        checkpoint: name or epoch; None: the chosen one, else the best by AP50 of masks.
        score: from which detections of every class count; None: the chosen thresholds, else the model's own.

    Raises:
        UserError: no such checkpoint, a score that is none, or a choice.json that cannot be used.
    """
    if score is not None and not 0 < score < 1:
        raise UserError(f"--score {score:g}: expected a score between 0 and 1")
    choice = judge_choice(evaluation)
    if checkpoint is not None:
        result = evaluation.result(int(checkpoint) if checkpoint.isdigit() else checkpoint)
    else:
        result = choice.result if choice is not None else Epochs(evaluation).best()
    given = {}
    if choice is not None and choice.result is result and score is None:
        given = {each.class_name: each.point.threshold for each in choice.classes}
    other = result.checkpoint.believed_from if score is None else score
    thresholds = tuple(given.get(name, other) for name in evaluation.truth.class_names)
    words = (
        "thresholds chosen for the run" if given else "the score asked for" if score else "the model's own threshold"
    )
    return LookedAt(result, thresholds, words)


def write_gallery_of(evaluation: Evaluation, at: LookedAt, folder: Path, limit: int = LIMIT) -> tuple[Path, int, int]:
    """Write the gallery of one checkpoint.

    Args:
        evaluation: of a run.
        at: what is looked at.
        folder: of the split; the gallery goes into it.
        limit: see `gallery.write_gallery`.

    Returns:
        The gallery's folder, misses, false alarms.
    """
    truth, result = evaluation.truth, at.result
    faults = find_faults(
        truth.pictures, result.predictions, truth.class_names, at.thresholds, KIND, matches=result.matches[KIND]
    )
    pictures = Pictures(truth.names, truth.dataset.load_image, truth.pictures, result.predictions, at.thresholds)
    made = write_gallery(folder, faults, pictures, about(truth.class_names, at, len(truth.pictures)), limit)
    return made, len(faults.misses), len(faults.false_alarms)


def about(class_names: Sequence[str], at: LookedAt, pictures: int) -> dict[str, Any]:
    """Say what a gallery is of."""
    return {
        "checkpoint": at.result.name,
        "thresholds": dict(zip(class_names[1:], at.thresholds[1:], strict=True)),
        "thresholds_are": at.words,
        "pictures": pictures,
    }
