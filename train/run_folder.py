"""The folder of a run: what is in it, written so that a kill at any moment leaves a run that can be taken up again."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.staging import staged
from mrcnn.choice import BEST, CHECKPOINTS, CHOICE, LAST
from mrcnn.config import Config
from train.run_lock import LOCK

CONFIG, SETTINGS, METRICS, STATE = "config.json", "settings.json", "metrics.jsonl", "state/state.npz"
VERSIONS = ("hide-in-video", "keras", "tensorflow", "torch", "jax", "numpy", "imgaug", "h5py", "opencv-python")


class RunFolder:
    """A run on disk.

    Args:
        path: its folder.

    Attributes:
        path: its folder.
        rows: one dictionary an epoch, as metrics.jsonl holds them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = self._read_rows()

    @classmethod
    def create(cls, path: Path, settings: Mapping[str, Any], config: Config, class_names: Sequence[str]) -> RunFolder:
        """Make the files of a new run; settings.json comes first: with it the run can be taken up.

        Raises:
            UserError: there is something of that name already, or it cannot be written.
        """
        if is_taken(path):
            raise UserError(f"{path} exists and is not empty; choose another folder with -o, or go on with --resume")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot make the folder {path}: {error.strerror}; choose another place") from error
        run = cls(path)
        run.write_settings(settings)
        run.complete(config, class_names)
        return run

    def complete(self, config: Config, class_names: Sequence[str]) -> None:
        """Make what belongs into the folder besides settings.json, where a run was killed before it did so, too."""
        for folder in (self.path / CHECKPOINTS, self.state.parent):
            folder.mkdir(exist_ok=True)
        if not (self.path / CONFIG).is_file():
            self._write(CONFIG, {**json.loads(config.to_json()), "class_names": list(class_names)})

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open a run that is there.

        Raises:
            UserError: there is none.
        """
        if not (path / SETTINGS).is_file():
            raise UserError(f"{path}: no run to resume: expected {SETTINGS} in it; start one without --resume")
        return cls(path)

    def settings(self) -> dict[str, Any]:
        """Return what settings.json holds."""
        return self._json(SETTINGS)

    def config(self) -> dict[str, Any]:
        """Return what config.json holds."""
        return self._json(CONFIG)

    def _json(self, name: str) -> dict[str, Any]:
        try:
            return dict(json.loads((self.path / name).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{self.path / name}: cannot be read ({error}); start the run anew") from error

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Replace settings.json."""
        self._write(SETTINGS, settings)

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        with staged(self.path / name, overwrite=True) as unfinished:
            unfinished.write_text(json.dumps(dict(content), indent=1) + "\n", encoding="utf-8")

    @property
    def state(self) -> Path:
        """Where the state for --resume lies."""
        return self.path / STATE

    def checkpoint(self, epoch: int) -> Path:
        """Path of an epoch's checkpoint."""
        return self.path / CHECKPOINTS / f"epoch_{epoch:04d}.h5"

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Append an epoch to metrics.jsonl."""
        self.rows.append(dict(row))
        with (self.path / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def go_back_to(self, epoch: int) -> None:
        """Forget what was written after an epoch, and name its checkpoint as the last one."""
        self.rows = [row for row in self.rows if row["epoch"] <= epoch]
        with staged(self.path / METRICS, overwrite=True) as unfinished:
            unfinished.write_text("".join(json.dumps(row) + "\n" for row in self.rows), encoding="utf-8")
        for path in (self.path / CHECKPOINTS).glob("epoch_*.h5"):
            if _epoch(path) > epoch:
                path.unlink()
        if epoch:
            self.name_checkpoints(epoch)

    def name_checkpoints(self, epoch: int) -> None:
        """Make last.h5, and best.h5 where it is the best one, the checkpoint of an epoch."""
        self._name(self.checkpoint(epoch), LAST)
        if self.best_epoch() == epoch:
            self._name(self.checkpoint(epoch), BEST)

    def _name(self, checkpoint: Path, name: str) -> None:
        """A second name for the same file; a copy where there are no such names."""
        target = checkpoint.with_name(f"{name}.h5")
        unfinished = checkpoint.with_name(f".{name}.unfinished")
        unfinished.unlink(missing_ok=True)
        try:
            os.link(checkpoint, unfinished)
        except OSError:
            shutil.copyfile(checkpoint, unfinished)
        unfinished.replace(target)

    def prune(self, keep: int) -> None:
        """Remove all but the last checkpoints of epochs, and the chosen one; 0 keeps all. best.h5 and last.h5 stay."""
        found = sorted((self.path / CHECKPOINTS).glob("epoch_*.h5"), key=_epoch)
        chosen = self._chosen()
        for path in found[:-keep] if keep else []:
            if path.name != chosen:
                path.unlink()

    def _chosen(self) -> str:
        """Name of the checkpoint that choice.json names; "" without one."""
        try:
            return Path(json.loads((self.path / CHOICE).read_text(encoding="utf-8"))["checkpoint"]).name
        except (OSError, ValueError, TypeError, KeyError):
            return ""

    def best_epoch(self) -> int | None:
        """Return the epoch of the highest mask AP50 on the validation split; without any, of the least loss."""
        return best_epoch(self.rows)

    def _read_rows(self) -> list[dict[str, Any]]:
        path = self.path / METRICS
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
        rows = []
        for number, line in enumerate(lines, start=1):
            row = _row(line)
            if row is not None:
                rows.append(row)
            elif number < len(lines):  # the last one may be half written: the run was killed
                raise UserError(f"{path}: line {number} is not that of an epoch; mend or remove the file")
        return rows


def _row(line: str) -> dict[str, Any] | None:
    """Read a line of metrics.jsonl; None where it is none."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("epoch"), int) and "loss" in row else None


def is_taken(path: Path) -> bool:
    """Whether a folder holds something that a new run must not touch; hidden files are not counted."""
    return path.is_dir() and any(each.name != LOCK and not each.name.startswith(".") for each in path.iterdir())


def best_epoch(rows: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the best epoch, that of the least loss among equal ones; None for no epoch."""
    for name, sign in (("val_mask_ap50", 1), ("val_loss", -1), ("loss", -1)):
        known = [row for row in rows if row.get(name) is not None]
        if known:
            return int(max(known, key=lambda row: (sign * row[name], -row["loss"]))["epoch"])
    return None


def _epoch(path: Path) -> int:
    return int(re.findall(r"\d+", path.stem)[-1])


def default_name(data: Path, now: datetime) -> Path:
    """Name a run that was given no name."""
    return Path("runs") / f"{data.resolve().name}-{now:%Y%m%d-%H%M%S}"


def versions() -> dict[str, str]:
    """Return the versions of what a result hangs on."""
    found = {"python": sys.version.split()[0]}
    for name in VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
