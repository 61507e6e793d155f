"""Choosing how the output is encoded so that nothing of the source is lost, or saying why it cannot be.

Eight-bit pictures go to H.264, deeper ones to HEVC, unless the container or the user says otherwise. The pixel format
is the source's own wherever the encoder takes it: then what lies outside the masks reaches the encoder untouched.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.codec.codec import PixFmtLoss, find_best_pix_fmt_of_list
from av.video.format import VideoFormat

from common.errors import UserError
from common.video.containers import Container, codecs_held, container_for, suffixes_holding
from common.video.encoders import encoder_named, pixel_formats, quality_options
from common.video.hdr import hdr_options, refuse_dynamic
from common.video.info import VideoInfo
from common.video.timing import is_opaque, is_steady, top_field_first

_QUARTER = {(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)}
_NO_ODD_SIZES = ("libx264", "libx264rgb", "libx265", "libsvtav1", "mpeg2video")
_OPAQUE = ("mp4", "mpegts", "flv", "webm")
_FIELD_CODERS = ("libx264", "mpeg2video", "prores_ks", "ffv1")
_WHOLE_ONLY = ("ffv1", "mjpeg", "png", "prores_ks", "qtrle", "utvideo", "huffyuv", "ffvhuff", "gif", "libvpx-vp9")


@dataclass(frozen=True)
class Encoding:
    """How the output will be written.

    Attributes:
        container: the container format.
        codec: FFmpeg's name of the encoder.
        pixel_format: what the encoder is fed.
        options: the encoder's options.
        notes: what will differ from the source, and why.
        top_first: fields are coded as fields, in this order; None = whole pictures.
    """

    container: Container
    codec: str
    pixel_format: str
    options: dict[str, str]
    notes: tuple[str, ...] = ()
    top_first: bool | None = None


@dataclass(frozen=True)
class Wanted:
    """What the user asks of the encoder; None = choose."""

    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    lossless: bool = False


def choose_encoding(
    info: VideoInfo, target: Path, codec: str | None = None, alpha: bool = False, wanted: Wanted | None = None
) -> Encoding:
    """Choose container, encoder, pixel format and options for a clip.

    Args:
        info: the source clip.
        target: the output's final name; its suffix decides the container, without one it is the source's.
        codec: "h264", "hevc", "vp9", "av1", "prores", "ffv1" or any encoder of this build by name; None = choose.
        alpha: the pictures carry an alpha channel that must be kept (cut-outs).
        wanted: quality settings; its `codec` holds where `codec` is None.

    Raises:
        UserError: the container or encoder cannot hold what the source has.
    """
    wanted = wanted or Wanted()
    container = container_for(target, info)
    refuse_dynamic(info.hdr)
    _refuse_geometry(info, container, target)
    if not container.uneven and not is_steady(info):
        raise UserError(f"{target}: {container.label} holds a steady frame rate only; use a .mkv or .mp4 target")
    source = _source_format(info, alpha, container)
    name = codec or wanted.codec
    encoder = encoder_named(name) if name else encoder_named(_default_encoder(source, container, wanted, target))
    _refuse_container(encoder, container, target)
    if encoder.name == "libx264" and _is_rgb(source):
        encoder = encoder_named("libx264rgb")
    _refuse_aspect(info, encoder, container, target)
    pixel_format, notes = _fitting_format(source, encoder, info)
    if encoder.name == "libx264rgb":
        notes.append(
            "pictures stay RGB, as in the source; browsers and QuickTime do not play such H.264, VLC and mpv do"
        )
    options = quality_options(encoder.name, wanted.crf, wanted.preset, wanted.lossless)
    if not container.negative_times and encoder.name not in _WHOLE_ONLY:
        options["bf"] = "0"  # pictures stored out of order would need timestamps below zero
    _special_options(info, encoder, pixel_format, alpha, options, notes)
    tagged = {info.color_primaries, info.color_trc, info.colorspace} != {2}
    if tagged and not container.colors and encoder.canonical_name not in ("h264", "hevc", "mpeg2video", "av1"):
        notes.append(
            f"{encoder.canonical_name} in {container.label} holds no colour tags; players will assume BT.601 or BT.709"
        )
    top_first = _fields(info, encoder, pixel_format, notes)
    if wanted.lossless and pixel_format != source and not _same_samples(source, pixel_format):
        raise UserError(f"{encoder.name} cannot keep {source} lossless; use --codec ffv1 with a .mkv target")
    return Encoding(container, encoder.name, pixel_format, options, tuple(notes), top_first)


def _special_options(
    info: VideoInfo, encoder: av.Codec, pixel_format: str, alpha: bool, options: dict[str, str], notes: list[str]
) -> None:
    """Add what single encoders need: HDR tags, silence, leave to code limited range as JPEG."""
    if alpha and info.hdr is not None:
        notes.append("the mastering display's HDR10 tags do not go into a cut-out")
    else:
        for option, value in hdr_options(info.hdr, encoder.name).items():
            options[option] = ":".join(filter(None, [options.get(option), value]))
    if encoder.name == "mjpeg" and not pixel_format.startswith("yuvj"):
        options["strict"] = "unofficial"  # limited range in JPEG
    if encoder.name == "libx265":
        options["x265-params"] = ":".join(filter(None, ["log-level=none", options.get("x265-params")]))


def _source_format(info: VideoInfo, alpha: bool, container: Container) -> str:
    """The pixel format that must be held; for cut-outs the source's with an alpha channel added."""
    name = "rgba" if info.pixel_format == "pal8" else info.pixel_format
    if not alpha and _components(name).alpha and container.muxer in _OPAQUE and is_opaque(info):
        return "rgb24" if _components(name).rgb else name.replace("yuva", "yuv")
    if not alpha or _components(name).alpha:
        return name
    kind = _components(name)
    if kind.rgb:
        return "rgba" if kind.depth <= 8 else "gbrap10le" if kind.depth <= 10 else "gbrap12le"
    chroma = {(2, 2): "420", (2, 1): "422"}.get(kind.subsampling, "444")
    return f"yuva{chroma}p" + ("" if kind.depth <= 8 else "10le" if kind.depth <= 10 else "12le")


