"""The files of a run: what it was asked, what came of each epoch, the checkpoints, and the pictures it got wrong."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.staging import staged
from mrcnn.attribute_classifier import AttributeClassifier, save
from mrcnn.choice import BEST, CHECKPOINTS, LAST
from train.run_lock import LOCK
from train.smile.learning import Epoch
from train.smile.listing import FacePicture

SETTINGS, METRICS, ANSWERS = "settings.json", "metrics.jsonl", "val_answers.csv"
PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy", "scikit-learn")


def check_run(run: Path, overwrite: bool) -> None:
    """Refuse a folder that cannot become that of a run, before any work is done.

    Raises:
        UserError: it is a file, or holds something already and `overwrite` is False.
    """
    if run.is_file():
        raise UserError(f"{run} is a file; name a folder for the run")
    if any(path.is_file() and path != run / LOCK for path in run.rglob("*")) and not overwrite:
        raise UserError(f"{run} exists and is not empty; choose another folder, or add --overwrite")


def open_run(run: Path) -> None:
    """Make the folder of a run, or clear it of the run before.

    Raises:
        UserError: it cannot be written.
    """
    try:
        (run / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        for path in (run / METRICS, run / ANSWERS, *(run / CHECKPOINTS / f"{name}.h5" for name in (BEST, LAST))):
            path.unlink(missing_ok=True)  # of the run before
    except OSError as error:
        raise UserError(f"cannot write to {run}: {error.strerror}; choose another folder") from error


def write_settings(run: Path, settings: Mapping[str, Any]) -> None:
    """Write settings.json with the versions of what computes."""
    text = json.dumps({**settings, "versions": _versions()}, indent=1, ensure_ascii=False, default=str)
    with staged(run / SETTINGS, overwrite=True) as path:
        path.write_text(text + "\n", encoding="utf-8")


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def add_epoch(run: Path, epoch: Epoch, classifier: AttributeClassifier) -> None:
    """Write an epoch's checkpoint, then its line: a line stands for a checkpoint that is whole."""
    save(classifier, run / CHECKPOINTS / f"{LAST}.h5")
    if epoch.best:
        save(classifier, run / CHECKPOINTS / f"{BEST}.h5")
    line = {
        "epoch": epoch.number,
        "layers": epoch.stage,
        "loss": epoch.loss,
        "accuracy": epoch.accuracy,
        **epoch.val.named("val_"),
        "learning_rate": epoch.learning_rate,
        "images_per_second": epoch.images_per_second,
        "seconds": epoch.seconds,
        "best": epoch.best,
    }
    with (run / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def write_answers(
    run: Path, pictures: Sequence[FacePicture], class_names: Sequence[str], probabilities: np.ndarray
) -> None:
    """Write val_answers.csv: each picture that tested, its class and the probabilities (N, C), the worst first."""
    class_ids = np.array([picture.class_id for picture in pictures])
    right = probabilities[np.arange(len(pictures)), class_ids]
    with (
        staged(run / ANSWERS, overwrite=True) as path,
        path.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file)
        table.writerow(["picture", "class", "answer", *class_names])
        for place in np.argsort(right, kind="stable"):
            row = probabilities[place]
            names = class_names[class_ids[place]], class_names[int(row.argmax())]
            table.writerow([pictures[place].name, *names, *(f"{value:.4f}" for value in row)])
