"""Reading a video: every frame once, in order, with its exact time, and with what is wrong with it (rows I1, I2, I23).

    with FrameReader("in.mp4", start=50, end=65) as reader:
        for frame in reader:
            ...
    if reader.damage:
        print(reader.damage.describe())

What damage means for the frames: one that does not decode is delivered at its time with a placeholder picture, so that
the count and the timestamps stay; it and every frame that may build on it, up to the next clean key frame, is marked
corrupt. A frame whose size changes is scaled to the first frame's size: where the shape stays (a stream that switched
its resolution) it is analysed like any other; where the shape differs too, it is marked corrupt and so covered whole.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from common.errors import UserError
from common.video.damage import Damage
from common.video.declared_length import missing_bytes
from common.video.decoding import Decoding, Judged
from common.video.frame import Frame
from common.video.info import probe
from common.video.source import open_source, video_stream
from common.video.structure import broken_spans

TOLERANCE = Fraction(1, 1_000_000)  # seconds by which a frame may miss `start` or `end`: float rounding
STEPS_BACK = (0, 1, 4, 16, 64)  # seconds before `start` at which a key frame is looked for
SAME_SHAPE = 0.02  # relative difference of width / height up to which a new size is a new resolution only
_INDEXED = frozenset({"mov", "avi"})  # demuxers that know all frames from an index


class FrameReader:
    """Reads the frames of a video; a context manager and an iterable that can be run through again.

    Attributes:
        info: what the file holds.
        damage: what was found wrong, of the reading in progress or of the last one; complete once it has ended.
    """

    def __init__(
        self, path: str | Path, start: float | None = None, end: float | None = None, threads: int = 0
    ) -> None:
        """Look at the file.

        Args:
            path: the video.
            start: seconds on the player's timeline of the first frame wanted, None = from the beginning.
            end: seconds; frames at this time and later are not wanted, None = to the end.
            threads: decoder threads, 0 = as many as fit the machine.

        Raises:
            UserError: not a readable video (see `probe`), or an impossible span.
        """
        self.path = Path(path)
        if start is not None and start < 0:
            raise UserError(f"--start {start:g}: expected 0 or more seconds")
        if end is not None and end <= (start or 0):
            raise UserError(f"--end {end:g}: expected a time after the start ({start or 0:g} s)")
        self._start = None if not start else Fraction(start)
        self._end = None if end is None else Fraction(end)
        self._threads = threads
        self.info = probe(self.path)
        self._unit, self._origin = float(self.info.time_base), float(self.info.origin)
        self.damage = Damage()
        self._running: Iterator[Frame] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading and close the file."""
        running, self._running = self._running, None
        if running is not None:
            running.close()  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[Frame]:
        """Read from the (chosen) beginning.

        Yields:
            Frames in presentation order.

        Raises:
            UserError: the span holds no frame.
        """
        self.close()
        self.damage = Damage()
        self._running = self._read()
        return self._running

    def _read(self) -> Iterator[Frame]:
        """Read from the nearest key frame that serves; earlier ones are tried where it does not."""
        steps = self._steps()
        spans = broken_spans(self.path)
        for seconds in steps:
            self.damage = Damage()
            with ExitStack() as stack:
                container = stack.enter_context(open_source(self.path))
                stream = video_stream(container, self.path)
                decoding = Decoding(container, stream, self.damage, self._threads, spans)
                stack.callback(decoding.settle)
                packets = None if seconds is None else self._seek(container, stream, decoding, seconds)
                if seconds is not None and packets is None:
                    continue
                frames = self._frames(stream, decoding, packets)
                first = next(frames, None)
                sound = first is not None and first.corrupt is None and decoding.starts_clean
                if not sound and seconds not in (None, STEPS_BACK[-1]):
                    continue  # damaged, or refreshed bit by bit: then it takes more than one "key frame" to be whole
                if first is not None:
                    yield first
                    yield from frames
                    return
                break
        raise UserError(f"{self.path}: no frame between {self._span()}; the video lasts {self._length()}")

    def _frames(self, stream: VideoStream, decoding: Decoding, packets: Iterator[av.Packet] | None) -> Iterator[Frame]:
        index = 0
        last: av.VideoFrame | None = None
        first_pts, end_pts = self._to_pts(self._start), self._to_pts(self._end)
        for judged in decoding.pictures(packets):
            if end_pts is not None and judged.pts >= end_pts:
                return
            if first_pts is None or judged.pts >= first_pts:
                yield self._frame(index, judged, last)
                index += 1
            last = judged.picture or last
        self._check_end(stream, decoding)

    def _to_pts(self, time: Fraction | None) -> int | None:
        """The first timestamp at or after a time of the player."""
        return None if time is None else math.ceil((time - TOLERANCE + self.info.origin) / self.info.time_base)

    def _frame(self, index: int, judged: Judged, last: av.VideoFrame | None) -> Frame:
        picture, corrupt = judged.picture, judged.corrupt
        if picture is None:
            picture = last or _black(self.info.width, self.info.height, self.info.pixel_format)
        else:
            self.damage.decoded += 1
        picture, misfit = self._fitted(picture)
        corrupt = corrupt or misfit
        self.damage.corrupt += corrupt is not None
        return Frame(
            index=index,
            pts=judged.pts,
            time_base=self.info.time_base,
            time=judged.pts * self._unit - self._origin,
            picture=picture,
            corrupt=corrupt,
            rotation=self.info.rotation,
            duration=judged.duration,
        )

    def _fitted(self, picture: av.VideoFrame) -> tuple[av.VideoFrame, str | None]:
        """The picture in the first one's size and format; the reason to distrust it when its shape has changed."""
        info = self.info
        size = (picture.width, picture.height)
        if size == (info.width, info.height) and picture.format.name == info.pixel_format:
            return picture, None
        self.damage.resized += 1
        fitted = picture.reformat(width=info.width, height=info.height, format=info.pixel_format)
        change = (size[0] * info.height) / (size[1] * info.width) - 1
        return fitted, f"its size is {size[0]}x{size[1]}" if abs(change) > SAME_SHAPE else None

    def _steps(self) -> list[int | None]:
        """Seconds before `start` at which to look for a key frame, one after the other; None = at the beginning."""
        if self._start is None:
            return [None]
        reach = self._start - Fraction(self.info.start_time)
        return [*(seconds for seconds in STEPS_BACK if seconds < reach), None]

    def _seek(
        self, container: InputContainer, stream: VideoStream, decoding: Decoding, seconds: int
    ) -> Iterator[av.Packet] | None:
        """Packets from a key frame that is shown no later than `start`; None when none is found this way."""
        if decoding.is_untimed or self._start is None:
            return None
        target = int((self._start + self.info.origin) / self.info.time_base)
        try:
            container.seek(target - int(seconds / self.info.time_base), stream=stream, backward=True)
        except av.error.FFmpegError:
            return None
        packets = decoding.demux()
        key = next((packet for packet in packets if packet.is_keyframe), None)
        if key is None or key.pts is None or key.pts > target:
            return None
        return itertools.chain([key], packets)

    def _check_end(self, stream: VideoStream, decoding: Decoding) -> None:
        """The file was read to its end: does it hold what it promises?"""
        lacking = missing_bytes(self.path)
        if lacking:
            self.damage.truncated = True
            self.damage.note(f"the file is {lacking} bytes shorter than its headers say")
        if self._start is not None or not _INDEXED & set(self.info.container.split(",")):
            return
        wanted = [entry for entry in stream.index_entries if entry.size > 0]
        self.damage.declared = sum(1 for entry in wanted if not entry.is_discard)
        self.damage.missing = max(0, len(wanted) - decoding.packets)

    def _span(self) -> str:
        start, end = float(self._start or 0), self._end
        return f"{start:g} s and the end" if end is None else f"{start:g} s and {float(end):g} s"

    def _length(self) -> str:
        return "an unknown time" if self.info.duration is None else f"{self.info.duration:.2f} s"


def _black(width: int, height: int, pixel_format: str) -> av.VideoFrame:
    """A black picture, for a video that begins with a frame that does not decode."""
    black = av.VideoFrame(width, height, "gray")
    for plane in black.planes:
        plane.update(bytes(plane.buffer_size))
    return black.reformat(format=pixel_format)
