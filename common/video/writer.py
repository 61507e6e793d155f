"""Writing a clip: encodes the pictures it is given and copies every other track of the source beside them."""

from __future__ import annotations

import errno
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import OutputContainer
from av.video.reformatter import VideoReformatter

from common.errors import UserError
from common.video.chapters import chapters_within
from common.video.codecs import Encoding
from common.video.filters import FieldGraph, PaletteGraph, loops_of
from common.video.frame import Frame
from common.video.info import Track, VideoInfo
from common.video.plan import EncodeSettings, add_picture, open_encoder, plan_output
from common.video.source import open_source
from common.video.tracks import TrackCopier, Window, tags_of

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_WALL_CLOCKS = ("mpegts", "mpeg")  # containers whose timeline begins anywhere


class VideoWriter:
    """Context manager that writes pictures, and the source's other tracks in step with them.

        with VideoWriter(staged_path, target, info, EncodeSettings()) as writer:
            for frame in reader:
                writer.write(render(frame), frame)

    Left with an exception it closes its files, removes what it wrote and finishes nothing.

    Attributes:
        notes: what differs from the source, and why; complete when the block has been left.
        damaged: damage of the source's other tracks that came up while they were copied, in plain words; empty when
            there is none. It belongs to the source's damage: what could not be read is missing from the output.
    """

    def __init__(
        self,
        path: Path,
        target: Path,
        info: VideoInfo,
        settings: EncodeSettings | None = None,
        start: float | None = None,
        end: float | None = None,
    ) -> None:
        """Prepare to write.

        Args:
            path: where the bytes go (a staged temporary name).
            target: the final name; its suffix decides the container.
            info: the source, whose properties the output takes over and whose tracks are copied.
            settings: how to encode, and what to keep.
            start: seconds on the source's timeline where the fragment begins; None = the beginning.
            end: seconds on the source's timeline where the fragment ends; None = the end.
        """
        self.notes: list[str] = []
        self.damaged: list[str] = []
        self._path, self._target, self._info = Path(path), Path(target), info
        self._settings = settings or EncodeSettings()
        self._start, self._end = start, end
        self._output: OutputContainer | None = None
        self._copier: TrackCopier | None = None
        self._filter: PaletteGraph | FieldGraph | None = None
        self._reformatter = VideoReformatter()
        self._shift: Fraction | None = None  # units: seconds
        self._last_pts: int | None = None  # of the newest picture, units of the encoder
        self._last_length = 0
        self._moved = 0
        self._held: av.Packet | None = None  # the newest packet, until it is known not to be the last
        self._first_time: tuple[int, int] | None = None  # (decoding, presentation) of the first packet
        self._durations: dict[int, int] = {}

    def __enter__(self) -> Self:
        plan = plan_output(self._info, self._target, self._settings, self._start)
        self.encoding: Encoding = plan.encoding
        self.notes += plan.notes
        try:
            self._open(plan.tracks)
        except BaseException:
            self._abandon()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._abandon()
            return
        try:
            self._finish()
        except BaseException:
            self._abandon()
            raise
        self._release()

    def write(self, picture: av.VideoFrame, frame: Frame) -> None:
        """Encode one picture at the place in time of the frame it was made from.

        Args:
            picture: the rendered picture, stored orientation, of the source's size.
            frame: the decoded frame, whose timestamp and duration the picture gets.

        Raises:
            UserError: the disk is full, the folder cannot be written or the encoder gave up.
        """
        if self._shift is None:
            self._begin(frame)
        try:
            for ready in self._prepared(picture, frame):
                self._mux(self._video.encode(ready))
        except av.FFmpegError as error:
            raise self._explained(error) from error

    def _open(self, tracks: list[Track]) -> None:
        encoding, container = self.encoding, self.encoding.container
        options = {"fflags": "+bitexact"} | container.options
        if self._settings.keep_metadata and container.muxer in ("mp4", "mov"):
            if any(track.cover for track in tracks):
                self.notes.append(f"beside a cover picture {container.label} keeps the common tags only")
            else:
                options["movflags"] = "use_metadata_tags"
        if container.muxer == "gif":
            options["loop"] = str(loops_of(self._info.path) if self._info.codec == "gif" else 0)
        try:
            self._path.open("ab").close()
            self._output = av.open(f"file:{self._path}", "w", format=container.muxer, container_options=options)
        except OSError as error:
            raise self._explained(error) from error
        self._video = add_picture(self._output, self._info, encoding)
        self._copier = TrackCopier(self._info.path, tracks, self._output, container, self._settings.keep_metadata)
        open_encoder(self._video, encoding, self._settings)

    def _begin(self, frame: Frame) -> None:
        """Settle where the output's timeline lies, then write the header."""
        assert self._output is not None and self._copier is not None
        container = self.encoding.container
        first = frame.pts * frame.time_base
        zero = self._info.origin
        self._shift = self._timeline(first, zero, frame)
        begin = first if self._start else None
        end = None if self._end is None else zero + Fraction(self._end)
        source_tags, chapters = self._source_texts()
        if self._settings.keep_metadata:
            self._output.metadata.update(source_tags)
        if chapters and container.chapters:
            self._output.set_chapters(chapters_within(chapters, self._shift, begin, end))
        elif chapters:
            self.notes.append(f"{container.label} holds no chapters; the source's {len(chapters)} are left out")
        try:
            self._output.start_encoding()
        except (av.FFmpegError, OSError) as error:
            raise self._explained(error) from error
        self._copier.start(Window(self._shift, begin and min(begin, self._shift), end), seek=bool(self._start))

    def _timeline(self, first: Fraction, zero: Fraction, frame: Frame) -> Fraction:
        """Seconds that are taken off every timestamp of the source.

        A fragment begins at zero with its first picture. A whole clip keeps its times, late starts included, unless
        the source counts from an arbitrary moment (MPEG-TS) or the container can only begin at zero.
        """
        container = self.encoding.container
        if self._start:
            wanted = zero + Fraction(self._start)
            length = frame.duration * frame.time_base or Fraction(1, 10)
            return first if first - wanted <= length else wanted
        if not container.any_start:
            return first
        arbitrary = any(name in _WALL_CLOCKS for name in self._info.container.split(","))
        if arbitrary and container.muxer not in _WALL_CLOCKS and zero:
            self.notes.append(f"the timeline starts at 0, where the source counts from {float(zero):.3f} s")
            return zero
        return Fraction(0)

    def _source_texts(self) -> tuple[dict[str, str], list]:
        """The source's tags (less those the new file makes untrue) and chapters."""
        with open_source(self._info.path) as source:
            stale = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")
            tags = {key: value for key, value in source.metadata.items() if key.lower() not in stale}
            main = source.streams[self._info.video_index]
            self._video.metadata.update(tags_of(main, self._settings.keep_metadata))
            self._video.disposition = main.disposition
            return tags, source.chapters()

    def _prepared(self, picture: av.VideoFrame, frame: Frame) -> list[av.VideoFrame]:
        """The picture as the encoder wants it: pixel format, timestamp, duration and colour tags."""
        info = self._info
        ready = self._converted(picture)
        ready.pict_type = 0  # the source's own choice of I, P and B pictures would be forced upon the encoder
        ready.opaque = None  # freed by an encoder's thread, a Python object waits for the lock that closing it holds
        ready.color_range, ready.colorspace = info.color_range, info.colorspace
        ready.color_primaries, ready.color_trc = info.color_primaries, info.color_trc
        ready.time_base = unit = self._video.codec_context.time_base
        assert self._shift is not None
        time = frame.pts * frame.time_base - self._shift
        length = frame.duration * frame.time_base
        pts = round(time / unit)
        if self._last_pts is not None and pts <= self._last_pts:
            pts = self._last_pts + 1
            self._moved += 1
        if self._last_pts in self._durations:
            self._durations[self._last_pts] = pts - self._last_pts
        self._last_pts = ready.pts = pts
        self._last_length = max(round(length / unit), 1 if length else 0)
        self._durations[pts] = ready.duration = self._last_length
        return [ready] if self._filter is None else self._filter.convert(ready)

    def _converted(self, picture: av.VideoFrame) -> av.VideoFrame:
        """The picture in the encoder's pixel format; samples keep their values wherever the colour model stays."""
        wanted = self.encoding.pixel_format
        if self.encoding.codec == "gif":
            self._filter = self._filter or self._palettes(picture)
            return picture
        if picture.format.name != wanted:
            same = 2 if self._info.color_range == 2 else 1
            both = {"src_color_range": same, "dst_color_range": same} if not picture.format.is_rgb else {}
            picture = self._reformatter.reformat(picture, format=wanted, **both)
        if self.encoding.top_first is not None and self._filter is None:
            size, unit = (picture.height, picture.width), self._video.codec_context.time_base
            self._filter = FieldGraph(size, wanted, unit, self.encoding.top_first)
        return picture

    def _palettes(self, picture: av.VideoFrame) -> PaletteGraph:
        alpha = any(component.is_alpha for component in picture.format.components)
        unit = self._video.codec_context.time_base
        return PaletteGraph((picture.height, picture.width), picture.format.name, unit, alpha)

    def _mux(self, packets: list[av.Packet]) -> None:
        assert self._output is not None and self._copier is not None
        for packet in packets:
            held, self._held = self._held, packet
            if held is not None:
                self._pass_on(held)

    def _pass_on(self, packet: av.Packet, duration: int | None = None) -> None:
        """Write a packet after the sound that is due before it."""
        assert self._output is not None and self._copier is not None and packet.pts is not None
        known = self._durations.pop(packet.pts, packet.duration)
        packet.duration = known if duration is None else duration
        time = packet.pts if packet.dts is None else packet.dts
        if self._first_time is None:
            self._first_time = (time, packet.pts)
        self._copier.copy_until(time * packet.time_base)
        self._output.mux_one(packet)

    def _pass_on_last(self) -> None:
        """Write the last packet.

        MP4 stores decoding times only and takes the last packet's length for the end: it has to fill up what the
        pictures are shown for.
        """
        last, self._held = self._held, None
        if last is None or last.dts is None or self._last_pts is None:
            return
        duration = None
        if self.encoding.container.muxer in ("mp4", "mov") and self._first_time is not None:
            shown_until = self._last_pts + self._last_length
            first_dts, first_pts = self._first_time
            duration = max(first_dts + shown_until - first_pts - last.dts, 1)
        self._pass_on(last, duration)

    def _finish(self) -> None:
        if self._shift is None:
            raise UserError(f"{self._info.path}: no picture lies between --start and --end; nothing to write")
        assert self._output is not None and self._copier is not None
        try:
            for ready in self._filter.convert(None) if self._filter is not None else ():
                self._mux(self._video.encode(ready))
            self._mux(self._video.encode(None))
            self._pass_on_last()
            self._copier.copy_until(None)
            self._output.close()
        except (av.FFmpegError, OSError) as error:
            raise self._explained(error) from error
        self.damaged += self._copier.damaged
        if self._copier.left_out:
            label = self.encoding.container.label
            self.notes.append(
                f"{label} begins with the picture: {self._copier.left_out} packets before it are left out"
            )
        if self._moved:
            self.notes.append(f"{self._moved} pictures shared a time with the one before and were moved by one tick")

    def _abandon(self) -> None:
        """Close everything and leave no file behind; PyAV completes what it closes, so the name goes first."""
        if self._path.is_file():
            self._path.unlink()
        if self._output is not None:
            try:
                self._output.close()
            except (av.FFmpegError, OSError):
                pass  # the error that brought us here is the one to tell
        self._release()

    def _release(self) -> None:
        if self._copier is not None:
            self._copier.close()
        self._output = self._copier = self._filter = None

    def _explained(self, error: OSError | av.FFmpegError) -> UserError:
        reason = error.strerror or str(error)
        if error.errno in _FULL:
            return UserError(f"{self._target}: the disk is full or the file too large; free some space and run again")
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.EISDIR):
            return UserError(f"{self._target}: cannot be written ({reason.lower()}); choose another folder")
        return UserError(
            f"{self._target}: writing {self.encoding.container.label} with {self.encoding.codec} failed "
            f"({reason.lower()}); try another suffix or --codec"
        )
