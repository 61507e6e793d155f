"""Small real clips for tests: every frame carries its number as a bit pattern, every sound track clicks at known times.

    path = make(ClipSpec(frames=30), folder)  # a clip of one's own; the usual matrix is in clips.py
    read_number(frame)                        # which frame is this, even after lossy coding
    click_times(path, track=0)                # when the sound clicks, in seconds of the file's timeline

The picture is a grid of 3 rows and 4 columns of flat luma blocks, one bit a block (most significant first), so
numbers run from 0 to 4095. Clicks are 20 ms tones that begin at every full half second (0.5, 1.0, ...).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import product
from pathlib import Path

import av
import numpy as np

from common.scheduling import kept_scheduling

GRID = (3, 4)  # rows, columns of bit blocks
LOW, HIGH = 60, 190  # luma of a 0 and a 1
CLICK_EVERY = 0.5  # seconds between clicks
CLICK_LENGTH = 0.02  # seconds


@dataclass(frozen=True)
class Sound:
    """One sound track: codec, language, tone of its clicks (Hz), samples a second, title."""

    codec: str = "aac"
    language: str = "eng"
    tone: int = 1000
    rate: int = 48000
    title: str | None = None


@dataclass(frozen=True)
class Words:
    """One subtitle track: codec and language; its lines are "line 0", "line 1", ... every 0.4 s."""

    codec: str = "mov_text"
    language: str = "eng"


@dataclass(frozen=True)
class ClipSpec:
    """What a clip is made of.

    Attributes:
        name: file name, suffix included where there is one.
        times: seconds of each frame; None = `frames` frames at `rate`.
        start: seconds added to every picture's time (sound still starts at 0).
        time_base: unit of the encoder's timestamps; None = 1 / rate for steady clips, 1/1000 with `times`.
        colors: (range, primaries, trc, matrix) as FFmpeg's numbers; 2 = unspecified.
        container: FFmpeg's muxer name, None = from the suffix.
        data_track: FourCC of a telemetry track, e.g. "gpmd".
        cover: a JPEG cover picture (mp4, mov: covr; mkv: attachment).
    """

    name: str = "clip.mp4"
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    size: tuple[int, int] = (64, 96)
    frames: int = 30
    rate: Fraction = Fraction(25)
    times: tuple[float, ...] | None = None
    start: float = 0.0
    time_base: Fraction | None = None
    display_matrix: tuple[int, ...] | None = None
    sample_aspect_ratio: Fraction | None = None
    colors: tuple[int, int, int, int] | None = None
    options: dict[str, str] = field(default_factory=dict)
    sounds: tuple[Sound, ...] = ()
    words: tuple[Words, ...] = ()
    chapters: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    video_metadata: dict[str, str] = field(default_factory=dict)
    container: str | None = None
    container_options: dict[str, str] = field(default_factory=dict)
    cover: bool = False
    attachment: bool = False
    data_track: str | None = None
    texture: int = 0
    interlaced: bool = False


def make(spec: ClipSpec, folder: Path) -> Path:
    """Write the clip into `folder`; returns its path. The same clip is encoded once in a test run, and copied after."""
    path = Path(folder) / spec.name
    if repr(spec) in _MADE:
        path.write_bytes(_MADE[repr(spec)])
    else:
        _write(spec, path)
        _MADE[repr(spec)] = path.read_bytes()
    return path


_MADE: dict[str, bytes] = {}


def _write(spec: ClipSpec, path: Path) -> None:
    container = av.open(
        f"file:{path}", "w", format=spec.container or None, container_options=dict(spec.container_options)
    )
    with container:
        container.metadata.update(spec.metadata)
        video = _video_stream(container, spec)
        sounds = [_sound_stream(container, sound) for sound in spec.sounds]
        words = [_words_stream(container, line) for line in spec.words]
        extras = _extra_streams(container, spec)
        if spec.chapters:
            container.set_chapters(_chapters(spec))
        packets = _video_packets(video, spec)
        seconds = frame_times(spec)[-1] + spec.start + 1 / float(spec.rate)
        for stream, sound in zip(sounds, spec.sounds, strict=True):
            packets += _sound_packets(stream, sound, seconds)
        container.start_encoding()
        for stream, line in zip(words, spec.words, strict=True):
            packets += _words_packets(stream, line, seconds)
        for stream, payloads in extras:
            packets += _data_packets(stream, payloads)
        for packet in sorted(packets, key=lambda packet: float(packet.dts * packet.time_base)):
            container.mux(packet)


def frame_times(spec: ClipSpec) -> list[float]:
    """Seconds of each frame before `spec.start` is added."""
    if spec.times is not None:
        return list(spec.times)
    return [float(number / spec.rate) for number in range(spec.frames)]


def draw(number: int, spec: ClipSpec) -> av.VideoFrame:
    """Picture `number` in the clip's pixel format: the bit grid in a steady colour, and noise of `texture` levels."""
    height, width = spec.size
    luma = np.full((height, width), LOW, np.float32)
    for place, block in enumerate(reversed(_blocks(height, width))):
        if number >> place & 1:
            luma[block] = HIGH
    if spec.texture:
        luma += np.random.default_rng(number).integers(-spec.texture, spec.texture + 1, luma.shape)
    planes = np.stack([luma, np.full_like(luma, 110), np.full_like(luma, 150)], axis=-1) * 256
    frame = av.VideoFrame.from_ndarray(planes.astype(np.uint16), format="yuv444p16le")
    full = int(spec.pixel_format.startswith("yuvj")) + 1
    return frame.reformat(format=spec.pixel_format, src_color_range=full, dst_color_range=full)


