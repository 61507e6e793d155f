"""Everything that a training needs is read and checked before its first step; what is wrong is told at once."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from common.errors import UserError
from mrcnn.config import Config
from mrcnn.dataset_folder import read_about
from train import pictures, run_lock, start
from train.augmentation import find_augmentation
from train.faults import FaultsError
from train.pictures import Pictures
from train.run_folder import RunFolder, is_taken
from train.settings import TrainSettings, changed

Found = TypeVar("Found")


@dataclass(frozen=True)
class Preparation:
    """What a training works with.

    Attributes:
        learnt: pictures to learn from.
        validated: pictures to validate on; None for none.
        start: where weights come from.
        config: settings of the model.
        class_names: background first.
        augmentation: of the pictures to learn from.
        lines: what there is to say about it.
    """

    learnt: Pictures
    validated: Pictures | None
    start: start.Start
    config: Config
    class_names: tuple[str, ...]
    augmentation: Any
    lines: tuple[str, ...]


def prepare(settings: TrainSettings) -> Preparation:
    """Read and check everything.

    Args:
        settings: of the training.

    Raises:
        FaultsError: all that is wrong.
    """
    faults: list[str] = []

    def checked(call: Callable[[], Found]) -> Found | None:
        try:
            return call()
        except UserError as error:
            faults.append(str(error))
            return None

    if settings.tensorboard:
        checked(check_tensorboard)
    augmentation = checked(lambda: find_augmentation(settings.augment))
    begin = checked(lambda: _begin(settings))
    opened = checked(lambda: pictures.open_pictures(settings.data, settings.classes, settings.overfit))
    if opened is None:
        raise FaultsError(faults)
    learnt, validated = opened
    names = tuple(learnt.dataset.class_names)
    seen = pictures.look(learnt, validated)
    faults += seen.faults
    config = checked(lambda: start.configuration(settings, begin or start.Start("none"), names))
    if faults or begin is None or config is None:
        raise FaultsError(faults)
    lines = [*_described(settings, config, learnt, validated), *(f"warning: {line}" for line in seen.warnings)]
    if validated is not None and settings.overfit is None:
        validated = validated.spread(settings.val_pictures)
    return Preparation(learnt, validated, begin, config, names, augmentation, tuple(lines))


def _begin(settings: TrainSettings) -> start.Start:
    """Where weights come from; a run with a state has its own, whatever became of those that it began with."""
    if settings.resume and settings.out is not None:
        run = RunFolder.open(settings.out)
        if run.state.is_file():
            return start.resumed(run.config())
    return start.find(settings.weights)


def check_folder(settings: TrainSettings, folder: Path) -> None:
    """Check that a new run has room, or that a run can be taken up again; reads no picture.

    Args:
        settings: of the training.
        folder: of the run.

    Raises:
        UserError: it cannot be written; there is something already; another training works in it; or the run began with
            other settings or another dataset.
    """
    _check_place(folder)
    run_lock.check_free(folder)
    if not settings.resume:
        if not settings.dry_run and is_taken(folder):
            raise UserError(f"{folder} exists and is not empty; choose another folder with -o, or go on with --resume")
        return
    stored = RunFolder.open(folder).settings()
    differing = changed(TrainSettings.of_run(stored, folder), settings)
    if differing:
        raise UserError(
            f"{folder}: a run goes on with what it began with ({'; '.join(differing)}); start a new one with "
            f"--weights {folder}"
        )
    about = read_about(settings.data)
    if about.get("fingerprint") != stored["dataset"]["fingerprint"]:
        raise UserError(
            f"{settings.data}: not the dataset that {folder} began with (its fingerprint differs); start a new run "
            f"with --weights {folder}"
        )


def _check_place(folder: Path) -> None:
    try:
        nearest = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; choose another folder with -o") from error
    if not nearest.is_dir():
        raise UserError(f"{nearest} is a file; choose another folder with -o")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UserError(f"cannot write to {nearest}: permission denied; choose another folder with -o")


def check_tensorboard() -> None:
    """Check that what --tensorboard writes with is installed.

    Raises:
        UserError: it is not.
    """
    missing = [name for name in ("tensorflow", "tensorboard") if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"--tensorboard needs {' and '.join(missing)}, whatever the backend: run `pip install "
            f"{' '.join(missing)}`, or leave it out: metrics.jsonl and losses.png hold the same numbers"
        )


def _described(settings: TrainSettings, config: Config, learnt: Pictures, validated: Pictures | None) -> list[str]:
    lines = []
    for name, part in ((pictures.TRAIN, learnt), (pictures.VAL, validated)):
        if part is not None:
            counted = ", ".join(f"{number} {what}" for what, number in part.counts().items())
            lines.append(f"{name}: {len(part.ids)} pictures, {counted}")
    lines += [f"warning: {line}" for line in pictures.warnings(learnt, validated, settings.negatives)]
    how = "learns" if start.learns_batch_norm(settings) else "stays frozen"
    size = int(config.IMAGE_SHAPE[0])
    lines.append(
        f"{config.BACKBONE} at {size} pixels, batches of {config.BATCH_SIZE}; batch normalisation {how}; "
        f"augmentation {settings.augment}"
    )
    return lines
