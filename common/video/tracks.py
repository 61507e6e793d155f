"""Copying the sound, the subtitles and, where asked for, the extras of a source into the output, packet by packet."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.stream import AttachmentStream, Discard, Disposition, Stream

from common.errors import UserError
from common.video.containers import Container, codecs_held, suffixes_holding
from common.video.info import Track, VideoInfo
from common.video.source import open_source, video_stream

_LEAD_IN = Fraction(1, 10)  # seconds of sound before a cut that decoders need to start cleanly
_SEEK_MARGIN = 60  # seconds before a fragment's start at which lines still shown may have begun
_INTERLEAVING = 10  # seconds after a fragment's end in which a muxer may still have stored packets due before it
_SURE = 3  # packets in a row that say so; a single one may carry a broken timestamp
_KEPT_TAGS = ("language", "title")
_CHAPTER_HANDLERS = ("SubtitleHandler", "TextHandler", "Core Media Text", "Apple Text Media Handler")
_STALE_TAGS = ("duration", "encoder", "bps", "number_of", "_statistics", "vendor_id", "alpha_mode")


@dataclass(frozen=True)
class Window:
    """Which stretch of the source is copied, in seconds of its raw timestamps.

    Attributes:
        shift: subtracted from every timestamp.
        begin: the first picture's time; None = from the very beginning.
        end: where the fragment ends; None = until the very end.
    """

    shift: Fraction = Fraction(0)
    begin: Fraction | None = None
    end: Fraction | None = None


@dataclass(frozen=True)
class Choice:
    """Which kinds of tracks are copied."""

    audio: bool = True
    subtitles: bool = True
    extras: bool = False  # covers, attachments, telemetry


def chosen_tracks(info: VideoInfo, container: Container, choice: Choice) -> tuple[list[Track], list[str]]:
    """Pick the tracks that are copied beside the picture.

    Returns:
        the tracks, and notes about what stays behind.

    Raises:
        UserError: the container cannot hold a track that was to be copied.
    """
    kept, notes = [], []
    with open_source(info.path) as source:
        for track in info.tracks:
            wanted = {"audio": choice.audio, "subtitle": choice.subtitles}.get(track.kind, choice.extras)
            if track.kind == "video" and not track.cover:
                notes.append(
                    f"track {track.index}: a second picture ({track.codec}) is left out, as nothing in it is hidden"
                )
            elif wanted and not _made_anew(source.streams[track.index], container):
                problem = _problem(source.streams[track.index], track, container)
                if problem is None:
                    kept.append(track)
                elif track.kind in ("audio", "subtitle"):
                    raise UserError(problem)
                else:
                    notes.append(problem)
    if not container.languages and any(track.language not in (None, "und") for track in kept):
        notes.append(f"{container.label} does not say which language a track is in")
    return kept, notes


def _made_anew(stream: Stream, container: Container) -> bool:
    """Whether the muxer writes such a track itself: MP4's timecodes and chapters come from tags."""
    if stream.type != "data" or container.muxer not in ("mp4", "mov"):
        return False
    chapters = isinstance(stream.container, InputContainer) and bool(stream.container.chapters())
    return "timecode" in stream.metadata or (chapters and stream.metadata.get("handler_name") in _CHAPTER_HANDLERS)


def _problem(stream: Stream, track: Track, container: Container) -> str | None:
    """Why a container cannot hold a track, or None; found by writing a header with it into memory."""
    try:
        held = track.kind not in ("audio", "subtitle") or _canonical(stream) in codecs_held(container.muxer)
        if held:
            with av.open(io.BytesIO(), "w", format=container.muxer, container_options=container.options) as scratch:
                add_copy(scratch, stream, keep_all=False)
                scratch.start_encoding()
            return None
    except (av.FFmpegError, ValueError):
        pass
    flag = {"audio": "--audio drop", "subtitle": "--subtitles drop"}.get(track.kind, "")
    others = [suffix for suffix in suffixes_holding(_canonical(stream)) if suffix] if stream.codec_context else []
    advice = f"use a {' or '.join(others[:3])} target" if others else "no container written here holds it"
    advice += f", or {flag}" if flag else ""
    language = f", {track.language}" if track.language else ""
    return f"track {track.index} ({track.kind}, {track.codec}{language}) cannot be kept in {container.label}; {advice}"


