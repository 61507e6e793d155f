"""Batches as `fit` gets them: the toolkit's own feed beside what Keras, TensorFlow and grain offer for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

BUFFERED = 2  # batches that a feeder makes ahead, as the own feed does
COLUMNS = ("processes", "first batch s", "images/s", "parent CPU ms")


@dataclass(frozen=True)
class RowAt:
    """Makes the row of a position of the first epoch; it can be sent to another process."""

    rows: Any

    def __call__(self, position: int) -> Any:
        """Make it."""
        return self.rows.row(0, int(position))


@dataclass(frozen=True)
class Stacked:
    """Puts rows together to a batch; it can be sent to another process."""

    truth: Any

    def __call__(self, rows: Any) -> Any:
        """Put them together."""
        from mrcnn.rows import stack

        return stack(rows, self.truth)


@contextmanager
def own(batches: Any, number: int) -> Iterator[Iterator[Any]]:
    """`mrcnn.feeding`; without a process a thread."""
    from mrcnn.feeding import Feed, Workers

    with Workers(number) as workers, Feed(batches, workers) as feed:
        yield feed.stream()


@contextmanager
def keras_threads(batches: Any, number: int) -> Iterator[Iterator[Any]]:
    """Keras' queue for a `PyDataset`, as `fit` makes it, with threads."""
    from keras.src.trainers.data_adapters.py_dataset_adapter import OrderedEnqueuer

    queue = OrderedEnqueuer(batches, workers=number, use_multiprocessing=False, max_queue_size=BUFFERED + number)
    queue.start()
    try:
        yield iter(queue.get())
    finally:
        queue.stop()


@contextmanager
def tf_data(batches: Any, number: int) -> Iterator[Iterator[Any]]:
    """tf.data around Python, in threads: the work is NumPy's and OpenCV's, which no tf.data graph can do."""
    import tensorflow as tf

    example = batches[0][0]
    types = [tf.as_dtype(value.dtype) for value in example.values()]

    def make(index: Any) -> Any:
        return tf.numpy_function(lambda place: list(batches[int(place)][0].values()), [index], types)

    yield iter(tf.data.Dataset.range(len(batches)).map(make, num_parallel_calls=number).prefetch(BUFFERED))


@contextmanager
def grain(batches: Any, number: int) -> Iterator[Iterator[Any]]:
    """Processes of grain."""
    from absl import flags

    library: Any = import_module("grain")  # no dependency of ours
    flags.FLAGS.mark_as_parsed()  # it reads flags of a program that is absl's own
    rows = batches.rows
    positions = library.MapDataset.range(len(rows.image_ids)).map(RowAt(rows))
    made = positions.to_iter_dataset(library.ReadOptions(num_threads=1, prefetch_buffer_size=2))
    joined = made.batch(batches.batch_size, batch_fn=Stacked(rows.truth))
    yield iter(joined.mp_prefetch(library.MultiprocessingOptions(num_workers=number, per_worker_buffer_size=1)))


Way = Callable[[Any, int], AbstractContextManager[Iterator[Any]]]
OTHERS: dict[str, tuple[str, Way]] = {
    "PyDataset, threads": ("keras", keras_threads),
    "tf.data, threads": ("tensorflow", tf_data),
    "grain": ("grain", grain),
}


def compare(batches: Any, numbers: tuple[int, ...], steps: int) -> list[dict[str, Any]]:
    """Print a table of feeders and return its rows; those that are not installed say so.

    Args:
        batches: `batches.TrainingBatches`.
        numbers: of processes or threads.
        steps: batches that are timed.
    """
    print(f"{'':20}" + "".join(f"{column:>16}" for column in COLUMNS))
    found = [_shown("own", number, _measure(own, batches, number, steps)) for number in (0, *numbers)]
    for name, (package, way) in OTHERS.items():
        if find_spec(package) is None:
            print(f"{name:20}{'not installed':>16}", flush=True)
            continue
        found += [_shown(name, number, _measure(way, batches, number, steps)) for number in numbers]
    return found


def _measure(way: Way, batches: Any, number: int, steps: int) -> dict[str, float]:
    with ExitStack() as stack:
        begin = time.perf_counter()
        stream = stack.enter_context(way(batches, number))
        next(stream)
        first = time.perf_counter() - begin
        for _ in range(number + 2 * BUFFERED):
            next(stream)  # until what was made meanwhile is used up
        cpu, begin = time.process_time(), time.perf_counter()
        for _ in range(steps):
            next(stream)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    images = steps * batches.batch_size
    return {"first": first, "images_per_second": images / seconds, "cpu": 1000 * cpu / images}


def _shown(name: str, number: int, row: dict[str, float]) -> dict[str, Any]:
    cells = (f"{number}", f"{row['first']:.1f}", f"{row['images_per_second']:.1f}", f"{row['cpu']:.1f}")
    print(f"{name:20}" + "".join(f"{cell:>16}" for cell in cells), flush=True)
    return {"feeder": name, "processes": number, **row}
