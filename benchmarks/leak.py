"""What slips through: made clips with known truth, decoded from real files, the linking switched on part by part.

Rows: deface at its defaults (its detector, its mask), then our detector with each frame standing alone at deface's
threshold, then the parts of the linking one after the other, then everything with each second and third frame analysed.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.clips import CLASSES, IGNORED, PLANS, Clip, made
from benchmarks.sightings import DEFACE_THRESHOLD, Sightings, deface_region, look
from common.detections import FrameObjects, check_size, read_header
from common.errors import EXIT_OK, UserError
from common.leak import MARGIN, THRESHOLD, LeakMeter, LeakReport, truth_objects
from common.video.reader import FrameReader
from infer.analyse import prepare
from infer.effects import open_effect
from infer.effects.renderer import Renderer
from infer.tracking.link import LinkSettings, Observation, link

CACHE = Path("build") / "benchmarks"
CHROMA_GRID = (2, 2)  # of 4:2:0: what is covered is rounded outwards to it

# Each row of linking switches one more part on.
PARTS: tuple[tuple[str, dict[str, bool]], ...] = (
    ("+ hysteresis", {"fill": False, "extend": False, "smooth": False}),
    ("+ gaps filled", {"extend": False, "smooth": False}),
    ("+ extension", {"smooth": False}),
    ("+ smoothing: everything", {}),
)

Regions = Iterator[np.ndarray]


@dataclass
class Look:
    """One frame as the first pass prepares it: what linking needs beside detections."""

    index: int
    time: float
    proxy: np.ndarray
    wanted: bool


class Workbench:
    """A clip with what all rows share: prepared frames and what the detectors saw."""

    def __init__(self, clip: Clip, detector: str, cache: Path) -> None:
        self.clip = clip
        self.detector = detector
        self.cache = cache
        with FrameReader(clip.video) as reader:
            self.size = next(iter(reader)).display_size
        self._looks: dict[int, list[Look]] = {}
        self._seen: dict[str, Sightings] = {}
        self._renderer = Renderer(open_effect("fill"))

    def looks(self, every: int) -> list[Look]:
        """Return the frames as the first pass prepares them when each K-th is analysed."""
        if every not in self._looks:
            with FrameReader(self.clip.video) as reader:
                self._looks[every] = [
                    Look(seen.index, seen.time, seen.proxy, seen.rgb is not None) for seen in prepare(reader, every)
                ]
        return self._looks[every]

    def seen(self, detector: str) -> Sightings:
        """Return what a detector sees."""
        if detector not in self._seen:
            self._seen[detector] = look(detector, self.clip.video, self.cache)
        return self._seen[detector]

    def region(self, objects: FrameObjects) -> np.ndarray:
        """Return what our renderer makes unrecognisable, (H, W) bool; soft edges do not count."""
        return self._renderer.region(objects, self.size, grid=CHROMA_GRID) == 255

    def deface(self) -> Regions:
        """What deface covers."""
        for faces in self.seen("deface").frames:
            yield deface_region(faces[:, :4], self.size)

    def alone(self) -> Regions:
        """What our detector and renderer cover with each frame standing alone, at deface's threshold."""
        seen = self.seen(self.detector)
        for item in self.looks(1):
            yield self.region(FrameObjects(item.index, item.time, seen.detections(item.index, DEFACE_THRESHOLD)))

    def linked(self, every: int, parts: dict[str, bool]) -> Regions:
        """What linking makes of the same sightings."""
        seen = self.seen(self.detector)
        settings = replace(LinkSettings(floor=seen.floor, sure=seen.sure), **parts)  # type: ignore[arg-type]
        observations = (
            Observation(item.index, item.time, seen.detections(item.index) if item.wanted else None, item.proxy)
            for item in self.looks(every)
        )
        for objects in link(observations, self.size, settings):
            yield self.region(objects)


@dataclass(frozen=True)
class Row:
    """A way of covering, by name."""

    name: str
    regions: Callable[[Workbench], Regions]


def rows() -> list[Row]:
    """Return the ways that are compared, in the order of the table."""
    table = [
        Row(f"deface (threshold {DEFACE_THRESHOLD}, mask scale 1.3)", Workbench.deface),
        Row(f"each frame alone, threshold {DEFACE_THRESHOLD}", Workbench.alone),
    ]
    table += [Row(name, lambda bench, parts=parts: bench.linked(1, parts)) for name, parts in PARTS]  # type: ignore[misc]
    table += [
        Row(f"everything, each {word} frame analysed", lambda bench, every=every: bench.linked(every, {}))  # type: ignore[misc]
        for word, every in (("2nd", 2), ("3rd", 3))
    ]
    return table


