"""How the system shares processors among threads, held against libraries that change it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_THREADS = Path("/proc/self/task")


@contextmanager
def kept_scheduling() -> Iterator[None]:
    """Give this thread, and all that the block starts, the class and priority that this thread had before.

    SVT-AV1, run by root, makes its threads and the one that opens it SCHED_FIFO 99, above everything else on the
    machine and for good; whatever the process starts afterwards inherits that. Without Linux' scheduler this does
    nothing.
    """
    if not hasattr(os, "sched_setscheduler") or not _THREADS.is_dir():
        yield
        return
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    before = _threads()
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, priority)
        for thread in _threads() - before:
            with suppress(ProcessLookupError):  # it has ended meanwhile
                if os.sched_getscheduler(thread) in (os.SCHED_FIFO, os.SCHED_RR):
                    os.sched_setscheduler(thread, policy, priority)


def _threads() -> set[int]:
    return {int(path.name) for path in _THREADS.iterdir()}
