"""Video encoders: which one a codec's name means, its quality settings, and what it lists as its own pixel formats."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
from av.codec.codec import UnknownCodecError
from av.video.codeccontext import VideoCodecContext

from common.errors import UserError

ENCODERS = {
    "h264": "libx264",
    "avc": "libx264",
    "x264": "libx264",
    "hevc": "libx265",
    "h265": "libx265",
    "x265": "libx265",
    "vp9": "libvpx-vp9",
    "av1": "libsvtav1",
    "prores": "prores_ks",
}


@dataclass(frozen=True)
class Quality:
    """How an encoder is told its quality.

    Attributes:
        defaults: options that give a picture nobody tells from the source, at real-time speed or better.
        crf: name of the option that --crf sets, None where there is none.
        preset: name of the option that --preset sets, None where there is none.
        lossless: options instead of the crf for a mathematically lossless stream, None where it cannot.
        range: lowest and highest value of --crf; beyond them encoders refuse, or take the limit without a word.
    """

    defaults: dict[str, str]
    crf: str | None = None
    preset: str | None = None
    lossless: dict[str, str] | None = None
    range: tuple[float, float] | None = None


_INTRA = Quality({}, lossless={})
_FFV1 = Quality({"level": "3", "coder": "1", "context": "0", "g": "1", "slices": "16", "slicecrc": "1"}, lossless={})
QUALITY: dict[str, Quality] = {
    "libx264": Quality({"crf": "18", "preset": "veryfast"}, "crf", "preset", {"qp": "0"}, (0, 51)),
    "libx264rgb": Quality({"crf": "18", "preset": "veryfast"}, "crf", "preset", {"qp": "0"}, (0, 51)),
    "libx265": Quality({"crf": "20", "preset": "superfast"}, "crf", "preset", {"x265-params": "lossless=1"}, (0, 51)),
    "libvpx-vp9": Quality(
        {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "8", "row-mt": "1", "lag-in-frames": "0"},
        "crf",
        "cpu-used",
        {"lossless": "1"},
        (0, 63),
    ),
    "libsvtav1": Quality({"crf": "22", "preset": "8"}, "crf", "preset", range=(0, 63)),
    "prores_ks": Quality({"vendor": "apl0", "qscale": "4"}, "qscale", range=(1, 31)),
    "mpeg4": Quality({"qscale": "2"}, "qscale", range=(1, 31)),
    "mpeg2video": Quality({"qscale": "2"}, "qscale", range=(1, 31)),
    "mjpeg": Quality({"qscale": "2"}, "qscale", range=(1, 31)),
    "ffv1": _FFV1,
    "qtrle": _INTRA,
    "png": _INTRA,
    "utvideo": _INTRA,
    "huffyuv": _INTRA,
    "ffvhuff": _INTRA,
    "gif": _INTRA,
}
_HARDWARE: dict[str, Quality] = {
    "nvenc": Quality({"rc": "vbr", "cq": "21", "b": "0", "preset": "p4"}, "cq", "preset", {"tune": "lossless"}),
    "qsv": Quality({"global_quality": "21", "preset": "fast"}, "global_quality", "preset"),
    "amf": Quality({"rc": "cqp", "qp_i": "20", "qp_p": "22"}, None, "preset"),
    "videotoolbox": Quality({"qscale": "65", "flags": "+qscale"}, "qscale"),
}


def encoder_named(codec: str) -> av.Codec:
    """Find the video encoder that a codec's or an encoder's name means.

    Raises:
        UserError: no such video encoder in this build of FFmpeg.
    """
    name = ENCODERS.get(codec.lower(), codec)
    try:
        found = av.Codec(name, "w")
    except UnknownCodecError:
        found = None
    if found is None or found.type != "video":
        raise UserError(f"no video encoder named {codec!r} here; choose one of {', '.join(available())}")
    return found


@cache
def available() -> tuple[str, ...]:
    """Codec names that can be encoded here: short names first, then the hardware encoders that open on this machine."""
    present = [short for short in ("h264", "hevc", "vp9", "av1", "prores") if ENCODERS[short] in av.codecs_available]
    own = [name for name in ("ffv1", "mpeg4", "mpeg2video", "mjpeg", "qtrle", "png", "utvideo") if _encodes(name)]
    hardware = sorted(name for name in av.codecs_available if name.rpartition("_")[2] in _HARDWARE and _opens(name))
    return (*present, *own, *hardware)


def _encodes(name: str) -> bool:
    try:
        return av.Codec(name, "w").type == "video"
    except UnknownCodecError:
        return False


def _opens(name: str) -> bool:
    if not _encodes(name):
        return False
    context = av.CodecContext.create(name, "w")
    if not isinstance(context, VideoCodecContext):
        return False
    context.width, context.height, context.time_base = 640, 360, Fraction(1, 25)
    context.pix_fmt = next(iter(pixel_formats(context.codec)), "yuv420p")
    try:
        context.open()
    except (av.FFmpegError, ValueError):
        return False
    return True


def pixel_formats(encoder: av.Codec) -> list[str]:
    """Software pixel formats an encoder takes."""
    hardware = {"cuda", "vaapi", "qsv", "videotoolbox_vld", "d3d11", "d3d11va_vld", "d3d12", "vulkan", "amf"}
    return [known.name for known in encoder.video_formats or () if known.name not in hardware]


def quality_options(name: str, crf: float | None, preset: str | None, lossless: bool) -> dict[str, str]:
    """Options of an encoder for the wanted quality.

    Args:
        name: FFmpeg's name of the encoder.
        crf: constant quality in the encoder's own scale, lower is better; None = a default that looks like the source.
        preset: the encoder's own speed preset; None = a fast one.
        lossless: keep every sample as it is.

    Raises:
        UserError: the encoder has no such setting, or its scale no such value.
    """
    quality = QUALITY.get(name) or _HARDWARE.get(name.rpartition("_")[2]) or Quality({}, "crf", "preset")
    options = dict(quality.defaults)
    if lossless:
        if quality.lossless is None:
            raise UserError(f"the encoder {name} is never lossless; use --codec ffv1 or h264")
        options.pop(quality.crf or "", None)
        options.update(quality.lossless)
    asked = (("--crf", None if lossless else crf, quality.crf), ("--preset", preset, quality.preset))
    for flag, value, option in asked:
        if value is None:
            continue
        if option is None:
            raise UserError(f"the encoder {name} has no {flag} setting; leave {flag} away or choose another --codec")
        options[option] = f"{value:g}" if isinstance(value, float) else str(value)
    if quality.range is not None and crf is not None and not quality.range[0] <= crf <= quality.range[1]:
        low, high = quality.range
        raise UserError(f"--crf {crf:g}: expected a value from {low:g} to {high:g} for the encoder {name}")
    _quantiser(options)
    return options


def _quantiser(options: dict[str, str]) -> None:
    """`qscale` is FFmpeg's command line's word; the library wants a flag and a quality in lambda units (118 a step)."""
    if "qscale" in options:
        options["global_quality"] = str(round(float(options.pop("qscale")) * 118))
        options["flags"] = "+qscale"