def measure_row(bench: Workbench, row: Row, threshold: float = THRESHOLD, margin: float = MARGIN) -> LeakReport:
    """Measure one way of covering on one clip.

    Raises:
        UserError: truth and clip do not have the same number of frames.
    """
    meter = LeakMeter(threshold, margin)
    ignored = [place for place, name in enumerate(read_header(bench.clip.truth).classes) if name == CLASSES[IGNORED]]
    try:
        for objects, region in zip(bench.clip.objects(), row.regions(bench), strict=True):
            meter.add(truth_objects(objects, bench.size, ignored), region)
    except ValueError as error:
        if "zip()" not in str(error):
            raise
        raise UserError(f"{bench.clip.truth} does not have one line for each frame of {bench.clip.video}") from error
    return meter.report()


HEADINGS = ("", "covered", "leaking frames", "events", "longest", "bare pixels", "false cover", "outside", "flicker")


def line(name: str, report: LeakReport) -> str:
    """Return one row of the table (Markdown)."""
    cells = [
        name,
        f"{report.covered_share:.2%}",
        f"{report.leak_frames}/{report.frames}",
        f"{report.events}",
        f"{report.longest}",
        f"{report.bare_pixels:.2%}",
        f"{report.false_cover:.2%}",
        f"{report.outside:.2%}",
        f"{report.flicker:.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks leak",
        description="Prints what slips through: on made clips with known truth, or on your own clip with yours.",
        epilog="An appearance is a face in a frame, at least half of it visible and 10 pixels high; it is covered "
        f"when {THRESHOLD:.0%} of its visible pixels are. Events are runs of frames in which one face leaks. False "
        f"cover is the share of the picture covered further from every face than {MARGIN:.0%} of that face's longer "
        "side; outside is all cover beyond faces. Flicker: changes between covered and leaking per 100 pairs of "
        "frames.",
    )
    parser.add_argument("--clips", nargs="+", choices=sorted(PLANS), metavar="NAME", help=f"of {', '.join(PLANS)}")
    parser.add_argument("--rows", nargs="+", metavar="TEXT", help="only the rows whose names contain one of these")
    parser.add_argument("--detector", default="centerface", help="ours to measure with (default %(default)s)")
    parser.add_argument("--clip", type=Path, metavar="FILE", help="a clip of your own; needs --truth")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="its truth: detections JSONL with masks or boxes")
    parser.add_argument("--threshold", type=float, default=THRESHOLD, help="share that counts as covered")
    parser.add_argument("--margin", type=float, default=MARGIN, help="rim that is not false, share of the face's size")
    parser.add_argument("--events", type=int, default=0, metavar="N", help="list the N longest leaks of each row")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where clips and sightings are kept (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    return parser


def _clips(arguments: argparse.Namespace) -> Iterator[Clip]:
    if arguments.clip or arguments.truth:
        if not (arguments.clip and arguments.truth):
            raise UserError("--clip and --truth belong together: give both")
        yield Clip(arguments.clip.stem, arguments.clip, arguments.truth)
        return
    for name in arguments.clips or PLANS:
        plan = PLANS[name]
        if plan.missing:
            print(f"{name} is skipped: {plan.missing}", file=sys.stderr)
        else:
            yield made(plan, arguments.cache)


def _chosen(wanted: Sequence[str] | None) -> list[Row]:
    table = rows()
    chosen = [row for row in table if wanted is None or any(text in row.name for text in wanted)]
    if not chosen:
        raise UserError(f"--rows {' '.join(wanted or [])} matches none of: {'; '.join(row.name for row in table)}")
    return chosen


def main(argv: Sequence[str]) -> int:
    """Print the table of each clip; write JSON when asked."""
    arguments = _parser().parse_args(argv)
    logging.getLogger("benchmarks").setLevel(logging.INFO)
    chosen, results = _chosen(arguments.rows), []
    for clip in _clips(arguments):
        bench = Workbench(clip, arguments.detector, arguments.cache)
        check_size(clip.truth, read_header(clip.truth), bench.size)
        print(f"\n### {clip.name}\n\n| {' | '.join(HEADINGS)} |\n|---{'|---:' * (len(HEADINGS) - 1)}|", flush=True)
        for row in chosen:
            report = measure_row(bench, row, arguments.threshold, arguments.margin)
            print(line(row.name, report), flush=True)
            for event in report.longest_events[: arguments.events]:
                print(f"  leak: object {event.number}, frames {event.first}..{event.first + event.frames - 1}")
            numbers = {"covered_share": report.covered_share, **asdict(report)}
            results.append({"clip": clip.name, "row": row.name, **numbers})
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    return EXIT_OK
