"""What must be known of a whole clip before writing starts: a steady frame rate, field order, true transparency."""

from __future__ import annotations

from fractions import Fraction

import av
from av.container import InputContainer

from common.video.info import VideoInfo
from common.video.source import url

_TOLERANCE = Fraction(11, 10_000)  # seconds; containers that count milliseconds round by half of one
_TOP_FIRST, _BOTTOM_FIRST = (2, 4), (3, 5)  # AVFieldOrder


def is_steady(info: VideoInfo) -> bool:
    """Whether every picture lies on the grid of the average frame rate, places left out allowed; decodes nothing."""
    if info.average_rate is None:
        return False
    with av.open(url(info.path), metadata_errors="replace") as source:
        stream = source.streams[info.video_index]
        times = sorted(_times(source, stream))
    if not times:
        return False
    places = [(time - times[0]) * info.time_base * info.average_rate for time in times]
    close = all(abs(place - round(place)) <= _TOLERANCE * info.average_rate for place in places)
    return close and len({round(place) for place in places}) == len(places)


def _times(source: InputContainer, stream: av.stream.Stream) -> list[int]:
    times = []
    try:
        for packet in source.demux(stream):
            time = packet.pts if packet.pts is not None else packet.dts
            if time is not None and packet.size:
                times.append(time)
    except av.FFmpegError:
        pass  # a damaged tail: what was read so far must do, the reader counts the damage
    return times


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
    with av.open(url(info.path), metadata_errors="replace") as source:
        stream = source.streams[info.video_index]
        try:
            for picture in source.decode(stream):
                if isinstance(picture, av.VideoFrame) and picture.to_ndarray(format="rgba")[..., 3].min() < 255:
                    return False
        except av.FFmpegError:
            return False
    return True