def read_number(picture: av.VideoFrame | np.ndarray) -> int:
    """The number that a picture carries (stored orientation); a (H, W) luma or gray array will do as well."""
    gray = picture.to_ndarray(format="gray") if isinstance(picture, av.VideoFrame) else picture
    number = 0
    for block in _blocks(*gray.shape, inset=2):
        number = number << 1 | int(gray[block].mean() > (LOW + HIGH) / 2)
    return number


@cache
def _blocks(height: int, width: int, inset: int = 0) -> list[tuple[slice, slice]]:
    """Rows and columns of each bit's block, the most significant bit first, without so many pixels at their edges."""
    rows, columns = (
        [slice(part[0] + inset, part[-1] + 1 - inset) for part in np.array_split(np.arange(side), count)]
        for side, count in zip((height, width), GRID, strict=True)
    )
    return list(product(rows, columns))


def click_times(path: Path, track: int = 0) -> list[float]:
    """Seconds at which the clicks of a sound track begin, on the file's own timeline."""
    onsets: list[float] = []
    with av.open(f"file:{path}") as container:
        last = -1.0
        for frame in container.decode(audio=track):
            samples = frame.to_ndarray().astype(np.float64)
            samples = (
                samples.max(axis=0) if frame.format.is_planar else samples.reshape(-1, len(frame.layout.channels))[:, 0]
            )
            scale = 32768 if frame.format.bytes == 2 else 2147483648 if frame.format.name[:3] == "s32" else 1
            for place in np.flatnonzero(np.abs(samples) / scale > 0.2):
                time = frame.time + place / frame.sample_rate
                if time - last > 0.2:
                    onsets.append(float(time))
                last = time
    return onsets


def packets_of(path: Path, kind: str, track: int = 0) -> list[tuple[float, bytes]]:
    """(seconds, payload) of every packet of the `track`-th stream of a kind ("audio", "subtitles"...)."""
    with av.open(f"file:{path}") as container:
        stream = getattr(container.streams, kind)[track]
        return [(float(p.pts * p.time_base), bytes(p)) for p in container.demux(stream) if p.pts is not None and p.size]


def cover_jpeg() -> bytes:
    """A small JPEG, as a player would show it for the file."""
    codec = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = 32, 32, "yuvj420p", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(np.full((48, 32), 128, np.uint8), format="yuvj420p")
    frame.pts = 0
    return b"".join(bytes(packet) for packet in codec.encode(frame) + codec.encode(None))


def _video_stream(container, spec: ClipSpec):
    # One thread: some encoders cut a picture into as many slices as there are cores, and x264's threads are not steady.
    stream = container.add_stream(spec.codec, rate=spec.rate, options={"threads": "1", **spec.options})
    stream.height, stream.width = spec.size
    stream.pix_fmt = spec.pixel_format
    stream.codec_context.time_base = _time_base(spec)
    stream.metadata.update(spec.video_metadata)
    if spec.sample_aspect_ratio:
        stream.codec_context.sample_aspect_ratio = spec.sample_aspect_ratio
    if spec.colors:
        context = stream.codec_context
        context.color_range, context.color_primaries, context.color_trc, context.colorspace = spec.colors
    if spec.display_matrix:
        stream.set_display_matrix(spec.display_matrix)
    if spec.interlaced:
        stream.codec_context.flags |= int(av.codec.context.Flags.interlaced_dct)
    return stream


