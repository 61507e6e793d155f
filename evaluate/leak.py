"""What slips through on videos whose truth is known: frame by frame, by object, by class.

An *appearance* is one object in one frame; it leaks when less than the threshold of its visible pixels is covered (see
`common.leak`). A *visit* is one object from the frame in which it comes into view to the last one before it goes out of
view: the appearances of one object in consecutive frames. A visit in which no appearance leaks is *never bare*. The
share of visits that are never bare is the number to sign: one bare frame is enough to know somebody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from common.detections import FrameObjects, Header
from common.errors import UserError
from common.leak import MARGIN, THRESHOLD, Appearance, LeakMeter, TruthObject, truth_objects
from evaluate.false_alarms import FalsePatches, FalseTracks

SAME_TIME = 0.002  # seconds; detections files round times
MINIMUM_SHARE, MINIMUM_HEIGHT = 0.5, 10.0
IGNORED = "ignored"


@dataclass(frozen=True)
class Rule:
    """What counts as an object to be hidden, and when it is hidden.

    Attributes:
        classes: of the truth, that are to be hidden. Covering any other class is false cover.
        ignored: classes that are neither asked for nor false when covered.
        visible: least visible share of an object (the truth's score) for it to count; below it is ignored.
        height: least height of its visible part in pixels, likewise.
        threshold: share of an object's visible pixels from which it counts as covered.
        margin: rim around an object that may be covered, in shares of the longer side of its box.
    """

    classes: tuple[str, ...]
    ignored: tuple[str, ...] = (IGNORED,)
    visible: float = MINIMUM_SHARE
    height: float = MINIMUM_HEIGHT
    threshold: float = THRESHOLD
    margin: float = MARGIN


@dataclass(frozen=True)
class Covered:
    """What was made unrecognisable in one frame.

    Attributes:
        time: of the frame, seconds.
        region: (H, W) bool, display picture.
        tracks: the sightings that were covered, where they are known and each belongs to a track.
    """

    time: float
    region: np.ndarray
    tracks: tuple[TruthObject, ...] | None = None


@dataclass(frozen=True)
class FrameRow:
    """One frame in numbers.

    Attributes:
        index: of the truth's frame.
        time: seconds.
        appearances: objects that count.
        leaking: those of them that leak.
        pixels: visible pixels of all of them.
        bare: those of them that are not covered.
        false_cover: share of the frame covered beyond every object's margin.
        outside: share of the frame covered outside every object.
    """

    index: int
    time: float
    appearances: int
    leaking: int
    pixels: int
    bare: int
    false_cover: float
    outside: float


@dataclass
class Visit:
    """One object from coming into view to going out of it.

    Attributes:
        number: of the object.
        name: its class.
        first: index of the first frame.
        first_time: its time, seconds.
        end_time: when the last frame ends.
        frames: that it lasts.
        leaking: frames in which it leaks.
        longest: frames of its longest run of leaking frames.
        longest_first: index of the first frame of that run; -1: there is none.
        longest_seconds: how long that run lasts.
        changes: between covered and leaking.
        pixels: visible ones, over all frames.
        bare: those of them that are not covered.
    """

    number: int
    name: str
    first: int
    first_time: float
    end_time: float
    frames: int = 0
    leaking: int = 0
    longest: int = 0
    longest_first: int = -1
    longest_seconds: float = 0.0
    changes: int = 0
    pixels: int = 0
    bare: int = 0


@dataclass(frozen=True)
class VideoLeak:
    """What slipped through one video.

    Attributes:
        name: of the video.
        rows: one a frame.
        visits: in the order in which they end.
        seconds: that the judged frames last.
        tracked: the truth tells objects apart over time; otherwise there are no visits to count.
        false_alarms: what was covered although nothing was there, see `false_alarms`.
    """

    name: str
    rows: tuple[FrameRow, ...]
    visits: tuple[Visit, ...]
    seconds: float
    tracked: bool = True
    false_alarms: int = 0


@dataclass
class _Run:
    """A visit in progress, and its run of leaking frames."""

    visit: Visit
    run: int = 0
    run_first: int = -1
    run_time: float = 0.0


class _Visits:
    """Turns appearances into visits, frame by frame."""

    def __init__(self) -> None:
        self.done: list[Visit] = []
        self._open: dict[int, _Run] = {}

    def add(self, index: int, time: float, appearances: Sequence[tuple[Appearance, str]], step: float) -> None:
        """Take a frame that lasts `step` seconds."""
        seen = {each.number for each, _ in appearances}
        self.close([number for number in self._open if number not in seen])
        for each, name in appearances:
            run = self._open.setdefault(each.number, _Run(Visit(each.number, name, index, time, time)))
            visit = run.visit
            if visit.frames:
                visit.changes += (run.run > 0) != each.leaks
            visit.frames += 1
            visit.leaking += each.leaks
            visit.pixels += each.pixels
            visit.bare += each.bare
            visit.end_time = time + step
            if not each.leaks:
                run.run = 0
                continue
            if not run.run:
                run.run_first, run.run_time = index, time
            run.run += 1
            if run.run > visit.longest:
                visit.longest, visit.longest_first = run.run, run.run_first
                visit.longest_seconds = visit.end_time - run.run_time

    def close(self, numbers: Iterable[int] | None = None) -> None:
        """End the visits of objects that are gone; None: of all."""
        for number in list(self._open if numbers is None else numbers):
            self.done.append(self._open.pop(number).visit)


def measure_video(
    name: str, header: Header, truth: Iterable[FrameObjects], covers: Iterable[Covered], rule: Rule, *, part: bool
) -> VideoLeak:
    """Judge one video.

    Args:
        name: of the video, for tables.
        header: of the truth file.
        truth: its frames.
        covers: what was covered, frame by frame.
        rule: what counts.
        part: the covers are those of a fragment: frames of the truth before and after it are passed over.

    Raises:
        UserError: truth and covers are not of the same frames.
    """
    meter, visits, rows = LeakMeter(rule.threshold, rule.margin), _Visits(), []
    patches, tracks = FalsePatches(), FalseTracks()
    tracked = followed = True
    for objects, covered, step in _timed(_paired(name, truth, covers, part)):
        if covered.region.shape != header.size:
            height, width = covered.region.shape
            raise UserError(
                f"{name}: the truth is of a picture of {header.width}x{header.height}, the cover of one of "
                f"{width}x{height}; give what was made from this video"
            )
        items, names = counted(objects, header, rule)
        frame = meter.add(items, covered.region)
        patches.add(covered.region, frame.beyond)
        tracks.add(covered.tracks or (), items, header.size)
        followed = followed and covered.tracks is not None
        tracked = tracked and all(item.number >= 0 for item in items)
        visits.add(objects.index, objects.time, [(each, names[each.number]) for each in frame.appearances], step)
        each = frame.appearances
        rows.append(
            FrameRow(
                objects.index,
                objects.time,
                len(each),
                sum(item.leaks for item in each),
                sum(item.pixels for item in each),
                sum(item.bare for item in each),
                frame.false_cover,
                frame.outside,
            )
        )
    visits.close()
    if not rows:
        raise UserError(f"{name}: truth and cover have no frame in common; give what was made from this video")
    seconds = rows[-1].time - rows[0].time + _step([row.time for row in rows])
    return VideoLeak(name, tuple(rows), tuple(visits.done), seconds, tracked, (tracks if followed else patches).count)


def counted(objects: FrameObjects, header: Header, rule: Rule) -> tuple[list[TruthObject], dict[int, str]]:
    """Return the truth of a frame as `LeakMeter` takes it, and the class of each object's number.

    Classes that are not asked for are left out; what is too small or too little visible is ignored.
    """
    found, names = [], {}
    detections = objects.detections
    for place, item in enumerate(truth_objects(objects, header.size)):
        name = header.classes[int(np.asarray(detections.class_id)[place])]
        if name not in rule.classes and name not in rule.ignored:
            continue
        rows = np.flatnonzero(item.mask.any(axis=1))
        high = len(rows) and rows[-1] - rows[0] + 1 >= rule.height
        too_little = not high or float(np.asarray(detections.confidence)[place]) < rule.visible
        found.append(replace(item, ignored=bool(name in rule.ignored or too_little)))
        names[item.number] = name
    return found, names


def _paired(
    name: str, truth: Iterable[FrameObjects], covers: Iterable[Covered], part: bool
) -> Iterator[tuple[FrameObjects, Covered]]:
    """Bring truth and cover together by time."""
    waiting = iter(covers)
    covered = next(waiting, None)
    met = False
    for objects in truth:
        if covered is not None and abs(objects.time - covered.time) <= SAME_TIME:
            yield objects, covered
            covered, met = next(waiting, None), True
        elif not part or (met and covered is not None):
            what = "ends" if covered is None else f"goes on at {covered.time:.3f} s"
            raise UserError(
                f"{name}: frame {objects.index} of the truth is at {objects.time:.3f} s, where the cover {what}; give "
                "what was made from this video, all of it"
            )
    if covered is not None:
        raise UserError(
            f"{name}: the truth has no frame at {covered.time:.3f} s, where the cover has one; give what was made from "
            "this video"
        )


def _timed(pairs: Iterable[tuple[FrameObjects, Covered]]) -> Iterator[tuple[FrameObjects, Covered, float]]:
    """Add how long each frame lasts, seconds: to the next one; the last as long as the one before."""
    last: tuple[FrameObjects, Covered] | None = None
    step = 0.0
    for pair in chain(pairs, [None]):
        if last is not None:
            step = step if pair is None else pair[0].time - last[0].time
            yield (*last, step)
        last = pair


def _step(times: Sequence[float]) -> float:
    return times[-1] - times[-2] if len(times) > 1 else 0.0
