"""A run folder and its checkpoints, ours and the original's, whatever their epochs are called."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from mrcnn import checkpoint
from mrcnn.choice import BEST, CHECKPOINTS, LAST, ONNX
from mrcnn.config import Config

SETTINGS = "settings.json"
EVALUATION = "eval"
ALL = "all"
MOVING = "a training that goes on replaces and removes checkpoints: evaluate again for those that are there now"


@dataclass(frozen=True)
class RunCheckpoint:
    """One checkpoint of a run.

    Attributes:
        path: the file.
        name: of the file, without suffix.
        epoch: the last number in its name; None for best.h5 and last.h5.
        class_names: background first.
        config: settings of its model.
    """

    path: Path
    name: str
    epoch: int | None
    class_names: tuple[str, ...]
    config: Config

    @property
    def believed_from(self) -> float:
        """The score from which `infer` believes it when nobody chose another."""
        from mrcnn.detector import sure_score

        return sure_score(self.config)


@dataclass(frozen=True)
class Run:
    """A training's folder.

    Attributes:
        folder: where it lies; for a single checkpoint, the run it belongs to or the folder around it.
        checkpoints: by epoch, then those without a number.
        faults: files among the checkpoints that are none, each with the reason.
        dataset: the dataset folder that it was trained on, None when nobody knows.
        fingerprint: of that dataset, "" when nobody knows.
    """

    folder: Path
    checkpoints: tuple[RunCheckpoint, ...]
    faults: tuple[str, ...]
    dataset: Path | None
    fingerprint: str


def find_run(source: str | Path, epochs: str = ALL, model_classes: str | None = None) -> Run:
    """List the checkpoints of a run.

    Args:
        source: a run folder (`checkpoints/` in it, or the original's with its files side by side), or one checkpoint.
        epochs: "all", or numbers and ranges, e.g. "1,3-5".
        model_classes: class names for files that carry none, see `checkpoint.read`.

    Raises:
        UserError: no such run; no checkpoint in it, or none that can be read; an epoch that is not there.
    """
    path = Path(source)
    if path.is_file():
        one = _read(path, model_classes)
        folder = path.parent.parent if path.parent.name == CHECKPOINTS else path.parent
        return Run(folder, (one,), (), *_trained_on(folder))
    if not path.is_dir():
        raise UserError(f"{path}: no such run folder or checkpoint; give the folder of a training, or an .h5 file")
    folder = path / CHECKPOINTS if (path / CHECKPOINTS).is_dir() else path
    files, faults = _files(folder)
    if not files:
        raise UserError(f"{folder}: holds no checkpoint; expected *.h5 in it, as training writes them")
    chosen = _chosen(files, epochs, folder)
    checkpoints = []
    for file in chosen:
        try:
            checkpoints.append(_read(file, model_classes))
        except UserError as error:
            faults.append(str(error) if file.exists() else f"{file}: gone since it was listed; {MOVING}")
    if not checkpoints:
        raise UserError(f"{folder}: none of {len(chosen)} files can be used; the first: {faults[-len(chosen)]}")
    return Run(path, tuple(checkpoints), tuple(faults), *_trained_on(path))


def parse_epochs(text: str) -> tuple[range, ...] | None:
    """Read "1,3-5" as ranges; None stands for all.

    Raises:
        UserError: not of that form.
    """
    if text.strip() == ALL:
        return None
    ranges = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,18})\s*(?:-\s*(\d{1,18})\s*)?", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if first > last:
            raise UserError(f"--epochs {text}: {part.strip()!r} is no epoch; expected all, or numbers such as 1,3-5")
        ranges.append(range(first, last + 1))
    return tuple(ranges)


def epoch_of(path: Path) -> int | None:
    """Return the last number of a checkpoint's name; None where it has none."""
    numbers = re.findall(r"\d+", path.stem)
    return int(numbers[-1]) if numbers and path.stem not in (BEST, LAST) else None


def _files(folder: Path) -> tuple[list[Path], list[str]]:
    """Return weight files by epoch, and what else lies where only they belong."""
    every = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    files = [path for path in every if path.suffix == ".h5"]
    foreign = [path for path in every if path.suffix not in (".h5", ONNX)] if folder.name == CHECKPOINTS else []
    numbered = sorted((path for path in files if epoch_of(path) is not None), key=lambda path: (epoch_of(path), path))
    rest = sorted(path for path in files if epoch_of(path) is None)
    return numbered + rest, [f"{path}: no checkpoint; expected .h5 files alone here" for path in sorted(foreign)]


def _chosen(files: Sequence[Path], epochs: str, folder: Path) -> list[Path]:
    wanted = parse_epochs(epochs)
    if wanted is None:
        return list(files)
    there = {number for path in files if (number := epoch_of(path)) is not None}
    # A range may have holes; what is asked for by its own number must be there.
    missing = [each for each in wanted if not any(number in each for number in there)]
    if any(len(each) == 1 for each in missing) or len(missing) == len(wanted):
        names = ", ".join(str(each[0]) if len(each) == 1 else f"{each[0]}-{each[-1]}" for each in missing[:5])
        known = ", ".join(map(str, sorted(there)))
        raise UserError(f"{folder}: has no epoch {names}; it has {known or 'no numbered ones'}")
    return [path for path in files if any(epoch_of(path) in each for each in wanted)]


def _read(path: Path, model_classes: str | None) -> RunCheckpoint:
    info = checkpoint.read(path, model_classes)
    return RunCheckpoint(path, path.stem, epoch_of(path), info.class_names, info.config)


def _trained_on(folder: Path) -> tuple[Path | None, str]:
    """Dataset folder and fingerprint, as training wrote them down."""
    path = folder / SETTINGS
    if not path.is_file():
        return None, ""
    try:
        settings: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); mend it, or remove it and give --data") from error
    about = settings.get("dataset") if isinstance(settings, dict) else None
    about = about if isinstance(about, dict) else {}
    named = about.get("path")
    return (Path(named) if isinstance(named, str) and named else None), str(about.get("fingerprint") or "")
