"""Where a training puts its checkpoints: "<dir>/<name><YYYYmmddTHHMM>/mask_rcnn_<name>_0001.h5", as the original."""

from __future__ import annotations

import datetime
import itertools
import re
from pathlib import Path
from typing import NamedTuple

from common.errors import UserError

CHECKPOINT = re.compile(r".*[/\\][\w-]+?(\d{8}T\d{4}(?:\d{2})?)[/\\]mask_rcnn_[\w-]+(\d{4})(?:\.weights)?\.h5")


class LogFolder(NamedTuple):
    """A folder to write to and how far it has come.

    Attributes:
        folder: path.
        checkpoint: path with "{epoch:04d}" in it.
        epoch: epochs done.
    """

    folder: Path
    checkpoint: str
    epoch: int


def log_folder(model_dir: str | Path, name: str, checkpoint: str | Path | None, now: datetime.datetime) -> LogFolder:
    """Choose the folder: that of a checkpoint to go on from, else a new one named by the time.

    Args:
        model_dir: folder of all trainings.
        name: of the configuration.
        checkpoint: path of the weights that were loaded, or None.
        now: names a new folder.

    Source: original `MaskRCNN.set_log_dir`.
    """
    found = CHECKPOINT.match(str(checkpoint)) if checkpoint else None
    stamp, epoch = (found[1], int(found[2])) if found else (f"{now:%Y%m%dT%H%M}", 0)
    folder = Path(model_dir) / f"{name.lower()}{stamp}"
    return LogFolder(folder, str(folder / f"mask_rcnn_{name.lower()}_{{epoch:04d}}.h5"), epoch)


def claimed(folder: str | Path, checkpoint: str) -> tuple[Path, str]:
    """Make a new training's folder; where another training has it already, one named to the second.

    Args:
        folder: of `log_folder`.
        checkpoint: of `log_folder`.

    Returns:
        The folder and the path of its checkpoints. In the original two trainings of one minute share a folder.
    """
    base = Path(folder)
    seconds = itertools.chain([""], (f"{second:02d}" for second in range(60)))
    for chosen in (base.with_name(base.name + second) for second in seconds):
        try:
            chosen.mkdir(parents=True)
        except FileExistsError:
            continue
        return chosen, str(chosen / Path(checkpoint).name)
    raise UserError(f"{base.parent} holds sixty trainings of one minute: choose another folder for models")


def last_checkpoint(model_dir: str | Path, name: str) -> Path:
    """Return the newest checkpoint of the newest folder that holds one.

    Raises:
        FileNotFoundError: there is none.

    Source: original `MaskRCNN.find_last`, which stumbles over a newer empty folder.
    """
    folders = sorted(
        (path for path in Path(model_dir).glob("*") if path.is_dir() and path.name.startswith(name.lower())),
        reverse=True,
    )
    for folder in folders:
        if found := sorted(folder.glob("mask_rcnn*.h5")):
            return found[-1]
    raise FileNotFoundError(f"no checkpoint of {name.lower()!r} under {model_dir}")
