"""Which checkpoint is meant by a run folder, and from which score on its detections count.

A run folder holds `checkpoints/` and, once it was evaluated, `choice.json`: {"checkpoint": "checkpoints/epoch_0012.h5",
"thresholds": {"dog": 0.62}}. RUN means the chosen checkpoint, else the best, else the last; RUN/best and RUN/last are
asked for by name. A folder of the original, "<name><time>/mask_rcnn_<name>_0012.h5", is a run folder as well. An
exported .onnx file carries the thresholds of its run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import UserError
from mrcnn import exported_texts, onnx_names

CHECKPOINTS, CHOICE = "checkpoints", "choice.json"
BEST, LAST = "best", "last"
ONNX = ".onnx"
SUFFIXES = (".h5", ONNX)


@dataclass(frozen=True)
class Choice:
    """A checkpoint and how to use it.

    Attributes:
        checkpoint: the file.
        thresholds: class name -> score from which it counts; classes without one use the model's own.
    """

    checkpoint: Path
    thresholds: Mapping[str, float] = field(default_factory=dict)


def choose(source: str | Path) -> Choice:
    """Find the checkpoint that is meant.

    Args:
        source: a file, a run folder, or RUN/best or RUN/last.

    Raises:
        UserError: there is none, or choice.json is wrong.
    """
    if source == "":
        raise UserError('"" names no weights: give an .h5 or .onnx file, or the folder of a training')
    path = Path(source)
    if path.is_file():
        return Choice(path, _exported_thresholds(path) if path.suffix == ONNX else {})
    if path.is_dir():
        return _of_run(path)
    if path.name in (BEST, LAST) and path.parent.is_dir():
        run = path.parent
        found = _best(run) if path.name == BEST else _last(run)
        if found is None:
            raise UserError(f"{run}: has no {path.name} checkpoint; expected {CHECKPOINTS}/{path.name}.h5 in it")
        return Choice(found)
    raise UserError(f"{path}: no such file or run folder; give an .h5 or .onnx file, or the folder of a training")


def thresholds_of(source: str | Path | None) -> Mapping[str, float]:
    """Return the scores by class that evaluation chose for a model; none for what is no file or folder, e.g. "coco"."""
    return choose(source).thresholds if source is not None and Path(source).exists() else {}


def _of_run(run: Path) -> Choice:
    if (run / CHOICE).is_file():
        return _read(run)
    found = _best(run) or _last(run)
    if found is None:
        raise UserError(f"{run}: holds no checkpoint; expected {CHECKPOINTS}/*.h5 in it, as training writes them")
    return Choice(found)


def _best(run: Path) -> Path | None:
    for folder in (run / CHECKPOINTS, run):
        if (folder / f"{BEST}.h5").is_file():
            return folder / f"{BEST}.h5"
    return None


def _last(run: Path) -> Path | None:
    for folder in (run / CHECKPOINTS, run):
        if (folder / f"{LAST}.h5").is_file():
            return folder / f"{LAST}.h5"
        numbered = [path for path in folder.glob("*.h5") if re.search(r"\d", path.stem)]
        if numbered:
            return max(numbered, key=_epoch)
    return None


def _epoch(path: Path) -> tuple[int, str]:
    """Sort by the last number in the name: the epoch, as ours and the original's files are called."""
    return int(re.findall(r"\d+", path.stem)[-1]), path.name


def _read(run: Path) -> Choice:
    path = run / CHOICE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); mend or remove it") from error
    named = content.get("checkpoint") if isinstance(content, dict) else None
    if not isinstance(named, str):
        raise UserError(f'{path}: names no checkpoint; expected {{"checkpoint": "{CHECKPOINTS}/NAME.h5", ...}}')
    checkpoint = next((each for each in (run / named, run / CHECKPOINTS / named) if each.is_file()), None)
    if checkpoint is None:
        raise UserError(f"{path}: names the checkpoint {named}, which is not there; mend or remove {CHOICE}")
    _check_weights(checkpoint, content.get("sha256"), path)
    return Choice(checkpoint, _thresholds(content.get("thresholds", {}), path))


def _check_weights(checkpoint: Path, digest: Any, path: Path) -> None:
    """Thresholds are those of the weights that were judged: a checkpoint of the same name may have changed since."""
    if digest is None:
        return
    with checkpoint.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != digest:
            raise UserError(
                f"{path}: was chosen for other weights than {checkpoint.name} holds now; run `python -m evaluate "
                f"choose` again, or remove {CHOICE}"
            )


def _exported_thresholds(path: Path) -> dict[str, float]:
    """Those of the run that the file was exported from."""
    text = exported_texts.read(path).get(onnx_names.THRESHOLDS, "{}")
    try:
        return _thresholds(json.loads(text), path)
    except ValueError as error:
        raise UserError(f"{path}: its thresholds cannot be read ({error}); export the checkpoint again") from error


def _thresholds(given: Any, path: Path) -> dict[str, float]:
    if not isinstance(given, dict) or not all(
        isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1 for value in given.values()
    ):
        raise UserError(f'{path}: "thresholds" must give each class a score between 0 and 1, e.g. {{"dog": 0.62}}')
    return {str(name): float(value) for name, value in given.items()}
