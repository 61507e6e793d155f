"""From packets to judged pictures: in presentation order, none left out, each with a verdict."""

from __future__ import annotations

import heapq
import itertools
import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import av
from av.codec.context import Flags
from av.container import InputContainer
from av.video.frame import PictureType
from av.video.stream import VideoStream

from common.video.damage import Damage
from common.video.ledger import REORDER, Ledger, Sent
from common.video.nal import PacketCheck
from common.video.structure import Span

READ_ERRORS = 10_000  # unreadable packets in a row after which the rest of a file is given up
# With frame threads FFmpeg reads a picture's error flags when it hands the picture out, perhaps before the thread that
# decodes it has set them. Held back by more pictures than there are threads, all flags are there.
H264_DELAY = 14
MOST_THREADS = 8
# One thread only: MPEG-4 and RealVideo hand out flags too early like H.264, without a way to hold pictures back;
# FFmpeg's HEVC decoder with frame threads now and then waits for ever for a reference that damage has swallowed.
_ONE_THREAD = frozenset({"mpeg4", "rv30", "rv40", "hevc"})
IMPRECISE = 2  # MPEG-TS: the mark "corrupt" may stand on a packet that ends where the gap begins
SKIPPED_BYTES = 32  # MPEG-4 and its kin say "same picture again" in a packet of a few bytes
_KEY_TYPES = (PictureType.I, PictureType.NONE)
_FIELD_ORDERS = (2, 3, 4, 5)  # AVFieldOrder of interlaced video
_NO_TIMES = frozenset({"h264", "hevc"})  # in AVI, whose B-frames carry no presentation times there


def available_cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass
class Judged:
    """A picture and its verdict.

    Attributes:
        index: place of its packet in decoding order.
        pts: presentation time in stream units.
        duration: in stream units, 0 when unknown.
        picture: as decoded, None where nothing came out.
        corrupt: why it cannot be trusted, or None.
    """

    index: int
    pts: int
    duration: int
    picture: av.VideoFrame | None
    corrupt: str | None = None


class _Tag:
    """Names the packet that a picture came from.

    PyAV finds such an object again by its address: a number, which Python shares between all who count, would be
    lost to one reader when another is done with it.
    """

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


