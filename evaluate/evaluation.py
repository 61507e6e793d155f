"""Every checkpoint of a run on one split: the one call from which tables, plots, report and notebooks are made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import supervision as sv

from common.errors import UserError
from common.metrics import bootstrap
from common.metrics.average_precision import PrecisionSummary, numbers_of
from common.metrics.coco_evaluation import KINDS, CocoEvaluation
from common.metrics.confidence_sweep import FRAME, Curve, frame_curve, object_curve
from common.metrics.frame_table import FrameScores, frame_scores
from common.metrics.matching import Matches, matches_of
from evaluate.folders import made_folder
from evaluate.predictions import FOLDER, Machine, Predictions, PredictSettings, Shown, check_settings
from evaluate.runs import ALL, EVALUATION, Run, RunCheckpoint, find_run
from evaluate.truth import IGNORE, Truth, read_truth

OVERLAP, KIND = 0.5, "mask"


@dataclass(frozen=True)
class Result:
    """What a checkpoint found, paired with the truth.

    Attributes:
        checkpoint: of the run.
        predictions: one a picture, see `read_predictions`.
        file: in which they are kept.
        weights: SHA-256 of the checkpoint's file as it was evaluated.
        matches: "box" and "mask" -> pairs.
        precision: average precision, as COCO.
        frames: class id -> pictures with and without the class, and the best score.
    """

    checkpoint: RunCheckpoint
    predictions: list[sv.Detections] = field(repr=False)
    file: Path
    weights: str
    matches: dict[str, Matches] = field(repr=False)
    precision: PrecisionSummary
    frames: dict[int, FrameScores] = field(repr=False)

    @property
    def name(self) -> str:
        """Of the checkpoint."""
        return self.checkpoint.name

    @property
    def epoch(self) -> int | None:
        """Of the checkpoint; None for best and last."""
        return self.checkpoint.epoch

    def curve(self, class_id: int, level: str, kind: str = KIND, overlap: float = OVERLAP) -> Curve:
        """Precision and recall of a class at every threshold, by object or by frame."""
        if level == FRAME:
            return frame_curve(self.frames[class_id])
        return object_curve(self.matches[kind], class_id, overlap)


@dataclass(frozen=True)
class Evaluation:
    """A run on a split.

    Attributes:
        run: the run.
        truth: of the split.
        settings: how the checkpoints looked.
        results: one a checkpoint, by epoch.
        faults: what could not be evaluated, each with the reason.
        same: checkpoint that was left out -> the one with the same weights, e.g. best -> epoch_0003.
        computed: pictures that went through a network; 0: everything was known.
        resamples: (B, F) weights of the bootstrap, the same for all.
    """

    run: Run
    truth: Truth
    settings: PredictSettings
    results: tuple[Result, ...]
    faults: tuple[str, ...]
    same: dict[str, str]
    computed: int
    seed: int = 0

    @cached_property
    def resamples(self) -> np.ndarray:
        """(B, F) float32, see `bootstrap.resamples`."""
        return bootstrap.resamples(self.truth.groups, seed=self.seed)

    @property
    def classes(self) -> list[tuple[int, str]]:
        """Class id and name of every class, without background."""
        return list(enumerate(self.truth.class_names))[1:]

    def result(self, name: str | int) -> Result:
        """Find a checkpoint by name or epoch.

        Raises:
            UserError: there is none.
        """
        for result in self.results:
            if name in (result.name, result.epoch):
                return result
        if name in self.same:
            return self.result(self.same[str(name)])
        raise UserError(
            f"no checkpoint {name} was evaluated; there are {', '.join(each.name for each in self.results)}"
        )


def open_evaluation(  # noqa: PLR0913  (each is an option on the command line)
    run: str | Path,
    data: str | Path | None = None,
    split: str = "val",
    epochs: str = ALL,
    *,
    only: Sequence[str] | None = None,
    difficult: str = IGNORE,
    out: Path | None = None,
    settings: PredictSettings | None = None,
    machine: Machine | None = None,
    model_classes: str | None = None,
    shown: Shown | None = None,
) -> Evaluation:
    """Evaluate checkpoints; what is known from an earlier time is read, not computed.

    Args:
        run: a run folder, or one checkpoint.
        data: the dataset folder; None: the one that the run was trained on.
        split: name of its split.
        epochs: "all", or numbers and ranges, e.g. "1,3-5".
        only: classes to look at; None: all, and then dataset and run must have the same.
        difficult: "ignore" or "count", see `read_truth`.
        out: folder of evaluations; None: `eval` in the run.
        settings: how the checkpoints look.
        machine: where they run.
        model_classes: class names for checkpoints that carry none.
        shown: shows how far a checkpoint is.

    Raises:
        UserError: see `find_run` and `read_truth`; no checkpoint can be evaluated.
    """
    found = find_run(run, epochs, model_classes)
    truth = read_truth(data_of(found, data), split, only, difficult)
    settings = settings or PredictSettings()
    check_settings(settings)
    faults, results = list(found.faults), []
    same: dict[str, str] = {}
    seen: dict[str, str] = {}
    folder = (found.folder / EVALUATION if out is None else Path(out)) / FOLDER
    with made_folder(folder):
        predictions = Predictions(folder, truth, settings, machine, shown)
        for number, checkpoint in enumerate(found.checkpoints, start=1):
            try:
                check_classes(checkpoint, truth, only)
                weights = predictions.weights_hash(checkpoint)
                if checkpoint.epoch is None and weights in seen:
                    same[checkpoint.name] = seen[weights]
                    continue
                seen.setdefault(weights, checkpoint.name)
                results.append(_result(checkpoint, truth, predictions, f"{number} of {len(found.checkpoints)}"))
            except UserError as error:
                faults.append(str(error))
        if not results:
            alone = len(set(faults)) == 1
            raise UserError(faults[-1] if alone else f"no checkpoint can be evaluated; the last: {faults[-1]}")
    return Evaluation(found, truth, settings, tuple(results), tuple(faults), same, predictions.computed)


def data_of(run: Run, data: str | Path | None) -> Path:
    """Return the dataset folder that is given, else the one of the training.

    Raises:
        UserError: none is given, and that one is not known or not there.
    """
    if data is not None:
        return Path(data)
    if run.dataset is None:
        raise UserError(f"{run.folder}: does not say what it was trained on; give a dataset folder with --data")
    for path in (run.dataset, run.folder / run.dataset):
        if path.is_dir():
            return path
    raise UserError(
        f"{run.dataset}, which {run.folder} was trained on, is not there; give a dataset folder with --data"
    )


def check_classes(checkpoint: RunCheckpoint, truth: Truth, only: Sequence[str] | None) -> None:
    """Raise UserError unless checkpoint and truth mean the same classes; with `only`, unless it knows those."""
    found, wanted = set(checkpoint.class_names[1:]), set(truth.class_names[1:])
    if only is not None and wanted <= found:
        return
    if found != wanted:
        both = [name for name in truth.class_names[1:] if name in found]
        hint = f"compare what both have with --class {','.join(both)}" if both else "give the dataset it was trained on"
        raise UserError(
            f"{checkpoint.path}: finds {', '.join(checkpoint.class_names[1:])}; {truth.dataset.folder} has "
            f"{', '.join(truth.class_names[1:])}: {hint}"
        )


def _result(checkpoint: RunCheckpoint, truth: Truth, predictions: Predictions, which: str) -> Result:
    found = predictions.of(checkpoint, f"{checkpoint.name} ({which})")
    return compare(checkpoint, truth, found, predictions.path_of(checkpoint), predictions.weights_hash(checkpoint))


def compare(checkpoint: RunCheckpoint, truth: Truth, found: list[sv.Detections], file: Path, weights: str) -> Result:
    """Pair what was found with the truth, by boxes and masks, by object and frame."""
    class_ids = range(1, len(truth.class_names))
    matches: dict[str, Matches] = {}
    overall: dict[str, float | None] = {}
    by_class: dict[str, dict[str, float | None]] = {name: {} for name in truth.class_names[1:]}
    for kind in KINDS:
        compared = CocoEvaluation(truth.pictures, found, class_ids, kind).run()
        matches[kind] = matches_of(compared)
        overall |= numbers_of(compared)
        for place, name in enumerate(truth.class_names[1:]):
            by_class[name] |= numbers_of(compared, place)
    frames = {class_id: frame_scores(truth.pictures, found, class_id) for class_id in class_ids}
    return Result(checkpoint, found, file, weights, matches, PrecisionSummary(overall, by_class), frames)


def each_class(evaluation: Evaluation) -> Iterator[tuple[Result, int, str]]:
    """Go through results and their classes."""
    for result in evaluation.results:
        for class_id, name in evaluation.classes:
            yield result, class_id, name
