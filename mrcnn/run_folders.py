"""Where a training puts its checkpoints: "<dir>/<name><YYYYmmddTHHMM>/mask_rcnn_<name>_0001.h5", as the original."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import NamedTuple

CHECKPOINT = re.compile(
    r".*[/\\][\w-]+(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(?:\d{2})?[/\\]mask_rcnn_[\w-]+(\d{4})(?:\.weights)?\.h5"
)


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
    epoch = 0
    if checkpoint and (found := CHECKPOINT.match(str(checkpoint))):
        *moment, done = (int(part) for part in found.groups())
        now, epoch = datetime.datetime(*moment), done  # type: ignore[arg-type]
    folder = Path(model_dir) / f"{name.lower()}{now:%Y%m%dT%H%M}"
    return LogFolder(folder, str(folder / f"mask_rcnn_{name.lower()}_{{epoch:04d}}.h5"), epoch)


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
