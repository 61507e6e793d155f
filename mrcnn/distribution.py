"""Several devices and machines: each computes its part of every batch, and all keep the same weights.

Keras' own data parallelism does it, which Keras offers on JAX: one program runs over the whole batch, split along its
first axis. So losses are means over the whole batch, the gradient's norm is clipped over the whole gradient, and chance
is drawn for the whole batch: the numbers are those of one device, but for rounding. On TensorFlow and PyTorch every
device would have a loss, a clipping and dice of its own; a checkpoint is the same file on every backend, so nothing is
lost by training on JAX.
"""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras

from common.errors import UserError

ALL = "all"
_MACHINES = re.compile(r"(\d+)/(\d+)@([^\s@,/]+:\d+)")


@dataclass(frozen=True)
class Machine:
    """One of several processes that train together, usually one on each machine.

    Attributes:
        number: of this one, from 0.
        count: of all.
        coordinator: "host:port" of number 0, where all meet.
    """

    number: int
    count: int
    coordinator: str

    @classmethod
    def parse(cls, text: str) -> Machine:
        """Read "0/2@10.0.0.1:1234": number 0 of 2, which meet at number 0's address.

        Raises:
            UserError: it is not of that form.
        """
        match = _MACHINES.fullmatch(text.strip())
        if match is None or not int(match[1]) < int(match[2]) or not 0 < int(match[3].rsplit(":", 1)[1]) < 1 << 16:
            raise UserError(
                f"--machines {text}: expected NUMBER/COUNT@HOST:PORT, e.g. 0/2@10.0.0.1:1234 on the first machine and "
                "1/2@10.0.0.1:1234 on the second"
            )
        return cls(int(match[1]), int(match[2]), match[3])


@dataclass(frozen=True)
class Spread:
    """How a batch is spread.

    Attributes:
        devices: names of all devices, those of every machine.
        batch_size: pictures of a batch, on all of them together.
        process: number of this process, from 0.
        processes: of all machines.
    """

    devices: tuple[str, ...]
    batch_size: int
    process: int = 0
    processes: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files: every other one computes the same and writes nothing."""
        return self.process == 0

    @property
    def rows(self) -> slice:
        """Rows of a batch that this process feeds to its devices."""
        share = self.batch_size // self.processes
        return slice(self.process * share, (self.process + 1) * share)

    def __str__(self) -> str:
        """One line for people."""
        each = self.batch_size // len(self.devices)
        where = f" on {self.processes} machines" if self.processes > 1 else ""
        return f"{len(self.devices)} devices{where}, {each} of {self.batch_size} pictures of a batch on each"


def join(machine: Machine) -> None:
    """Meet the other machines. It must come before anything is computed, and returns when all are there.

    Raises:
        UserError: the backend is not JAX; something was computed already; the others did not come.
    """
    _check_backend("--machines")
    asked_to_end = signal.getsignal(signal.SIGTERM)
    try:
        keras.distribution.initialize(machine.coordinator, machine.count, machine.number)
    except RuntimeError as error:  # also what JAX raises when the others do not come in time
        reason = " ".join(str(error).split())
        raise UserError(
            f"machine {machine.number} of {machine.count} could not join at {machine.coordinator} ({reason[:200]}); "
            "start the same command on all machines, with the address of the first"
        ) from error
    # JAX hears SIGTERM itself from now on, and goes on. Who asks a training to end means it.
    if asked_to_end is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, asked_to_end)


def _check_backend(flag: str) -> None:
    backend = keras.backend.backend()
    if backend != "jax":
        raise UserError(
            f"{flag}: Keras spreads a batch on JAX only, and this is {backend}; set KERAS_BACKEND=jax (pip install "
            "jax, or 'jax[cuda13]' for GPUs): weights and checkpoints are the same"
        )


def plan(devices: str | int, batch_size: int) -> Spread | None:
    """Choose devices for batches of a size.

    Args:
        devices: how many on each machine, or "all".
        batch_size: pictures of a batch, on all devices of all machines together.

    Returns:
        How to spread it, or None for one device of one machine.

    Raises:
        UserError: no such number of devices; the backend is not JAX; the batch cannot be split evenly.
    """
    wanted = _number(devices)
    if wanted == 1 and keras.backend.backend() != "jax":
        return None
    _check_backend("--devices")
    import jax

    machines: list[list[str]] = [[] for _ in range(jax.process_count())]
    for device in jax.devices():
        machines[device.process_index].append(f"{device.platform}:{device.id}")
    fewest = min(len(names) for names in machines)
    if wanted is not None and wanted > fewest:
        raise UserError(
            f"--devices {devices}: JAX sees {fewest} here ({', '.join(machines[jax.process_index()])}); give "
            f"{fewest} or fewer, or {ALL}"
        )
    chosen = tuple(name for names in machines for name in names[: wanted or fewest])
    if len(chosen) == 1:
        return None
    if batch_size % len(chosen):
        below = batch_size - batch_size % len(chosen)
        near = f"{below} or {below + len(chosen)}" if below else f"{len(chosen)}"
        raise UserError(
            f"--batch-size {batch_size}: {len(chosen)} devices cannot share it evenly; choose a multiple of "
            f"{len(chosen)}, e.g. {near}"
        )
    return Spread(chosen, batch_size, jax.process_index(), jax.process_count())


def _number(devices: str | int) -> int | None:
    """Return None for "all"."""
    if devices == ALL:
        return None
    if not str(devices).isascii() or not str(devices).isdigit() or int(devices) < 1:
        raise UserError(f"--devices {devices}: expected a number from 1, or {ALL}")
    return int(devices)


@contextmanager
def spread(over: Spread | None) -> Iterator[None]:
    """Have models that are built, loaded and trained inside the block live on all devices; None: nothing changes."""
    if over is None:
        yield
        return
    # Each machine feeds the rows of `Spread.rows`: there is nothing that Keras would have to share out.
    distribution = keras.distribution.DataParallel(devices=list(over.devices), auto_shard_dataset=False)
    with distribution.scope():
        yield


class OwnRows(keras.utils.PyDataset):
    """This machine's rows of batches that are the same on all machines.

    Every machine makes whole batches, from the same seed, and keeps its part: who is left out and what is drawn must
    not depend on how many machines there are.

    Args:
        batches: a `PyDataset` with `set_epoch`, or what has `stream(epoch)` besides.
        over: see `Spread`.
    """

    def __init__(self, batches: Any, over: Spread) -> None:
        super().__init__()
        self.batches, self.over = batches, over
        if hasattr(batches, "stream"):
            self.stream = self._stream

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self.batches)

    def __getitem__(self, index: int) -> Any:
        """Return a batch's own rows."""
        return self._own(self.batches[index])

    def set_epoch(self, epoch: int) -> None:
        """Pass the number on, counted from 0."""
        self.batches.set_epoch(epoch)

    def _stream(self, epoch: int) -> Iterator[Any]:
        return (self._own(batch) for batch in self.batches.stream(epoch))  # Keras takes generators, no other iterators

    def _own(self, batch: Any) -> Any:
        return keras.tree.map_structure(lambda rows: rows[self.over.rows], batch)


def own_rows(batches: Any, over: Spread | None) -> Any:
    """Return what this machine feeds: the batches themselves on a single one."""
    return batches if over is None or over.processes == 1 or batches is None else OwnRows(batches, over)
