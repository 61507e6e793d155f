"""Batches made ahead by processes of their own, in order, so that the network does not wait and nothing hangs.

Processes are started afresh (spawn): a fork of a process that runs TensorFlow may inherit a lock that nobody will ever
open, which is how trainings hang at their first epoch. They import NumPy, OpenCV and the loader, but no Keras.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import shutil
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import cv2
import numpy as np

from common import imgaug_numpy2
from common.errors import UserError
from common.pump import prefetched
from mrcnn.rows import Row, Rows, stack

logger = logging.getLogger(__name__)

PATIENCE = 300.0  # seconds for one picture, after which its process counts as stuck
AHEAD = 2  # finished batches that wait for the network
MOST_WORKERS = 8
AFTER_ERROR = 0.5  # seconds that processes are given to end by themselves where nothing of theirs is needed any more


class Batches(Protocol):
    """What a feed needs of `batches.TrainingBatches`."""

    rows: Rows
    batch_size: int

    def __len__(self) -> int:
        """Batches of an epoch."""


def default_workers() -> int:
    """Processes that leave one core to the network, `MOST_WORKERS` at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(max(cores - 1, 1), MOST_WORKERS)


class Workers:
    """Processes that make rows; a context manager, at whose end they are gone.

    Several feeds may share them.

    Args:
        number: of processes; 0: a thread of this process, for data sets that cannot be sent to another one.
        patience: seconds for one row.

    Attributes:
        processes: the processes.
    """

    def __init__(self, number: int, patience: float = PATIENCE) -> None:
        if number < 0:
            raise UserError(f"{number} workers: expected a number from 0")
        self.number, self.patience = number, patience
        self._folder = tempfile.TemporaryDirectory(prefix="feeding-", ignore_cleanup_errors=True)
        self._executor: Executor
        self.processes: list[multiprocessing.process.BaseProcess] = []
        self._sent = count()
        self._grace = 5.0  # seconds to end by themselves
        if not number:
            self._executor = ThreadPoolExecutor(1, "rows")
            return
        context = multiprocessing.get_context("spawn")
        self._executor = ProcessPoolExecutor(number, context, _begin, (self._folder.name,))
        before = set(multiprocessing.active_children())
        with _interrupts_held():
            # One starts with each of the first tasks; they inherit that Ctrl-C is held back: this process answers it.
            for _ in range(number):
                self._executor.submit(int)
        self.processes = [child for child in multiprocessing.active_children() if child not in before]

    def send(self, rows: Rows) -> Any:
        """Hand over what rows are made of; returns what `submit` wants.

        Raises:
            UserError: it cannot be sent to a process.
        """
        if not self.number:
            return rows
        try:
            content = pickle.dumps(rows)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UserError(
                f"the data set or its augmentation cannot be sent to a worker process ({error}); define them at the "
                "top of a module, not inside a function, or use 0 workers"
            ) from error
        path = Path(self._folder.name) / f"{next(self._sent)}.pickle"
        path.write_bytes(content)
        return str(path)

    def submit(self, sent: Any, epoch: int, position: int) -> Future[Row | None]:
        """Have a row made.

        Raises:
            UserError: a process died.
        """
        try:
            return self._executor.submit(_make, sent, epoch, position)
        except BrokenExecutor as error:
            raise UserError(_death(self.processes)) from error

    def result(self, made: Future[Row | None]) -> Row | None:
        """Wait for a row.

        Raises:
            UserError: it could not be made, its process died, or nothing came in time.
        """
        try:
            return made.result(self.patience)
        except BrokenExecutor as error:
            raise UserError(_death(self.processes)) from error
        except TimeoutError as error:
            self._grace = 0.0
            raise UserError(
                f"no picture came out of the input pipeline for {self.patience:.0f} s; can their disk be read?"
            ) from error

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes: those that do not end by themselves are killed, after an error sooner."""
        self._executor.shutdown(wait=not self.number, cancel_futures=True)
        deadline = time.monotonic() + (self._grace if error is None else min(self._grace, AFTER_ERROR))
        for process in self.processes:
            process.join(max(deadline - time.monotonic(), 0.0))
            if process.is_alive():
                process.kill()
                process.join()
        self._folder.cleanup()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(folder: str) -> None:
    """Set up a worker: one thread, deaf to Ctrl-C, and gone when its parent is, however that ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, args=(folder,), name="parent's end", daemon=True).start()


def _end_with_parent(folder: str) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)


