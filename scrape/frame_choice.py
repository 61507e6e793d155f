"""Which frames of a video are taken: at intervals, spread over a span, or one of each scene."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeVar

import numpy as np

from common.errors import UserError
from common.video.cuts import REACH, CutFinder
from common.video.frame import Frame
from common.video.info import VideoInfo
from common.video.sharpness import LENGTH, blurred, sharpness

TOLERANCE = 1e-6  # seconds: times are rounded
PROXY_LENGTH = 320  # pixels of the longer side at which scene cuts are looked for


class Timed(Protocol):
    """Something at a time, in seconds."""

    @property
    def time(self) -> float:
        """Seconds."""
        ...


Item = TypeVar("Item", bound=Timed)


@dataclass(frozen=True)
class Choice:
    """Which frames are wanted.

    Attributes:
        every: seconds between two frames; None with `scenes`, or where `count` frames are spread over the span.
        count: most frames; None = as many as there are.
        scenes: the sharpest frame of each scene.
        start: seconds; None = the beginning.
        end: seconds; None = the end.
        skip_blurred: take the next sharp frame in place of a blurred one.
    """

    every: Fraction | None = None
    count: int | None = None
    scenes: bool = False
    start: float | None = None
    end: float | None = None
    skip_blurred: bool = False

    def __post_init__(self) -> None:
        """Refuse what says nothing or too much.

        Raises:
            UserError: names the flags.
        """
        if self.every is None and self.count is None and not self.scenes:
            raise UserError("say which frames: --every S, --fps F, --count N or --scenes")
        if self.every is not None and self.every <= 0:
            raise UserError(f"--every {float(self.every):g}: expected more than 0 seconds")
        if self.count is not None and self.count < 1:
            raise UserError(f"--count {self.count}: expected 1 or more")

    @property
    def is_spread(self) -> bool:
        """Whether `count` frames are spread over the span."""
        return self.every is None and not self.scenes

    @property
    def needs_survey(self) -> bool:
        """Whether frames must be compared with others before any is taken."""
        return self.scenes or self.skip_blurred


@dataclass(frozen=True)
class Glimpse:
    """What is kept of a frame to choose among many.

    Attributes:
        index: place in what is read.
        time: seconds.
        sharp: its sharpness.
        corrupt: it cannot be trusted.
        begins_scene: a cut lies before it.
    """

    index: int
    time: float
    sharp: float
    corrupt: bool
    begins_scene: bool = False


def targets(choice: Choice, info: VideoInfo, first: float) -> Iterator[float]:
    """Times at or after which a frame is wanted, without end for intervals.

    Args:
        choice: intervals, or frames spread over a span.
        info: of the video.
        first: seconds of the first frame that is read.

    Raises:
        UserError: frames are to be spread over a span whose length the file does not tell.
    """
    if not choice.is_spread and choice.every is not None:
        origin = Fraction(first if choice.start is None else choice.start)
        yield from (float(origin + number * choice.every) for number in itertools.count())
        return
    begin, end = choice.start if choice.start is not None else first, choice.end
    if info.duration is not None:
        whole = info.start_time + info.duration
        end = whole if end is None else min(end, whole)
    if end is None:
        raise UserError(
            f"{info.path}: the file does not say how long it is; add --end, or take --every in place of --count"
        )
    parts = choice.count or 1
    # The middle of each part: neither the first frame, which is often black, nor the last.
    yield from (begin + (number + 0.5) * (end - begin) / parts for number in range(parts))


def at_targets(
    items: Iterable[Item], wanted: Iterator[float], usable: Callable[[Item], bool] = lambda item: True
) -> Iterator[Item]:
    """The first usable item at or after each target and before the next; none where there is no such one.

    Args:
        items: in order of time.
        wanted: seconds, rising.
        usable: which items may be taken.
    """
    is_due, following = False, next(wanted, None)
    for item in items:
        while following is not None and item.time >= following - TOLERANCE:
            is_due, following = True, next(wanted, None)
        if is_due and usable(item):
            yield item
            is_due = False
        if following is None and not is_due:
            return


def survey(frames: Iterable[Frame], scenes: bool) -> Iterator[Glimpse]:
    """Look at every frame; scene cuts are looked for on request."""
    finder, waiting = CutFinder(), list[Glimpse]()
    for frame in frames:
        glimpse = Glimpse(
            frame.index, frame.time, sharpness(frame.gray(_size(frame, LENGTH))), frame.corrupt is not None
        )
        if not scenes:
            yield glimpse
            continue
        finder.add(frame.index, frame.gray(_size(frame, PROXY_LENGTH)))
        waiting.append(glimpse)
        if len(waiting) == REACH:  # a cut is known once the frames after it were seen
            yield _judged(waiting.pop(0), finder)
    yield from (_judged(glimpse, finder) for glimpse in waiting)


def _judged(glimpse: Glimpse, finder: CutFinder) -> Glimpse:
    return Glimpse(glimpse.index, glimpse.time, glimpse.sharp, glimpse.corrupt, finder.is_cut(glimpse.index))


def _size(frame: Frame, length: int) -> tuple[int, int]:
    scale = min(1.0, length / max(frame.display_size))
    height, width = (max(16, round(side * scale)) for side in frame.display_size)
    return height, width


def chosen(glimpses: Sequence[Glimpse], choice: Choice, wanted: Iterator[float]) -> tuple[list[int], int]:
    """Choose among all frames of a span.

    Args:
        glimpses: all of them.
        choice: scenes, or intervals without blurred frames.
        wanted: the targets; not asked for with scenes.

    Returns:
        Indices of the frames, rising, and how many frames that were due gave their place to a sharper one or to none.
    """
    if choice.scenes:
        best = sorted(_sharpest(scene) for scene in _scenes(glimpses))
        if choice.count is not None and len(best) > choice.count:
            places = np.linspace(0, len(best) - 1, choice.count).round().astype(int)
            best = [best[place] for place in places]
        return best, 0
    times = [glimpse.time for glimpse in glimpses]
    soft = blurred(times, [glimpse.sharp for glimpse in glimpses])
    passed = set()

    def usable(place_and_glimpse: _Placed) -> bool:
        if soft[place_and_glimpse.place] and not place_and_glimpse.glimpse.corrupt:
            passed.add(place_and_glimpse.place)
        return not soft[place_and_glimpse.place] and not place_and_glimpse.glimpse.corrupt

    placed = (_Placed(place, glimpse) for place, glimpse in enumerate(glimpses))
    taken = [item.glimpse.index for item in itertools.islice(at_targets(placed, wanted, usable), choice.count)]
    return taken, len(passed)


@dataclass(frozen=True)
class _Placed:
    place: int
    glimpse: Glimpse

    @property
    def time(self) -> float:
        return self.glimpse.time


def _scenes(glimpses: Sequence[Glimpse]) -> Iterator[list[Glimpse]]:
    """Frames of each scene that can be trusted; scenes without any are left out."""
    scene: list[Glimpse] = []
    for glimpse in glimpses:
        if glimpse.begins_scene and scene:
            yield scene
            scene = []
        if not glimpse.corrupt:
            scene.append(glimpse)
    if scene:
        yield scene


def _sharpest(scene: Sequence[Glimpse]) -> int:
    return max(scene, key=lambda glimpse: (glimpse.sharp, -glimpse.index)).index