@dataclass(frozen=True)
class _Components:
    """What a pixel format holds; `subsampling` = luma samples a chroma sample (horizontally, vertically)."""

    rgb: bool
    alpha: bool
    gray: bool
    depth: int
    subsampling: tuple[int, int]


def _components(name: str) -> _Components:
    kind = VideoFormat(name, 16, 16)
    alpha = any(component.is_alpha for component in kind.components) or name == "pal8"
    colors = [component for component in kind.components if not component.is_alpha]
    chroma = [component for component in colors if component.is_chroma]
    subsampling = (16 // chroma[0].width, 16 // chroma[0].height) if chroma else (1, 1)
    depth = max(component.bits for component in kind.components)
    return _Components(kind.is_rgb, alpha, len(colors) == 1 and not kind.is_rgb, depth, subsampling)


def _is_rgb(name: str) -> bool:
    return _components(name).rgb


def _same_samples(source: str, chosen: str) -> bool:
    """Whether every sample of `source` has its exact place in `chosen` (nv12 and yuv420p, say)."""
    one, other = _components(source), _components(chosen)
    return (one.rgb, one.depth, one.subsampling, one.gray) == (other.rgb, other.depth, other.subsampling, other.gray)


def _default_encoder(source: str, container: Container, wanted: Wanted, target: Path) -> str:
    """The encoder for a source's pixel format where the user named none."""
    kind = _components(source)
    if container.muxer == "gif":
        return "gif"
    if kind.alpha:
        in_mov = "qtrle" if kind.rgb and kind.depth <= 8 else "prores_ks"
        choice = {"mov": in_mov, "matroska": "ffv1", "webm": "libvpx-vp9", "avi": "ffv1"}
        if container.muxer not in choice:
            raise UserError(f"{target}: {container.label} holds no transparency; use a .mov, .mkv or .webm target")
        return choice[container.muxer]
    if container.muxer == "webm":
        return "libvpx-vp9" if kind.depth <= 8 else "libsvtav1"
    if container.muxer == "avi":  # FFmpeg reads H.264 back from AVI one picture late
        full = source.startswith("yuvj")
        return "mjpeg" if full else "mpeg4" if source == "yuv420p" and not wanted.lossless else "ffv1"
    if kind.depth > 12:
        return "ffv1"
    if kind.depth > 8:
        return "libx265"
    return "libx264rgb" if kind.rgb else "libx264"


def _refuse_container(encoder: av.Codec, container: Container, target: Path) -> None:
    if encoder.canonical_name not in codecs_held(container.muxer):
        others = ", ".join(suffixes_holding(encoder.canonical_name)) or "none of those written here"
        raise UserError(
            f"{target}: {container.label} does not hold {encoder.canonical_name}; "
            f"containers that do: {others}; choose another suffix or --codec"
        )


def _refuse_geometry(info: VideoInfo, container: Container, target: Path) -> None:
    matrix = info.display_matrix
    if matrix is None or container.turns == "any":
        return
    unit = 1 << 16
    turn = (matrix[0] / unit, matrix[1] / unit, matrix[3] / unit, matrix[4] / unit)
    if turn == (1, 0, 0, 1) or (container.turns == "quarter" and turn in _QUARTER):
        return
    raise UserError(
        f"{target}: the source is shown turned or mirrored and {container.label} cannot say so; "
        "use a .mp4 or .mov target"
    )


def _refuse_aspect(info: VideoInfo, encoder: av.Codec, container: Container, target: Path) -> None:
    square = info.sample_aspect_ratio in (None, 0, Fraction(1))
    if square or container.aspect or encoder.canonical_name in ("h264", "hevc", "mpeg2video"):
        return
    raise UserError(
        f"{target}: {encoder.canonical_name} in {container.label} cannot hold the source's sample aspect ratio "
        f"{info.sample_aspect_ratio}; use a .mp4 target or --codec h264"
    )


def _fitting_format(source: str, encoder: av.Codec, info: VideoInfo) -> tuple[str, list[str]]:
    """The encoder's pixel format that holds the source whole, and notes about what it does otherwise."""
    if encoder.name == "gif":
        notes = [] if info.codec == "gif" else ["GIF holds 256 colours a picture and times in hundredths of a second"]
        return "pal8", notes
    if not pixel_formats(encoder):  # some hardware encoders tell only when they open
        return source.replace("yuvj", "yuv"), []
    offered = [name for name in pixel_formats(encoder) if _holds_size(name, encoder, info)]
    if source in offered:
        return source, []
    if encoder.name == "libvpx-vp9" and _components(source).alpha and _components(source).depth <= 8:
        return "yuva420p", ["VP9 holds transparency with halved colour resolution only"]
    plain = source.replace("yuvj", "yuv")
    if plain in offered:
        return plain, []
    best = _least_loss(plain, offered)
    if best is None:
        raise UserError(
            f"the encoder {encoder.name} cannot hold the source's {source} pictures of "
            f"{info.width}x{info.height} whole; leave --codec away or use --codec ffv1 with a .mkv target"
        )
    if _same_samples(plain, best):
        return best, []
    odd = (info.width | info.height) & 1 and not _components(source).rgb
    why = f"{encoder.name} takes no odd size in {source}" if odd else f"{encoder.name} takes no {source}"
    return best, [f"pictures are coded as {best}: {why}"]


def _holds_size(name: str, encoder: av.Codec, info: VideoInfo) -> bool:
    if encoder.name not in _NO_ODD_SIZES and not encoder.name.startswith(("h264_", "hevc_")):
        return True
    across, down = _components(name).subsampling
    return info.width % across == 0 and info.height % down == 0


def _least_loss(source: str, offered: list[str]) -> str | None:
    """The offered format that loses no depth, chroma, alpha or colour model; the nearest of them."""
    lossy = PixFmtLoss.RESOLUTION | PixFmtLoss.DEPTH | PixFmtLoss.ALPHA | PixFmtLoss.CHROMA | PixFmtLoss.COLORQUANT
    kind = _components(source)
    whole = []
    for name in offered:
        other = _components(name)
        _, loss = find_best_pix_fmt_of_list([name], source, kind.alpha)
        if not loss & lossy and other.depth >= kind.depth and (other.rgb == kind.rgb or other.subsampling == (1, 1)):
            whole.append(name)
    whole.sort(key=lambda name: (_components(name).rgb != kind.rgb, not _same_samples(source, name)))
    preferred = [name for name in whole if _components(name).rgb == kind.rgb] or whole
    same = [name for name in preferred if _same_samples(source, name)]
    best, _ = find_best_pix_fmt_of_list(same or preferred, source, kind.alpha) if preferred else (None, None)
    return best.name if best is not None else None


def _fields(info: VideoInfo, encoder: av.Codec, pixel_format: str, notes: list[str]) -> bool | None:
    top_first = top_field_first(info)
    if top_first is None or encoder.name == "gif":
        return None
    rows = 4 if _components(pixel_format).subsampling[1] == 2 else 2
    if encoder.name in _FIELD_CODERS and info.height % rows == 0:
        return top_first
    notes.append(f"the source is interlaced; {encoder.name} codes both fields as one picture, which keeps every line")
    return None
