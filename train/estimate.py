"""How long a training will take and what memory it needs, told by its first steps, which leave no trace."""

from __future__ import annotations

import os
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mrcnn import fitting
from train.snapshot import unchanged
from train.waiting import Waiting

STEPS = 3  # the first one compiles
MEGABYTE = 2**20


@dataclass(frozen=True)
class Estimate:
    """What a training needs.

    Attributes:
        compile_seconds: the first step.
        step_seconds: one of the following.
        steps: of an epoch.
        epochs: still to do.
        memory_mb: the process' largest memory so far.
    """

    compile_seconds: float
    step_seconds: float
    steps: int
    epochs: int
    memory_mb: float

    def __str__(self) -> str:
        """One line for people."""
        epoch = self.steps * self.step_seconds
        return (
            f"an epoch of {self.steps} steps ≈ {in_words(epoch)}; {self.epochs} epochs ≈ "
            f"{in_words(self.epochs * epoch)}, validation not counted; about {self.memory_mb / 1024:.1f} GB"
        )


def in_words(seconds: float) -> str:
    """Write a duration as one would say it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def memory_mb() -> float:
    """Return the largest memory of this process so far, and of its largest finished child."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGABYTE


def memory_now_mb() -> float:
    """Return what this process takes now, in MB; its largest memory where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return memory_mb()
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


class _Few(keras.utils.PyDataset):
    """The first batches of an epoch, loaded beforehand."""

    def __init__(self, batches: Any, steps: int) -> None:
        super().__init__()
        self.held = [batches[index % len(batches)] for index in range(steps)]

    def __len__(self) -> int:
        return len(self.held)

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: every epoch has the same batches."""

    def __getitem__(self, index: int) -> Any:
        return self.held[index]


class _Clock(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.times = [time.monotonic()]

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.times.append(time.monotonic())


def estimate(model: keras.Model, batches: Any, epochs: int) -> Estimate:
    """Run a few steps and put everything back.

    Args:
        model: compiled.
        batches: of the training.
        epochs: still to do.
    """
    few, clock = _Few(batches, min(STEPS, len(batches))), _Clock()
    with unchanged(model):
        # With the same callback as the training, or TensorFlow would compile its step another time there.
        fitting.fit(model, few, 1, callbacks=[Waiting(), clock], verbose=0)
    seconds = np.diff(clock.times)
    later = seconds[1:] if len(seconds) > 1 else seconds
    return Estimate(float(seconds[0]), float(later.min()), len(batches), epochs, memory_mb())