class Decoding:
    """Decodes one video stream from where its container stands.

    Args:
        container: an opened file, perhaps after a seek.
        stream: the video in it.
        damage: where damage is counted.
        threads: decoder threads, 0 = as many as fit the machine.
        spans: broken places in the file (`structure.broken_spans`).
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        damage: Damage,
        threads: int = 0,
        spans: Sequence[Span] = (),
    ) -> None:
        context = stream.codec_context
        name = context.codec.canonical_name
        context.thread_type = "AUTO"
        context.thread_count = 1 if name in _ONE_THREAD else min(threads or available_cores() + 1, MOST_THREADS)
        if name == "h264":
            context.reorder_depth = H264_DELAY
        context.copy_opaque = True  # so that each picture names its packet
        context.flags |= int(Flags.output_corrupt)  # pictures that cannot be trusted are wanted, to keep the count
        self._check = PacketCheck(name, context.extradata)
        self._container = container
        self._stream = stream
        self._context = context
        self._damage = damage
        self._ledger = Ledger()
        self._held: deque[Judged] = deque()
        self.is_untimed = "avi" in container.format.name and context.codec.canonical_name in _NO_TIMES
        self._slots: list[int] = []
        self._first_key: tuple[int, int] | None = None
        self._last_pts: int | None = None
        self._last_leading = -1
        self._spans = deque(spans)
        self.starts_clean: bool | None = None  # whether the first picture stands for itself; None = none came yet
        self.packets = 0

    def pictures(self, packets: Iterator[av.Packet] | None = None) -> Iterator[Judged]:
        """Yield every picture, each once all it may build on is known.

        Args:
            packets: from a key frame that a seek has found to the end; None = all of the file.
        """
        if packets is not None:
            first = next(packets, None)
            packets = itertools.chain([] if first is None else [first], packets)
            while self._spans and first is not None and first.pos is not None and self._spans[0][0] <= first.pos:
                self._spans.popleft()  # before the seek: none of this reading's business
        for packet in packets if packets is not None else self.demux():
            self._feed(packet)
            yield from self._release()
        if self._spans:
            self._skip_spans(sys.maxsize)
            self._ledger.fail(self.packets, "data behind it is damaged")
        self._flush()
        yield from self._release(everything=True)

    def settle(self) -> None:
        """Let the decoder's threads come to rest.

        Each picture carries a Python object (`copy_opaque`). A thread that frees one waits for the interpreter's lock,
        which closing the decoder holds while it waits for the thread; draining it first does not hold the lock.
        """
        try:
            self._stream.decode(None)
        except av.error.FFmpegError:
            return  # it was drained before

    def demux(self) -> Iterator[av.Packet]:
        """Packets of the stream; goes on behind unreadable places."""
        failures = 0
        while failures < READ_ERRORS:
            try:
                for packet in self._container.demux(self._stream):
                    if packet.size:  # an empty packet means "end of stream" to a decoder
                        failures = 0
                        yield packet
                return
            except av.error.FFmpegError as error:
                failures += 1
                self._damage.note("parts of the file cannot be read")
                if not isinstance(error, av.error.InvalidDataError):
                    return  # the medium itself fails: it would go on for ever

    def _feed(self, packet: av.Packet) -> None:
        index, self.packets = self.packets, self.packets + 1
        pts = packet.pts if packet.pts is not None else packet.dts
        if packet.is_keyframe and self._first_key is None:
            self._first_key = (index, pts if pts is not None else -(1 << 62))
        if packet.is_corrupt or (self._check and self._check.is_broken(bytes(packet))):
            self._ledger.fail(index, "its data is damaged", reach=IMPRECISE)
        if self._spans and packet.pos is not None and packet.pos >= self._spans[0][0]:
            self._skip_spans(packet.pos)
            if index:
                self._ledger.fail(index, "data before it is damaged")
        time = None if self.is_untimed else pts
        if not packet.is_keyframe and self._is_leading(index, 1 << 62 if time is None else time):
            self._last_leading = index
        elif not packet.is_discard:
            if self.is_untimed and pts is not None:
                heapq.heappush(self._slots, pts)
            self._ledger.send(Sent(index, time, packet.duration or 0, self._may_be_silent(packet), self._ledger.errors))
        packet.opaque = _Tag(index)
        try:
            pictures = self._stream.decode(packet)
        except av.error.FFmpegError:
            self._error(index)
            return
        for picture in pictures:
            self._receive(picture)

    def _skip_spans(self, place: int) -> None:
        while self._spans and place >= self._spans[0][0]:
            start, end = self._spans.popleft()
            self._damage.note(f"{end - start} bytes from byte {start} on are damaged")

    def _flush(self) -> None:
        try:
            pictures = self._stream.decode(None)
        except av.error.FFmpegError:
            pictures = []
            self._error(self.packets)
        for picture in pictures:
            self._receive(picture)
        self._replace(self._ledger.close())

    def _error(self, index: int) -> None:
        """The decoder refused a packet: the one at `index`, or with threads one before it."""
        first = index - (self._context.thread_count or REORDER) + 1
        if first > self._last_leading:  # leading packets lack what they build on: of course they do not decode
            self._ledger.error(first, index, "does not decode")

    def _receive(self, picture: av.VideoFrame) -> None:
        tag = picture.opaque
        index = tag.index if isinstance(tag, _Tag) else self.packets - 1
        pts = self._time_of(picture)
        is_key = picture.key_frame and picture.pict_type in _KEY_TYPES
        flagged = picture.is_corrupt
        if self.starts_clean is None:
            self.starts_clean = is_key and not flagged
        is_leading = not is_key and self._is_leading(index, pts)
        if flagged and not is_leading:
            self._ledger.fail(index, "decoded with errors")
        lost = self._ledger.receive(index, pts, is_key and not flagged)
        if is_leading:
            self._damage.leading += 1
            return
        self._replace(lost)
        self._held.append(Judged(index, pts, picture.duration or 0, picture))

    def _time_of(self, picture: av.VideoFrame) -> int:
        if self.is_untimed and self._slots:
            return heapq.heappop(self._slots)
        if picture.pts is not None:
            return picture.pts
        if picture.dts is not None:
            return picture.dts
        last = self._held[-1].pts if self._held else self._last_pts
        return 0 if last is None else last + max(1, picture.duration)

    def _is_leading(self, index: int, pts: int) -> bool:
        """Whether a picture comes before the first key frame, so that what it builds on is not in the file."""
        return self._first_key is None or index < self._first_key[0] or pts < self._first_key[1]

    def _replace(self, lost: list[Sent]) -> None:
        """Put placeholders where packets yielded nothing."""
        for sent in lost:
            pts = heapq.heappop(self._slots) if self.is_untimed and self._slots else sent.pts
            if pts is None or self._is_leading(sent.index, pts):
                continue
            self._held.append(Judged(sent.index, pts, sent.duration, None, "does not decode"))

    def _release(self, everything: bool = False) -> Iterator[Judged]:
        limit = REORDER + self._context.thread_count
        while self._held and (everything or len(self._held) > limit or self._ledger.settled(self._held[0].index)):
            judged = self._held.popleft()
            if self._last_pts is not None and judged.pts <= self._last_pts:
                self._damage.shifted += 1
                judged.pts = self._last_pts + 1
            self._last_pts = judged.pts
            judged.corrupt = judged.corrupt or self._ledger.distrust(judged.index, judged.pts)
            self._ledger.forget(judged.index, judged.pts)
            yield judged

    def _may_be_silent(self, packet: av.Packet) -> bool:
        """Whether a packet may rightly yield no picture of its own."""
        name = self._context.codec.canonical_name
        if name == "vp8":
            return not memoryview(packet)[0] & 0x10  # show_frame, RFC 6386, 9.1
        if name == "vp9":
            return not memoryview(packet)[0] & 0x0A  # neither show_existing_frame nor show_frame, profiles 0 to 2
        if name == "h264" and self._context.field_order in _FIELD_ORDERS:
            return True  # may be the second field of a picture
        return packet.size <= SKIPPED_BYTES and name not in ("h264", "hevc", "av1")