def _canonical(stream: Stream) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context else ""


def add_copy(output: OutputContainer, stream: Stream, keep_all: bool) -> Stream:
    """Add a stream to `output` that takes `stream`'s packets as they are; language, title and disposition kept."""
    if isinstance(stream, AttachmentStream):
        name, mimetype = stream.name or "attachment", stream.mimetype or "application/octet-stream"
        return output.add_attachment(name, mimetype, stream.data)
    if stream.disposition & Disposition.attached_pic and output.format.name == "matroska":
        kind = "png" if stream.name == "png" else "jpeg"  # Matroska keeps covers as attached files
        return output.add_attachment(f"cover.{kind.replace('e', '')}", f"image/{kind}", _cover(stream))
    copy = output.add_stream_from_template(stream, opaque=True)
    copy.disposition = stream.disposition
    copy.metadata.clear()
    copy.metadata.update(tags_of(stream, keep_all))
    return copy


def _cover(stream: Stream) -> bytes:
    with open_source(Path(stream.container.name.removeprefix("file:"))) as source:
        return next((bytes(packet) for packet in source.demux(source.streams[stream.index]) if packet.size), b"")


def tags_of(stream: Stream, keep_all: bool) -> dict[str, str]:
    """Tags of a stream that go into the output: language and title, or all but what the new file makes untrue."""
    if keep_all:
        return {key: value for key, value in stream.metadata.items() if not key.lower().startswith(_STALE_TAGS)}
    return {key: value for key, value in stream.metadata.items() if key.lower() in _KEPT_TAGS}