def _time_base(spec: ClipSpec) -> Fraction:
    return spec.time_base or (Fraction(1, 1000) if spec.times else 1 / Fraction(spec.rate))


@kept_scheduling()
def _video_packets(stream, spec: ClipSpec) -> list[av.Packet]:
    base = _time_base(spec)
    packets = []
    for number, time in enumerate(frame_times(spec)):
        frame = draw(number, spec)
        frame.pts, frame.time_base = round((time + spec.start) / base), base
        if spec.colors:
            frame.color_range, frame.color_primaries, frame.color_trc, frame.colorspace = spec.colors
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _sound_stream(container, sound: Sound):
    stream = container.add_stream(sound.codec, rate=sound.rate, layout="mono")
    stream.metadata["language"] = sound.language
    if sound.title:
        stream.metadata["title"] = sound.title
    return stream


def _sound_packets(stream, sound: Sound, seconds: float) -> list[av.Packet]:
    places = np.arange(round(seconds * sound.rate))
    since = np.mod(places / sound.rate, CLICK_EVERY)
    loud = (places / sound.rate >= CLICK_EVERY) & (since < CLICK_LENGTH)
    samples = np.where(loud, np.cos(2 * np.pi * sound.tone * since) * 24000, 0).astype(np.int16)
    step = stream.codec_context.frame_size or 1024
    resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=sound.rate, frame_size=step)
    packets = []
    whole = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    whole.sample_rate, whole.pts, whole.time_base = sound.rate, 0, Fraction(1, sound.rate)
    for frame in resampler.resample(whole) + resampler.resample(None):
        packets += stream.encode(frame)
    return packets + stream.encode(None)


ASS_HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\nFormat: Name, Fontname, Fontsize\r\n"
    b"Style: Default,Arial,16\r\n\r\n[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, "
    b"MarginV, Effect, Text\r\n"
)


def _words_stream(container, line: Words):
    stream = container.add_stream(line.codec)
    stream.codec_context.subtitle_header = ASS_HEADER
    stream.codec_context.time_base = Fraction(1, 1000)
    stream.time_base = Fraction(1, 1000)
    stream.metadata["language"] = line.language
    return stream


def _words_packets(stream, line: Words, seconds: float) -> list[av.Packet]:
    packets = []
    for number in range(int(seconds / 0.4)):
        text = f"{number},0,Default,,0,0,0,,line {number}".encode()
        start = round(number * 400)
        packet = stream.codec_context.encode_subtitle(
            av.subtitles.subtitle.SubtitleSet.create(text=text, start=0, end=300, pts=start)
        )
        packet.pts = packet.dts = start
        packet.duration, packet.time_base, packet.stream = 300, Fraction(1, 1000), stream
        packets.append(packet)
    return packets


def _extra_streams(container, spec: ClipSpec) -> list:
    extras = []
    if spec.data_track:
        stream = container.add_data_stream("bin_data")
        stream.time_base = Fraction(1, 1000)
        stream.codec_tag = spec.data_track
        extras.append((stream, [f"GPS5 {number} 48.13 11.57".encode() for number in range(3)]))
    if spec.cover and Path(spec.name).suffix == ".mkv":
        container.add_attachment("cover.jpg", "image/jpeg", cover_jpeg())
    elif spec.cover:
        stream = container.add_mux_stream("mjpeg", width=32, height=32)
        stream.disposition = av.stream.Disposition.attached_pic
        extras.append((stream, [cover_jpeg()]))
    if spec.attachment:
        container.add_attachment("note.txt", "text/plain", b"filmed at home")
    return extras


def _data_packets(stream, payloads: list[bytes]) -> list[av.Packet]:
    packets = []
    for number, payload in enumerate(payloads):
        packet = av.Packet(payload)
        packet.pts = packet.dts = number * 300
        packet.time_base, packet.stream, packet.duration = Fraction(1, 1000), stream, 300
        packet.is_keyframe = True
        packets.append(packet)
    return packets


def _chapters(spec: ClipSpec) -> list:
    half = round(frame_times(spec)[-1] * 500)
    return [
        {"id": 1, "start": 0, "end": half, "time_base": Fraction(1, 1000), "metadata": {"title": "first"}},
        {"id": 2, "start": half, "end": 2 * half, "time_base": Fraction(1, 1000), "metadata": {"title": "second"}},
    ]