def _make(sent: Any, epoch: int, position: int) -> Row | None:
    rows = sent if isinstance(sent, Rows) else _received(sent)
    try:
        return rows.row(epoch, position)
    except (UserError, MemoryError):
        raise
    except Exception as error:
        # Not every exception can be sent; this one can, and names the picture.
        logger.debug("a row could not be made", exc_info=True)
        where = f"image {rows.image_id(epoch, position)}"
        raise UserError(f"{where} could not be made ready for training: {type(error).__name__}: {error}") from error


@lru_cache(maxsize=8)
def _received(path: str) -> Rows:
    content = Path(path).read_bytes()
    if b"imgaug" in content:
        imgaug_numpy2.load()  # an augmenter brings a plain import of it along
    try:
        rows: Rows = pickle.loads(content)
    except Exception as error:
        raise UserError(
            f"a worker process cannot read the data set ({type(error).__name__}: {error}); define it in a module that "
            "can be imported, or use 0 workers"
        ) from error
    return rows


def _death(processes: list[multiprocessing.process.BaseProcess]) -> str:
    # A code comes a moment after the end, and to one thread alone: the executor's, if it asked first, notes it then.
    deadline = time.monotonic() + 1
    while any(process.exitcode is None for process in processes) and time.monotonic() < deadline:
        time.sleep(0.01)
    codes = sorted({process.exitcode for process in processes if process.exitcode not in (None, 0)})
    how = f" (exit code {', '.join(str(code) for code in codes)}; -9: killed, often for memory)" if codes else ""
    return (
        f"a worker process of the input pipeline died{how}; use fewer workers, or 0 to see what happens in this "
        "process. A script that trains must start under `if __name__ == '__main__':`"
    )


class Feed:
    """Batches of one data set, made ahead.

    A context manager: leaving it stops what runs ahead, and an error that happened while a batch was made is raised
    there again as it was, whatever a backend's own input machinery turned it into.

    Args:
        batches: `batches.TrainingBatches`.
        workers: who makes the rows.

    Attributes:
        waited: seconds for which a batch was asked for and not there yet.
        served: batches so far.
        error: what ended it.
    """

    def __init__(self, batches: Batches, workers: Workers) -> None:
        self.batches, self.workers = batches, workers
        self.waited, self.served = 0.0, 0
        self.error: BaseException | None = None
        self._sent = workers.send(batches.rows)
        self._open = ExitStack()

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self.batches)

    def stream(self, first_epoch: int = 0, first_batch: int = 0) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        """Give batch after batch, epoch after epoch without a pause, for ever.

        Pass it to `fit` with `steps_per_epoch=len(feed)`: the next epoch's first batches are made while the last one is
        evaluated.

        Args:
            first_epoch: counted from 0; where a training goes on.
            first_batch: of that epoch, counted from 0.
        """
        # A step back would be another order of the same positions: one stream at a time.
        self._open.close()
        made = self._open.enter_context(prefetched(self._made(first_epoch, first_batch), AHEAD))
        return self._timed(made)

    def _timed(self, made: Iterator[Any]) -> Iterator[Any]:
        while True:
            begin = time.perf_counter()
            batch = next(made, None)
            self.waited += time.perf_counter() - begin
            if batch is None:
                return
            self.served += 1
            yield batch

    def _made(self, first_epoch: int, first_batch: int) -> Iterator[Any]:
        """Run in the thread of `prefetched`: keep the workers busy, put rows together in order."""
        size = self.batches.batch_size
        ahead = AHEAD + -(-2 * max(self.workers.number, 1) // size)
        places = (divmod(place, len(self)) for place in count(first_epoch * len(self) + first_batch))
        line: deque[tuple[int, int, list[Future[Row | None]]]] = deque()
        try:
            while True:
                while len(line) < ahead:
                    epoch, index = next(places)
                    first = range(index * size, (index + 1) * size)
                    line.append((epoch, index, [self.workers.submit(self._sent, epoch, place) for place in first]))
                yield self._batch(*line.popleft()), np.zeros(size)
        except Exception as error:
            self.error = error
            raise
        finally:
            for _, _, futures in line:
                for future in futures:
                    future.cancel()

    def _batch(self, epoch: int, index: int, asked: list[Future[Row | None]]) -> dict[str, np.ndarray]:
        rows: list[Row] = []
        size = self.batches.batch_size
        for place, position in enumerate(self.batches.rows.positions(index, size)):
            future = asked[place] if place < size else self.workers.submit(self._sent, epoch, position)
            row = self.workers.result(future)
            if row is not None:
                rows.append(row)
            if len(rows) == size:
                break
        return stack(rows, self.batches.rows.truth)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; raise the pipeline's own error in place of what it became."""
        self._open.close()
        if isinstance(error, Exception) and self.error is not None and error is not self.error:
            raise self.error from None
