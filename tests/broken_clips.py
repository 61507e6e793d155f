"""Clips for the tests of damage: long enough to break in many places, and the ways to break them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from media import ClipSpec, make

from common.video.frame import Frame

_COMMON = {"size": (144, 256), "frames": 45, "texture": 12}
_X264 = {"g": "15", "threads": "1", "crf": "28"}
_X265 = {"crf": "30", "x265-params": "log-level=none:pools=1:frame-threads=1:keyint=15"}
_FAST = {"movflags": "faststart"}

BREAKABLE: dict[str, ClipSpec] = {
    "h264_mp4": ClipSpec("h264.mp4", options=_X264, container_options=_FAST, **_COMMON),
    "h264_mkv": ClipSpec("h264.mkv", options=_X264, **_COMMON),
    "h264_ts": ClipSpec("h264.ts", options=_X264, **_COMMON),
    "hevc_mp4": ClipSpec("hevc.mp4", "libx265", options=_X265, container_options=_FAST, **_COMMON),
    "mpeg4_avi": ClipSpec("mpeg4.avi", "mpeg4", options={"g": "15", "qscale": "6"}, **_COMMON),
    "vp9_webm": ClipSpec("vp9.webm", "libvpx-vp9", options={"g": "15", "cpu-used": "8", "crf": "40"}, **_COMMON),
}


def places(data: bytes, count: int) -> list[int]:
    """`count` byte positions spread over a file, behind its headers."""
    return [len(data) * 45 // 100 + len(data) // 2 * step // count for step in range(count)]


def flipped(data: bytes, place: int) -> bytes:
    """Four bytes turned over."""
    return data[:place] + bytes(byte ^ 0x5A for byte in data[place : place + 4]) + data[place + 4 :]


def zeroed(data: bytes, place: int, length: int = 2500) -> bytes:
    """A stretch of zeros, as a lost block leaves it; not 16 transport packets, whose count would be right again."""
    length = min(length, len(data) - place)
    return data[:place] + bytes(length) + data[place + length :]


def fingerprint(frame: Frame) -> str:
    """Equal for equal pictures."""
    return hashlib.md5(b"".join(bytes(plane) for plane in frame.picture.planes)).hexdigest()


def broken_copies(name: str, folder: Path, count: int, how) -> Iterator[tuple[int, Path]]:
    """Yield (place, path) of copies of a clip, each broken at another place."""
    data = make(BREAKABLE[name], folder).read_bytes()
    path = folder / f"broken-{BREAKABLE[name].name}"
    for place in places(data, count):
        path.write_bytes(how(data, place))
        yield place, path
