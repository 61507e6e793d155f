"""What a video file holds, found out without reading it through."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.sidedata.sidedata import SideData
from av.stream import Disposition, Stream
from av.video.format import VideoFormat
from av.video.stream import VideoStream

from common.errors import UserError
from common.telltale import Telltale
from common.video import display_matrix
from common.video.hdr_tags import HdrTags, hdr_tags
from common.video.source import is_cover, open_source, video_stream
from common.video.telltales import find_telltales

FIRST_PACKETS = 250  # how far `probe` looks for a picture that decodes


@dataclass(frozen=True)
class Track:
    """A stream beside the video.

    Attributes:
        index: place in the file (FFmpeg's stream index).
        kind: "audio", "subtitle", "data", "attachment" or "video" (a second video, or a cover picture).
        codec: FFmpeg's name, "" where unknown.
        language: as the file says it ("deu"), or None.
        title: as the file says it, or None.
        cover: a cover picture or thumbnails.
        default: a player chooses it unasked.
    """

    index: int
    kind: str
    codec: str
    language: str | None = None
    title: str | None = None
    cover: bool = False
    default: bool = False


@dataclass(frozen=True)
class Chapter:
    """A chapter mark; times in seconds as the file stores them (before `VideoInfo.origin` is taken off)."""

    start: Fraction
    end: Fraction
    title: str | None = None


@dataclass(frozen=True)
class VideoInfo:
    """A video file at a glance.

    Attributes:
        path: the file.
        container: FFmpeg's demuxer name, e.g. "mov,mp4,m4a,3gp,3g2,mj2".
        video_index: stream index of the video in the file.
        codec: FFmpeg's codec name, e.g. "h264".
        width: stored width in pixels.
        height: stored height in pixels.
        rotation: counter-clockwise quarter turns (0..3) that bring the stored picture upright, as in `Frame`.
        display_matrix: the exact matrix (nine integers, see `display_matrix.py`), None when the file has none.
        pixel_format: of the decoded pictures, e.g. "yuv420p10le".
        bit_depth: bits a component.
        sample_aspect_ratio: width over height of a pixel, None when not said.
        color_range: FFmpeg's AVColorRange (0 = not said, 1 = limited, 2 = full).
        color_primaries: AVColorPrimaries (2 = not said).
        color_trc: AVColorTransferCharacteristic (2 = not said).
        colorspace: AVColorSpace, the matrix (2 = not said).
        time_base: seconds per unit of the video's timestamps.
        average_rate: frames a second on average, None when unknown.
        origin: seconds that the file's timestamps run ahead of what a player shows: 0 for most, 1.4 or so for
            MPEG-TS. `Frame.time`, `--start` and `--end` are times of the player; pts * time_base = time + origin.
        start_time: seconds (player's timeline) at which the video begins; later than 0 when sound comes first.
        duration: seconds of the video stream, None when the file does not say.
        declared_frames: frames that the file says it holds, None when it does not say.
        chapters: chapter marks.
        tracks: the other streams.
        hdr: HDR tags, None when there are none.
        telltales: what could give people away beside the picture.
    """

    path: Path
    container: str
    video_index: int
    codec: str
    width: int
    height: int
    rotation: int
    display_matrix: tuple[int, ...] | None
    pixel_format: str
    bit_depth: int
    sample_aspect_ratio: Fraction | None
    color_range: int
    color_primaries: int
    color_trc: int
    colorspace: int
    time_base: Fraction
    average_rate: Fraction | None
    origin: Fraction
    start_time: float
    duration: float | None
    declared_frames: int | None
    chapters: tuple[Chapter, ...]
    tracks: tuple[Track, ...]
    hdr: HdrTags | None
    telltales: tuple[Telltale, ...]

    @property
    def display_size(self) -> tuple[int, int]:
        """(height, width) as a viewer sees it, before the sample aspect ratio."""
        size = (self.height, self.width)
        return size if self.rotation % 2 == 0 else size[::-1]

    @property
    def has_audio(self) -> bool:
        """Whether there is a sound track."""
        return any(track.kind == "audio" for track in self.tracks)


def probe(path: str | Path) -> VideoInfo:
    """Look at a file: its streams, tags, and the first picture that decodes.

    Raises:
        UserError: it is not a video that can be read (see `source.open_source`), holds no video stream, or none of
            its first pictures decodes.
    """
    path = Path(path)
    with open_source(path) as container:
        stream = video_stream(container, path)
        picture = _first_picture(container, stream)
        if picture is None:
            raise UserError(f"{path}: its video ({stream.codec_context.name}) does not decode; the file is damaged")
        return _describe(path, container, stream, picture)


def _describe(path: Path, container: InputContainer, stream: VideoStream, picture: av.VideoFrame) -> VideoInfo:
    side_data = _side_data(picture)
    matrix = _matrix(side_data, picture)
    pixel_format = VideoFormat(picture.format.name)
    time_base = stream.time_base or Fraction(1, 1000)
    origin = max(Fraction(0), Fraction(container.start_time or 0, av.time_base))
    start = stream.start_time if stream.start_time is not None else (picture.pts or 0)
    return VideoInfo(
        path=path,
        container=container.format.name,
        video_index=stream.index,
        codec=stream.codec_context.codec.canonical_name,
        width=picture.width,
        height=picture.height,
        rotation=0 if matrix is None else display_matrix.quarter_turns(matrix),
        display_matrix=matrix,
        pixel_format=pixel_format.name,
        bit_depth=max(component.bits for component in pixel_format.components),
        sample_aspect_ratio=stream.sample_aspect_ratio or None,
        color_range=int(picture.color_range),
        color_primaries=int(picture.color_primaries),
        color_trc=int(picture.color_trc),
        colorspace=int(picture.colorspace),
        time_base=time_base,
        average_rate=stream.average_rate or None,
        origin=origin,
        start_time=float(start * time_base - origin),
        duration=_duration(container, stream),
        declared_frames=stream.frames or None,
        chapters=tuple(_chapters(container)),
        tracks=tuple(_track(other) for other in container.streams if other.index != stream.index),
        hdr=hdr_tags(side_data),
        telltales=find_telltales(container, stream, side_data),
    )


def _first_picture(container: InputContainer, stream: VideoStream) -> av.VideoFrame | None:
    """The first picture that decodes without complaint; if none does, one that decodes at all."""
    doubtful = None
    for packet in itertools.islice(_packets(container, stream), FIRST_PACKETS):
        try:
            pictures = stream.decode(packet)
        except av.error.FFmpegError:
            continue
        for picture in pictures:
            if not picture.is_corrupt:
                return picture
            doubtful = doubtful or picture
    return doubtful


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[av.Packet | None]:
    """Packets until the end or the first unreadable one, then one that flushes the decoder."""
    try:
        yield from container.demux(stream)
    except av.error.FFmpegError:
        yield None


def _side_data(picture: av.VideoFrame) -> dict[str, bytes]:
    try:
        items = cast(Iterable[SideData], picture.side_data)  # a mapping that iterates over its values
        return {item.type.name: bytes(item) for item in items}
    except ValueError:  # a kind of side data newer than PyAV's list: then only the rotation can be had
        return {}


def _matrix(side_data: dict[str, bytes], picture: av.VideoFrame) -> tuple[int, ...] | None:
    data = side_data.get("DISPLAYMATRIX")
    if data is not None:
        matrix = display_matrix.unpack(data)
    elif picture.rotation:
        matrix = display_matrix.from_degrees(picture.rotation)
    else:
        return None
    return None if matrix == display_matrix.from_degrees(0) else matrix


def _duration(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base:
        return float(stream.duration * stream.time_base)
    tag = stream.metadata.get("DURATION") or stream.metadata.get("duration")
    if tag:
        try:
            hours, minutes, seconds = tag.split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        except ValueError:
            pass  # a free text; the container may know
    return None if container.duration is None else container.duration / av.time_base


def _chapters(container: InputContainer) -> list[Chapter]:
    marks = []
    for chapter in container.chapters():
        unit = chapter["time_base"] or Fraction(1, av.time_base)
        marks.append(Chapter(chapter["start"] * unit, chapter["end"] * unit, chapter["metadata"].get("title")))
    return marks


def _track(stream: Stream) -> Track:
    context = stream.codec_context
    codec = context.codec.canonical_name if context is not None else (stream.name or "")
    return Track(
        index=stream.index,
        kind=stream.type,
        codec="" if stream.type == "attachment" else codec,
        language=stream.metadata.get("language"),
        title=stream.metadata.get("title"),
        cover=isinstance(stream, VideoStream) and is_cover(stream),
        default=bool(stream.disposition & Disposition.default),
    )
