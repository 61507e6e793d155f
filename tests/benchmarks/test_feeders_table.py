"""The table of feeders: batches are counted and timed, and what is not installed says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_folder import loader, write

from benchmarks import feeders
from mrcnn.anchors import pyramid_anchors
from mrcnn.batches import TrainingBatches
from mrcnn.rows import Truth


@contextmanager
def in_line(batches: Any, number: int) -> Iterator[Iterator[Any]]:
    """Makes batches where they are asked for, `number` times as many as there are."""
    yield iter([batches[index % len(batches)] for _ in range(number) for index in range(len(batches))])


def test_own_and_other_feeders_and_one_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    anchors = pyramid_anchors((16, 32), (1,), np.array([[16, 16], [8, 8]]), (4, 8), 1)
    truth = Truth(anchors, 16, (0.1, 0.1, 0.2, 0.2), 4, (0.0, 0.0, 0.0))
    batches = TrainingBatches(loader(write(tmp_path / "set")), np.array([0, 1, 2, 4]), truth, 2, seed=1)
    monkeypatch.setattr(feeders, "OTHERS", {"in line": ("numpy", in_line), "gone": ("no_such_package", in_line)})
    monkeypatch.setattr(feeders, "BUFFERED", 1)
    rows = feeders.compare(batches, (), 3)
    assert [(row["feeder"], row["processes"]) for row in rows] == [("own", 0)]
    measured = feeders._measure(in_line, batches, 6, 3)
    assert measured["images_per_second"] > 0
    assert measured["first"] > 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[-1].strip() == "parent CPU ms"
    assert lines[-1].split() == ["gone", "not", "installed"]
