"""Processes that decode pictures: a file that kills its decoder costs that picture and nothing else."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path

from scrape.decode import Prepared, Rules, prepare
from scrape.failure import Failure


class Decoders:
    """A pool of processes; a context manager.

    Spawned, not forked: this process has threads. Must be used from one event loop.

    Args:
        folder: where temporary files go.
        rules: which pictures are kept, and how.
        workers: processes, 0 = as many as there are cores.
    """

    def __init__(self, folder: Path, rules: Rules, workers: int = 0) -> None:
        self._folder = folder
        self._rules = rules
        self._workers = workers or len(os.sched_getaffinity(0))
        self._numbers = itertools.count(os.getpid() << 32)
        self._pool: ProcessPoolExecutor | None = None
        self._alone = asyncio.Lock()

    async def prepare(self, data: bytes) -> Prepared:
        """Check and convert a picture; see `decode.prepare`.

        Raises:
            Failure: as there, and `broken` where the file kills the process that decodes it.
        """
        try:
            return await self._in(self._shared(), data)
        except BrokenProcessPool:
            pass
        # One of several killed the pool. Each is tried once more with a process of its own, so that only the
        # guilty one fails.
        async with self._alone:
            pool = self._new(1)
            try:
                return await self._in(pool, data)
            except BrokenProcessPool as error:
                raise Failure("broken", "the file kills its decoder") from error
            finally:
                pool.shutdown()

    async def _in(self, pool: ProcessPoolExecutor, data: bytes) -> Prepared:
        loop = asyncio.get_running_loop()
        try:
            with _without_interrupts():
                done = loop.run_in_executor(pool, prepare, data, self._rules, self._folder, next(self._numbers))
            return await done
        except BrokenProcessPool:
            if pool is self._pool:
                self._pool = None
                pool.shutdown(wait=False)
            raise

    def _shared(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = self._new(self._workers)
        return self._pool

    def _new(self, workers: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin)

    def close(self) -> None:
        """End the processes, once they have finished what they are at."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes that start in the block never see Ctrl-C, which a terminal sends to all: it is for their parent."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Let the process end with its parent, however that ends: nobody else would tell it.

    What C libraries say of a damaged file by themselves (libtiff, libpng) would stand in the middle of the progress.
    """
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), sys.stderr.fileno())
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
