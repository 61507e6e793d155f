"""Containers that can be written: which suffix means which, and what each of them cannot hold."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import av

from common.errors import UserError
from common.video.info import VideoInfo


@dataclass(frozen=True)
class Container:
    """A container format and its limits.

    Attributes:
        muxer: FFmpeg's name of the muxer.
        label: what messages call it.
        options: muxer options it is always opened with.
        negative_times: it can hold timestamps below zero, so pictures may be stored out of order (B-frames) and
            still be shown at the source's very times.
        any_start: its timeline may begin elsewhere than at zero.
        uneven: it holds a variable frame rate.
        turns: it holds a display matrix: "any", "quarter" (turns by 90 degrees only) or "none".
        chapters: it holds chapter marks.
        colors: it holds colour tags, whatever the codec.
        languages: it holds the languages of tracks.
        aspect: it holds the sample aspect ratio itself, whatever the codec.
    """

    muxer: str
    label: str
    options: dict[str, str] = field(default_factory=dict)
    negative_times: bool = True
    any_start: bool = True
    uneven: bool = True
    turns: str = "none"
    aspect: bool = True
    chapters: bool = False
    colors: bool = False
    languages: bool = True


MP4 = Container("mp4", "MP4", turns="any", chapters=True, colors=True)
MOV = Container("mov", "QuickTime (.mov)", turns="any", chapters=True, colors=True)
# Without the option the muxer moves the whole clip by the length of an AAC or Opus track's silent lead-in.
_AS_IS = {"avoid_negative_ts": "disabled"}
MKV = Container("matroska", "Matroska (.mkv)", _AS_IS, turns="quarter", aspect=False, chapters=True, colors=True)
WEBM = Container("webm", "WebM", _AS_IS, turns="quarter", aspect=False, chapters=True, colors=True)
AVI = Container("avi", "AVI", negative_times=False, any_start=False, uneven=False, languages=False)
TS = Container("mpegts", "MPEG-TS", {"mpegts_copyts": "1"}, negative_times=False, aspect=False)
M2TS = Container(
    "mpegts", "MPEG-TS (.m2ts)", {"mpegts_copyts": "1", "mpegts_m2ts_mode": "1"}, negative_times=False, aspect=False
)
FLV = Container("flv", "Flash video", negative_times=False, aspect=False, languages=False)
GIF = Container("gif", "GIF", any_start=False, aspect=False)

SUFFIXES: dict[str, Container] = {
    ".mp4": MP4,
    ".m4v": MP4,
    ".mov": MOV,
    ".qt": MOV,
    ".mkv": MKV,
    ".webm": WEBM,
    ".avi": AVI,
    ".ts": TS,
    ".m2ts": M2TS,
    ".mts": M2TS,
    ".flv": FLV,
    ".gif": GIF,
}
_DEMUXERS: dict[str, Container] = {
    "mov": MP4,
    "mp4": MP4,
    "matroska": MKV,
    "webm": MKV,
    "avi": AVI,
    "mpegts": TS,
    "flv": FLV,
    "gif": GIF,
}
_IN_MPEGTS = frozenset(
    "h264 hevc mpeg1video mpeg2video mpeg4 aac aac_latm mp1 mp2 mp3 ac3 eac3 dts truehd opus s302m "
    "dvb_subtitle dvb_teletext hdmv_pgs_subtitle".split()
)
_LOOKS_LIKE_SUFFIX = re.compile(r"\.[a-z][a-z0-9]{1,4}", re.IGNORECASE)


def container_for(target: Path, info: VideoInfo) -> Container:
    """Find the container that a target's suffix names; without a suffix the source's own.

    Raises:
        UserError: the suffix is of no container that can be written, or the source's own cannot be.
    """
    known = SUFFIXES.get(target.suffix.lower())
    if known is not None:
        return known
    writable = ", ".join(SUFFIXES)
    if _LOOKS_LIKE_SUFFIX.fullmatch(target.suffix):
        raise UserError(f"{target}: cannot write {target.suffix} files; choose one of {writable}")
    source = SUFFIXES.get(Path(info.path).suffix.lower())
    own = _DEMUXERS.get(info.container.split(",")[0])
    if own is None:
        raise UserError(f"{target}: cannot write the source's container ({info.container}); add one of {writable}")
    return source if source is not None and _same_family(source, own) else own


def _same_family(one: Container, other: Container) -> bool:
    families = ({"mp4", "mov"}, {"matroska", "webm"}, {"mpegts"})
    return one.muxer == other.muxer or any({one.muxer, other.muxer} <= family for family in families)


@cache
def codecs_held(container: str) -> frozenset[str]:
    """Canonical names ("h264", "aac", ...) of the codecs that a muxer takes."""
    if container == "mpegts":  # FFmpeg's muxer writes any other codec as private data that nothing reads back
        return _IN_MPEGTS
    with av.open(io.BytesIO(), "w", format=container) as scratch:
        return frozenset(_canonical(name) for name in scratch.supported_codecs)


def suffixes_holding(codec: str) -> list[str]:
    """Suffixes of the containers that take a codec, given by its canonical name."""
    return [suffix for suffix, container in SUFFIXES.items() if codec in codecs_held(container.muxer)]


def _canonical(name: str) -> str:
    mode: Literal["r", "w"]
    for mode in ("w", "r"):
        try:
            return av.Codec(name, mode).canonical_name
        except av.codec.codec.UnknownCodecError:
            continue
    return name
