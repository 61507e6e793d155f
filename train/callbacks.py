"""What happens between steps and epochs: time is taken, numbers are checked, progress is shown, the run is written."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from common.errors import UserError
from common.progress import Progress, clock_time
from common.staging import staged
from mrcnn import checkpoint, training_state
from mrcnn.config import Config
from mrcnn.optimization import rate_of
from train.estimate import memory_now_mb
from train.run_folder import RunFolder
from train.waiting import Waiting

Logs = dict[str, Any] | None
ADVICE = "the checkpoints before stay: try a lower --learning-rate or more --warm-up"


class NotANumber(keras.callbacks.Callback):
    """Ends a training whose losses or weights are no numbers any more, and keeps the batch for a look.

    Args:
        batches: of the training; the batch of a step can be had again.
        folder: where the batch is written to; None: nowhere.
        names: number of a picture to its path.
    """

    def __init__(self, batches: Any, folder: Path | None, names: Callable[[int], str]) -> None:
        super().__init__()
        self.batches, self.folder, self.names = batches, folder, names
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Remember the epoch."""
        self._epoch = epoch + 1
        self.batches.set_epoch(epoch)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Check the loss, and after an epoch's last step what comes into its checkpoint.

        Raises:
            UserError: it is no number; says where the batch is.
        """
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            raise self._error(batch, f"the loss became {loss}")
        if batch + 1 == len(self.batches):
            wrong = next((each.path for each in self.model.weights if not np.isfinite(each.numpy()).all()), None)
            if wrong is not None:
                raise self._error(batch, f"weights ({wrong}) became no numbers")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Check the losses of the validation.

        Raises:
            UserError: one is no number.
        """
        for name, value in (logs or {}).items():
            if not math.isfinite(float(value)):
                raise UserError(f"{name} became {value} in epoch {epoch + 1}; {ADVICE}")

    def _error(self, batch: int, what: str) -> UserError:
        inputs, _ = self.batches[batch]
        names = [self.names(int(row[0])) for row in inputs["input_image_meta"]]
        kept = ""
        if self.folder is not None:
            path = self.folder / f"not_a_number_epoch_{self._epoch:04d}_step_{batch + 1:05d}.npz"
            with staged(path, overwrite=True) as unfinished, unfinished.open("wb") as file:
                np.savez_compressed(file, pictures=np.array(names), **inputs)
            kept = f"; the batch is in {path}"
        return UserError(
            f"{what} in epoch {self._epoch}, step {batch + 1} (pictures {', '.join(names)}{kept}); {ADVICE}"
        )


class Shown(keras.callbacks.Callback):
    """A bar while an epoch runs; see `line` for what is said at its end.

    Args:
        epochs: in all.
        steps: of an epoch.
        quiet: show nothing.
    """

    def __init__(self, epochs: int, steps: int, quiet: bool) -> None:
        super().__init__()
        self.epochs, self.steps, self.quiet = epochs, steps, quiet
        self._progress: Progress | None = None

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Start the bar."""
        label = f"epoch {epoch + 1}/{self.epochs}"
        self._progress = Progress(
            label, self.steps, unit="steps", quiet=self.quiet, closing=False, interval=20.0
        ).__enter__()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Advance."""
        if self._progress is not None:
            self._progress.advance()
            if batch + 1 == self.steps:
                self.close()

    def close(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.__exit__(None, None, None)
            self._progress = None


class EpochEnd(keras.callbacks.Callback):
    """Writes checkpoint, metrics and state, in the order in which a kill between two of them does no harm.

    Args:
        run: the run folder.
        config: settings of the model.
        class_names: background first.
        validate: takes model, run and epoch, returns numbers; None: nothing is validated.
        waiting: measures.
        epochs: in all.
        options: `validate_every`, `keep_last`, `early_stopping`, `quiet`, `pictures` of an epoch.
    """

    def __init__(
        self,
        run: RunFolder,
        config: Config,
        class_names: Sequence[str],
        validate: Any,
        waiting: Waiting,
        epochs: int,
        options: dict[str, Any],
    ) -> None:
        super().__init__()
        self.run, self.config, self.class_names, self.validate = run, config, class_names, validate
        self.waiting, self.epochs, self.options = waiting, epochs, options
        self.stopped_early = False
        self._begin = self._trained = time.monotonic()
        self._wait = 0.0
        self._steps = 0

    def validates(self, epoch: int) -> bool:
        """Whether an epoch, counted from 1, ends with a validation."""
        every = self.options["validate_every"]
        return bool(every) and (epoch % every == 0 or epoch == self.epochs)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Start the clock."""
        self._begin = time.monotonic()
        self._rate = rate_of(self.model.optimizer)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Take the time: what follows the last step is validation."""
        self._trained, self._wait, self._steps = time.monotonic(), self.waiting.share, batch + 1

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write everything."""
        done = epoch + 1
        path = self.run.checkpoint(done)
        checkpoint.save(self.model, path, self.config, self.class_names)
        row: dict[str, Any] = {"epoch": done, **{name: float(value) for name, value in (logs or {}).items()}}
        if self.validate is not None and self.validates(done):
            try:
                row |= self.validate(self.model, self.run, done)
            except FloatingPointError as error:
                path.unlink()
                raise UserError(f"epoch {done}, pictures of the validation split: {error}; {ADVICE}") from error
        seconds = self._trained - self._begin
        row |= {
            "learning_rate": self._rate,
            "images_per_second": round(self._steps * self.config.BATCH_SIZE / max(seconds, 1e-9), 2),
            "input_wait": round(self._wait, 4),
            "memory_mb": round(memory_now_mb()),
            "seconds": round(time.monotonic() - self._begin, 2),
        }
        self.run.add_row(row)
        training_state.write(self.run.state, training_state.state_of(self.model, done, path.name))
        self.run.name_checkpoints(done)
        self.run.prune(self.options["keep_last"])
        if not self.options["quiet"]:
            print(line(row, self.epochs), file=sys.stderr, flush=True)  # noqa: T201
        patience, best = self.options["early_stopping"], self.run.best_epoch()
        # Between two validations nothing can turn out better.
        judged = self.validate is None or not self.options["validate_every"] or self.validates(done)
        if patience and judged and best is not None and done - best >= patience:
            self.stopped_early = self.model.stop_training = True


def line(row: dict[str, Any], epochs: int) -> str:
    """Say what an epoch brought, in a line."""
    five = ("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")
    parts = [f"epoch {row['epoch']}/{epochs}: loss {row['loss']:.3f}"]
    parts[0] += " (" + " ".join(f"{row[name]:.3f}" for name in five if name in row) + ")"
    if row.get("val_loss") is not None:
        parts.append(f"val {row['val_loss']:.3f}")
    shown = [f"{name} {row[key]:.3f}" for name, key in SHOWN if row.get(key) is not None]
    if shown:
        parts.append(" ".join(shown))
    parts.append(f"lr {row['learning_rate']:.2g}")
    parts.append(f"{row['images_per_second']:.1f} pictures/s")
    left = (epochs - row["epoch"]) * row["seconds"]
    parts.append(f"{clock_time(row['seconds'])}, {clock_time(left)} left")
    return "; ".join(parts)


SHOWN = (("mask AP50", "val_mask_ap50"), ("box AP50", "val_box_ap50"), ("recall", "val_recall50"))
