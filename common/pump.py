"""Run an iterator in a thread of its own, so that decoding, inference and encoding overlap."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Item = TypeVar("Item")

_END = object()


@contextmanager
def prefetched(items: Iterable[Item], depth: int = 8) -> Iterator[Iterator[Item]]:
    """Give an iterator that is filled by a thread, at most `depth` items ahead.

    An error in the thread is raised at the place where its item would have come. Leaving the block stops the thread
    and waits for it; a generator is closed in the thread that ran it, so what it holds open is let go of by then,
    whoever else still has a reference to it.

    Args:
        items: consumed in the thread.
        depth: bound of the queue; memory holds at most this many items ahead.
    """
    line: queue.Queue[Any] = queue.Queue(maxsize=depth)
    stop = threading.Event()
    thread = threading.Thread(target=_fill, args=(items, line, stop), name="prefetch", daemon=True)
    thread.start()
    try:
        yield _drain(line, stop)
    finally:
        stop.set()
        thread.join()


def _fill(items: Iterable[Any], line: queue.Queue[Any], stop: threading.Event) -> None:
    try:
        iterator = iter(items)
        try:
            for item in iterator:
                if not _put(line, (item, None), stop):
                    return
        finally:
            if isinstance(iterator, Generator):
                iterator.close()
    except BaseException as error:  # noqa: BLE001 - handed over to the consumer, where it is raised
        _put(line, (None, error), stop)
    else:
        _put(line, _END, stop)


def _put(line: queue.Queue[Any], entry: Any, stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            line.put(entry, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False


def _drain(line: queue.Queue[Any], stop: threading.Event) -> Iterator[Any]:
    while (entry := _get(line, stop)) is not _END:
        item, error = entry
        if error is not None:
            raise error
        yield item


def _get(line: queue.Queue[Any], stop: threading.Event) -> Any:
    """Wait for an entry; whoever still waits in another thread when the block is left gets the end."""
    while True:
        try:
            return line.get(timeout=0.1)
        except queue.Empty:
            if stop.is_set():
                return _END
