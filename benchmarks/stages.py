"""Where the first pass spends its time: decoding, preparing, finding and linking, one after the other, per frame."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.speed import SINGER
from common.errors import EXIT_OK
from common.video.reader import FrameReader
from infer.analyse import Look, linking, open_wanted, prepare
from infer.settings import Search
from infer.tracking.link import Observation, link


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks stages", description=__doc__)
    parser.add_argument("--clip", type=Path, default=SINGER, metavar="FILE", help="default: %(default)s")
    clip = parser.parse_args(argv).clip
    search = Search()
    detector = open_wanted(search)
    looks: list[Look] = []
    observations: list[Observation] = []

    def decode() -> int:
        with FrameReader(clip) as reader:
            return sum(1 for _ in reader)

    def decode_and_prepare() -> int:
        with FrameReader(clip) as reader:
            looks.extend(prepare(reader))
        return len(looks)

    def find() -> int:
        for look in looks:
            found = None if look.rgb is None else detector([look.rgb])[0]
            observations.append(Observation(look.index, look.time, found, look.proxy, look.failed))
        return len(looks)

    def tie() -> int:
        with FrameReader(clip) as reader:
            size = reader.info.display_size
        return sum(1 for _ in link(observations, size, linking(detector, search)))

    print(f"{clip.name}\n{'':20} {'wall ms':>8} {'CPU ms':>8}  a frame")
    for name, stage in (
        ("decode", decode),
        ("decode and prepare", decode_and_prepare),
        ("find", find),
        ("link", tie),
    ):
        _timed(name, stage)
    return EXIT_OK


def _timed(name: str, stage: Callable[[], int]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    frames = stage()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name:20} {1000 * wall / frames:8.2f} {1000 * cpu / frames:8.2f}")
