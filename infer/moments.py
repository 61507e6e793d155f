"""The moments of a clip that are worth a look, most doubtful first."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

NEAR = 0.25  # seconds: moments of one kind this near to each other are one


@dataclass(frozen=True)
class Moment:
    """A place to check by eye.

    Attributes:
        time: seconds of the source.
        index: number of the frame.
        reason: in words.
        severity: 0..1, how likely something is visible there.
        tracks: the tracks concerned.
    """

    time: float
    index: int
    reason: str
    severity: float
    tracks: tuple[int, ...] = ()


class Weakest:
    """Keeps the most severe of many moments; memory is bounded.

    Args:
        limit: how many are chosen in the end.
        spare: how many times as many are kept until then, so that merging neighbours does not leave too few.
    """

    def __init__(self, limit: int, spare: int = 8) -> None:
        self.limit = limit
        self._room = limit * spare
        self._heap: list[tuple[float, int, Moment]] = []
        self._count = 0

    def add(self, moment: Moment) -> None:
        """Take a moment in; the least severe falls out when there are too many. Of equals the earliest stay."""
        self._count += 1
        heapq.heappush(self._heap, (moment.severity, -self._count, moment))
        if len(self._heap) > self._room:
            heapq.heappop(self._heap)

    def copy(self) -> Self:
        """Return one that goes on by itself."""
        other = type(self)(self.limit)
        other._room, other._heap, other._count = self._room, list(self._heap), self._count
        return other

    def chosen(self) -> list[Moment]:
        """The most severe, neighbours of one kind merged, most severe first."""
        return _merged(moment for _, _, moment in sorted(self._heap, key=lambda item: (-item[0], item[2].time)))[
            : self.limit
        ]


def _merged(moments: Iterable[Moment]) -> list[Moment]:
    """Merge moments for the same reason near each other into the most severe of them."""
    merged: list[Moment] = []
    for moment in moments:
        for place, known in enumerate(merged):
            if known.reason == moment.reason and abs(known.time - moment.time) < NEAR:
                merged[place] = replace(known, tracks=tuple(sorted({*known.tracks, *moment.tracks})))
                break
        else:
            merged.append(moment)
    return merged


def timestamp(seconds: float) -> str:
    """Write a moment as m:ss.mmm or h:mm:ss.mmm."""
    milliseconds = round(abs(seconds) * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{'-' if seconds < 0 and milliseconds else ''}{text}:{rest // 1000:02}.{rest % 1000:03}"
