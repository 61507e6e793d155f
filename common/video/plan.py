"""What writing would refuse, found out before any work is done, and how the encoder is set up."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.stream import VideoStream

from common.errors import UserError
from common.scheduling import kept_scheduling
from common.video.codecs import Encoding, Wanted, choose_encoding
from common.video.encoders import available
from common.video.info import Track, VideoInfo
from common.video.tracks import Choice, chosen_tracks


@dataclass
class EncodeSettings:
    """How the output is written.

    Attributes:
        codec: "h264", "hevc", "vp9", "av1", "prores", "ffv1" or an encoder's own name; None = chosen by the source.
        crf: constant quality in the encoder's scale, None = one that looks like the source.
        preset: the encoder's speed preset, None = a fast one.
        audio: "copy" or "drop".
        subtitles: "copy" or "drop".
        keep_metadata: also keep tags, telemetry, cover pictures and attachments.
        alpha: the pictures carry an alpha channel that must be kept.
        lossless: keep every sample of the pictures.
    """

    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    audio: str = "copy"
    subtitles: str = "copy"
    keep_metadata: bool = False
    alpha: bool = False
    lossless: bool = False


@dataclass(frozen=True)
class Plan:
    """How a clip will be written.

    Attributes:
        encoding: container, encoder and its options.
        tracks: what is copied beside the picture.
        notes: what will differ from the source, and why.
    """

    encoding: Encoding
    tracks: list[Track]
    notes: list[str]


def plan_output(info: VideoInfo, target: Path, settings: EncodeSettings, start: float | None = None) -> Plan:
    """Decide how a clip is written.

    Args:
        info: the source.
        target: final name of the output.
        settings: how to encode, and what to keep.
        start: seconds at which a fragment begins, None = the beginning.

    Raises:
        UserError: something of the source cannot be kept in this container or by this encoder.
    """
    wanted = Wanted(settings.codec, settings.crf, settings.preset, settings.lossless)
    encoding = choose_encoding(info, target, alpha=settings.alpha, wanted=wanted)
    if not start and not encoding.container.any_start:
        _refuse_late_start(info, target, encoding)
    choice = Choice(settings.audio == "copy", settings.subtitles == "copy", settings.keep_metadata)
    tracks, notes = chosen_tracks(info, encoding.container, choice)
    return Plan(encoding, tracks, [*encoding.notes, *notes])


def check_plan(info: VideoInfo, target: Path, settings: EncodeSettings, start: float | None = None) -> None:
    """Refuse a container, a track, an encoder or a setting of it that the writer would refuse.

    The encoder is opened with its final options, on an output in memory that is thrown away.

    Args:
        info: the source.
        target: final name of the output.
        settings: as the writer will get them.
        start: as the writer will get it.

    Raises:
        UserError: something of the source cannot be kept in this container or by this encoder, or the encoder does
            not open.
    """
    encoding = plan_output(info, target, settings, start).encoding
    with av.open(io.BytesIO(), "w", format=encoding.container.muxer) as scratch:
        open_encoder(add_picture(scratch, info, encoding), encoding, settings)


def add_picture(output: OutputContainer, info: VideoInfo, encoding: Encoding) -> VideoStream:
    """Add the stream of the pictures, set up but not yet opened."""
    rate = info.average_rate or Fraction(25)
    stream = output.add_stream(encoding.codec, rate=rate, options=dict(encoding.options))
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = info.width, info.height, encoding.pixel_format
    context = stream.codec_context
    context.time_base = stream.time_base = _unit(info, encoding, rate)
    context.thread_type = "AUTO"  # whole pictures in parallel: slices would cost quality
    context.flags |= int(Flags.frame_duration)
    if encoding.top_first is not None:
        context.field_order = 2 if encoding.top_first else 3
        context.flags |= int(Flags.interlaced_dct) | int(Flags.interlaced_me)
    if info.sample_aspect_ratio:
        context.sample_aspect_ratio = info.sample_aspect_ratio
    context.color_range, context.colorspace = info.color_range, info.colorspace
    context.color_primaries, context.color_trc = info.color_primaries, info.color_trc
    if encoding.codec == "libx265" and encoding.container.muxer in ("mp4", "mov"):
        context.codec_tag = "hvc1"  # Apple's players take no other
    if info.display_matrix is not None and encoding.container.turns != "none":
        stream.set_display_matrix(info.display_matrix)
    return stream


def open_encoder(stream: VideoStream, encoding: Encoding, settings: EncodeSettings) -> None:
    """Open the encoder of a stream that was set up.

    Raises:
        UserError: it does not open, for want of a device, or with this picture size, pixel format or setting.
    """
    if encoding.codec == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # errors only; the library knows no other way
    try:
        with kept_scheduling():
            stream.codec_context.open()
    except (av.FFmpegError, ValueError) as error:
        values = (("--crf", settings.crf), ("--preset", settings.preset))
        asked = " ".join(f"{flag} {value}" for flag, value in values if value is not None)
        raise UserError(
            f"the encoder {encoding.codec} does not open here for {stream.width}x{stream.height} "
            f"{encoding.pixel_format}{' with ' if asked else ''}{asked}: {getattr(error, 'strerror', error)}; "
            f"{'change that, or ' if asked else ''}choose a --codec that is available: {', '.join(available())}"
        ) from error


def _refuse_late_start(info: VideoInfo, target: Path, encoding: Encoding) -> None:
    late = info.start_time * float(info.average_rate or 25) > 1
    label = encoding.container.label
    if late and any(track.kind == "audio" for track in info.tracks):
        raise UserError(
            f"{target}: the picture begins {info.start_time:.3f} s after the sound and {label} "
            "holds no late start; use a .mkv or .mp4 target"
        )


def _unit(info: VideoInfo, encoding: Encoding, rate: Fraction) -> Fraction:
    """The unit of the encoder's timestamps: the source's own, so that none of them moves."""
    if encoding.container.muxer == "gif":
        return Fraction(1, 100)
    if not encoding.container.uneven or encoding.codec in ("mpeg4", "mpeg2video"):
        return 1 / rate
    return Fraction(info.time_base)
