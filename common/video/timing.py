"""What must be known of a whole clip before writing starts: a steady frame rate, field order, true transparency."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
from av.container import InputContainer

from common.video.info import VideoInfo
from common.video.source import url

_TOLERANCE = Fraction(11, 10_000)  # seconds; containers that count milliseconds round by half of one
_REORDERED = 64  # pictures; no codec stores one further from its place in time (H.264 and HEVC: 16)
_TOP_FIRST, _BOTTOM_FIRST = (2, 4), (3, 5)  # AVFieldOrder


@dataclass(frozen=True)
class _Clip:
    """A clip whose answers are remembered until the file changes: they take reading all of it."""

    path: Path
    size: int
    changed: int  # nanoseconds
    index: int

    @classmethod
    def of(cls, info: VideoInfo) -> _Clip:
        state = Path(info.path).stat()
        return cls(Path(info.path), state.st_size, state.st_mtime_ns, info.video_index)


def is_steady(info: VideoInfo) -> bool:
    """Whether every picture lies on the grid of the average frame rate, places left out allowed; decodes nothing."""
    return info.average_rate is not None and _is_steady(_Clip.of(info), info.time_base, info.average_rate)


@lru_cache(maxsize=4)
def _is_steady(clip: _Clip, unit: Fraction, rate: Fraction) -> bool:
    with av.open(url(clip.path), metadata_errors="replace") as source:
        return lies_on_grid(_times(source, source.streams[clip.index]), unit, rate)


def lies_on_grid(times: Iterable[int], unit: Fraction, rate: Fraction) -> bool:
    """Whether times are those of a steady frame rate; False for none at all, memory does not grow with their number.

    Args:
        times: timestamps in the order of decoding, at most `_REORDERED` places from that of presentation.
        unit: seconds of a timestamp's step.
        rate: frames a second.
    """
    # Place of a picture = (time - first) * step / whole; all in whole numbers, as fractions are slow.
    step, whole = unit.numerator * rate.numerator, unit.denominator * rate.denominator
    limit = _TOLERANCE.numerator * rate.numerator * unit.denominator
    first = last = None
    for time in _in_order(times):
        if first is None:
            first = time
        distance = (time - first) * step
        place = (2 * distance + whole) // (2 * whole)
        if abs(distance - place * whole) * _TOLERANCE.denominator > limit or (last is not None and place <= last):
            return False
        last = place
    return first is not None


def _in_order(times: Iterable[int]) -> Iterator[int]:
    waiting: list[int] = []
    for time in times:
        heapq.heappush(waiting, time)
        if len(waiting) > _REORDERED:
            yield heapq.heappop(waiting)
    yield from sorted(waiting)


def _times(source: InputContainer, stream: av.stream.Stream) -> Iterator[int]:
    try:
        for packet in source.demux(stream):
            time = packet.pts if packet.pts is not None else packet.dts
            if time is not None and packet.size:
                yield time
    except av.FFmpegError:
        pass  # a damaged tail: what was read so far must do, the reader counts the damage


def top_field_first(info: VideoInfo) -> bool | None:
    """Field order of an interlaced clip, None for a progressive one."""
    with av.open(url(info.path), metadata_errors="replace") as source:
        context = source.streams[info.video_index].codec_context
        order = getattr(context, "field_order", 0)
    if order in _TOP_FIRST:
        return True
    return False if order in _BOTTOM_FIRST else None


def is_opaque(info: VideoInfo) -> bool:
    """Whether no picture of a clip with an alpha channel is transparent anywhere; decodes all of it.

    GIF pictures always decode with an alpha channel, and hardly any makes use of it.
    """
    return _is_opaque(_Clip.of(info))


@lru_cache(maxsize=4)
def _is_opaque(clip: _Clip) -> bool:
    with av.open(url(clip.path), metadata_errors="replace") as source:
        stream = source.streams[clip.index]
        try:
            for picture in source.decode(stream):
                if isinstance(picture, av.VideoFrame) and picture.to_ndarray(format="rgba")[..., 3].min() < 255:
                    return False
        except av.FFmpegError:
            return False
    return True
