"""Places where the structure of a file is broken, so that a demuxer skips to the next sound place without a word.

MP4 keeps an index and MPEG-TS counts its packets, so gaps show there. Matroska and AVI only chain elements: after a
damaged one, frames are gone, later ones build on what was lost, and nothing marks them. So the chain is walked here,
headers only.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path

Span = tuple[int, int]  # first byte of a broken place, first byte behind it

_CLUSTER = 0x1F43B675
_SEGMENT = 0x18538067
# Level 1 and level 2 elements of RFC 9559 that may stand in a segment and in a cluster.
_IN_SEGMENT = frozenset(
    {0x114D9B74, 0x1549A966, 0x1654AE6B, _CLUSTER, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367, 0xEC, 0xBF}
)
_IN_CLUSTER = frozenset({0xE7, 0x5854, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF, 0xEC, 0xBF})
_EBML = b"\x1a\x45\xdf\xa3"
_AVI_CHUNK = re.compile(rb"\d\d(?:dc|db|wb|tx|pc|iv|sb)|ix\d\d|JUNK|LIST|RIFF|idx1|AVIX|[\x20-\x7e]{4}", re.DOTALL)
_AVI_DATA = re.compile(rb"\d\d(?:dc|db|wb)", re.DOTALL)


def broken_spans(path: Path) -> list[Span]:
    """Byte spans of Matroska and AVI files that no reader can make sense of; [] for other and for sound files.

    What is cut off at the end counts as missing (`declared_length`), not as broken.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] == _EBML:
            return _matroska(data, len(data))
        if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
            return _avi(data, len(data))
    return []


def _matroska(data: mmap.mmap, size: int) -> list[Span]:
    spans: list[Span] = []
    place = _first_element(data, size)
    in_cluster = False
    while place < size:
        name, length, start = _element(data, place, size)
        if name in _IN_SEGMENT and not (in_cluster and name in _IN_CLUSTER):
            in_cluster = name == _CLUSTER
            place = start if in_cluster or length is None else start + length
        elif in_cluster and name in _IN_CLUSTER and length is not None:
            place = start + length
        else:
            end = data.find(_CLUSTER.to_bytes(4, "big"), place + 1)
            end = size if end < 0 else end
            if size - place >= 12:  # a header cut off at the end of a truncated file is no broken one
                spans.append((place, end))
            place = end
    return spans


def _first_element(data: mmap.mmap, size: int) -> int:
    """Where the children of the segment begin."""
    place = 0
    while place < size:
        name, length, start = _element(data, place, size)
        if name == _SEGMENT:
            return start
        if name is None or length is None:
            break
        place = start + length
    found = data.find(_CLUSTER.to_bytes(4, "big"))
    return size if found < 0 else found


def _element(data: mmap.mmap, place: int, size: int) -> tuple[int | None, int | None, int]:
    """(id, length or None when unknown, first byte of the content) of the element at `place`; id None = no element."""
    first = data[place]
    width = 9 - first.bit_length()
    if first == 0 or width > 4 or place + width >= size:
        return None, None, place
    name = int.from_bytes(data[place : place + width], "big")
    place += width
    first = data[place]
    width = 9 - first.bit_length()
    if first == 0 or place + width > size:
        return None, None, place
    value = int.from_bytes(data[place : place + width], "big") & ((1 << (7 * width)) - 1)
    return name, None if value == (1 << (7 * width)) - 1 else value, place + width


def _avi(data: mmap.mmap, size: int) -> list[Span]:
    spans: list[Span] = []
    place = 0
    while place + 8 <= size:
        name = data[place : place + 4]
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        if _AVI_CHUNK.fullmatch(name) is None:
            end = _next_avi_chunk(data, place + 1, size)
            spans.append((place, end))
            place = end
        elif name in (b"RIFF", b"LIST") and data[place + 8 : place + 12] in (b"AVI ", b"AVIX", b"movi", b"rec "):
            place += 12
        else:
            place += 8 + length + length % 2
    return spans


def _next_avi_chunk(data: mmap.mmap, place: int, size: int) -> int:
    """The next data chunk that is followed by another sound one."""
    for found in _AVI_DATA.finditer(data, place):
        length = int.from_bytes(data[found.end() : found.end() + 4], "little")
        behind = found.end() + 4 + length + length % 2
        if behind == size or (behind < size and _AVI_CHUNK.fullmatch(data[behind : behind + 4])):
            return found.start()
    return size