class TrackCopier:
    """Reads the kept tracks from a demuxer of their own and hands packets out as the picture's time moves on.

    Only one packet is held at a time, so memory does not depend on the clip's length and a subtitle track with
    nothing to say holds nobody up. The end of a fragment is found without reading on to the end of the file: the key
    frames of the video tell how far the file has got where sound and subtitles are silent.

    Attributes:
        left_out: packets before the first picture that the container cannot hold.
        damaged: what of the source could not be read, in plain words.
    """

    def __init__(
        self, path: Path, tracks: list[Track], output: OutputContainer, container: Container, keep_all: bool
    ) -> None:
        self.damaged: list[str] = []
        self.left_out = 0
        self._output, self._container = output, container
        self._source: InputContainer = open_source(path)
        self._pairs: dict[int, Stream] = {}
        for track in tracks:
            stream = self._source.streams[track.index]
            copy = add_copy(output, stream, keep_all)
            if not isinstance(copy, AttachmentStream):
                self._pairs[track.index] = copy
        for stream in self._source.streams:
            if stream.index not in self._pairs:
                stream.discard = Discard.all
        self._window = Window()
        self._strict = container.muxer not in ("matroska", "webm", "flv")
        self._last: dict[int, int] = {}
        self._packets: Iterator[tuple[Fraction, av.Packet]] = iter(())
        self._pending: tuple[Fraction, av.Packet] | None = None

    def start(self, window: Window, seek: bool) -> None:
        """Begin to copy; `seek` skips ahead to a little before the window where the file allows it."""
        self._window = window
        streams = [self._source.streams[index] for index in self._pairs]
        if not streams:
            return
        if window.end is not None:
            clock = video_stream(self._source, Path(self._source.name.removeprefix("file:")))
            clock.discard = Discard.nonkey
            streams.append(clock)
        if seek and window.begin is not None and window.begin > _SEEK_MARGIN:
            try:
                self._source.seek(int((window.begin - _SEEK_MARGIN) * 1_000_000))
            except av.FFmpegError:
                self._source.seek(0)
        self._packets = self._kept(streams)

    def copy_until(self, time: Fraction | None) -> None:
        """Hand out every packet due before the picture at `time` (seconds of the output); None = all the rest."""
        while True:
            if self._pending is None:
                self._pending = next(self._packets, None)
                if self._pending is None:
                    return
            due, packet = self._pending
            if time is not None and due > time:
                return
            self._pending = None
            self._output.mux_one(packet)

    def close(self) -> None:
        """Let go of the source."""
        self._source.close()

    def _demux(self, streams: list[Stream]) -> Iterator[av.Packet]:
        try:
            yield from self._source.demux(streams)
        except av.FFmpegError as error:
            self.damaged.append(f"sound and subtitles end early: they cannot be read further ({error.strerror})")

    def _kept(self, streams: list[Stream]) -> Iterator[tuple[Fraction, av.Packet]]:
        expected: dict[int, int] = {}
        past, far = dict.fromkeys(self._pairs, 0), 0  # packets in a row past the end, and far past it
        for packet in self._demux(streams):
            if packet.pts is None and packet.dts is None:
                if packet.size == 0:
                    continue  # the demuxer's mark for the end of a stream
                packet.pts = expected.get(packet.stream_index, 0)
            packet.pts = packet.dts if packet.pts is None else packet.pts
            packet.dts = packet.pts if packet.dts is None else packet.dts
            if packet.pts is None or packet.dts is None:
                continue
            expected[packet.stream_index] = packet.dts + (packet.duration or 0)
            late = self._late(packet)
            far = far + 1 if late > _INTERLEAVING else 0
            if packet.stream_index in past:
                past[packet.stream_index] = past[packet.stream_index] + 1 if late >= 0 else 0
            if far >= _SURE or min(past.values()) >= _SURE:
                return
            kept = self._place(packet) if packet.stream_index in self._pairs else None
            if kept is not None:
                yield kept

    def _late(self, packet: av.Packet) -> Fraction:
        """Seconds by which a packet is due after the window's end, below zero before it."""
        if self._window.end is None or packet.dts is None:
            return Fraction(-1)
        return packet.dts * packet.time_base - self._window.end

    def _place(self, packet: av.Packet) -> tuple[Fraction, av.Packet] | None:
        """Move a packet onto the output's timeline; None when it lies outside the window."""
        stream = packet.stream
        copy = self._pairs[stream.index]
        base = packet.time_base
        assert packet.pts is not None and packet.dts is not None
        start, length = packet.pts * base, (packet.duration or 0) * base
        if not self._inside(start, length, stream.type) or self._is_gap(packet, stream):
            return None
        shift = self._window.shift
        if stream.type == "subtitle":
            self._clip_line(packet, start, length)
        packet.pts -= round(shift / base)
        packet.dts -= round(shift / base)
        if packet.pts < 0 and not self._container.negative_times:
            self.left_out += 1  # mostly the silent lead-in of an encoder, which only some containers can hide
            return None
        packet.stream = copy
        due = packet.dts * base
        self._keep_order(packet, copy)
        return due, packet

    def _inside(self, start: Fraction, length: Fraction, kind: str) -> bool:
        window = self._window
        if window.end is not None and start >= window.end:
            return False
        if window.begin is None:
            return True
        if kind == "subtitle":
            return start + length > window.begin
        if kind == "video":
            return True  # a cover picture
        lead_in = _LEAD_IN if kind == "audio" and self._container.muxer in ("mp4", "mov") else 0
        return start >= window.begin - lead_in

    def _is_gap(self, packet: av.Packet, stream: Stream) -> bool:
        """Whether an MP4 subtitle packet only says that nothing is shown; the muxer writes such packets itself."""
        return packet.size == 2 and _canonical(stream) == "mov_text" and self._container.muxer in ("mp4", "mov")

    def _clip_line(self, packet: av.Packet, start: Fraction, length: Fraction) -> None:
        """Let a line of text that spans an edge of the fragment begin and end at that edge."""
        window, base = self._window, packet.time_base
        first = start if window.begin is None else max(start, window.begin)
        last = start + length if window.end is None else min(start + length, window.end)
        if (first, last) != (start, start + length):
            packet.pts = packet.dts = round(first / base)
            packet.duration = max(round((last - first) / base), 1)

    def _keep_order(self, packet: av.Packet, copy: Stream) -> None:
        """Most containers demand decoding times that grow; a source's slip is mended by one tick."""
        base = copy.time_base
        if base is None or packet.dts is None or packet.pts is None:
            return
        dts = round(packet.dts * packet.time_base / base)
        last = self._last.get(copy.index)
        if last is not None and (dts < last or (self._strict and dts == last)):
            pts = round(packet.pts * packet.time_base / base)
            duration = round((packet.duration or 0) * packet.time_base / base)
            dts = last + self._strict
            packet.pts, packet.dts, packet.duration, packet.time_base = max(pts, dts), dts, duration, base
        self._last[copy.index] = dts
