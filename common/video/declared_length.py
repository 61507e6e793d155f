"""How long a file says it is, from the headers of MP4, Matroska, AVI and MPEG-TS, without decoding anything."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_SEGMENT = b"\x18\x53\x80\x67"
_EBML = b"\x1a\x45\xdf\xa3"
_MP4_FIRST = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"pnot", b"sidx")


def missing_bytes(path: Path) -> int:
    """Bytes by which the file is shorter than its headers say; 0 when it is whole or does not say."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(1024)
        if head[4:8] in _MP4_FIRST:
            end = _end_of_boxes(file, size)
        elif head[:4] == _EBML:
            end = _end_of_segment(file)
        elif head[:4] in (b"RIFF", b"RIFX") and head[8:12] == b"AVI ":
            end = _end_of_riff(file, size)
        else:
            end = _end_of_packets(head, size)
    return max(0, end - size)


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    """End of the last top-level box (ISO 14496-12, 4.2); boxes of size 0 reach to the end of the file."""
    place = 0
    while place + 8 <= size:
        file.seek(place)
        header = file.read(16)
        length = int.from_bytes(header[:4], "big")
        if not all(32 <= byte < 127 or byte == 0xA9 for byte in header[4:8]):
            return place  # not a box: bytes that somebody appended
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length < 8:
            return size
        place += length
    return place


def _end_of_segment(file: BinaryIO) -> int:
    """End of the Matroska segment; 0 when its size is unknown, as in live recordings (RFC 8794, 6.2)."""
    file.seek(4)
    header = _vint(file)
    if header is None:
        return 0
    file.seek(file.tell() + header)
    while True:
        name = file.read(4)
        if name == _SEGMENT:
            length = _vint(file)
            return 0 if length is None else file.tell() + length
        if name[:1] != b"\xec":  # only a void may stand before the segment
            return 0
        file.seek(file.tell() - 3)
        length = _vint(file)
        if length is None:
            return 0
        file.seek(file.tell() + length)


def _vint(file: BinaryIO) -> int | None:
    """A variable-size integer; None when it means "unknown" or is none."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & ((1 << (8 - width)) - 1)]) + file.read(width - 1), "big")
    return None if value == (1 << (7 * width)) - 1 else value


def _end_of_riff(file: BinaryIO, size: int) -> int:
    """End of the last RIFF chunk; large AVI files hold several."""
    place = end = 0
    while place + 12 <= size:
        file.seek(place)
        header = file.read(12)
        length = int.from_bytes(header[4:8], "little")
        if header[:4] not in (b"RIFF", b"RIFX") or length in (0, 0xFFFFFFFF):
            break
        end = place + 8 + length
        place = end + length % 2
    return end


def _end_of_packets(head: bytes, size: int) -> int:
    """End of the last transport packet: 188 bytes, 192 with a time stamp before, 204 with a check sum after."""
    for length, offset in ((188, 0), (192, 4), (204, 0)):
        if all(head[place : place + 1] == b"G" for place in range(offset, 4 * length, length)):
            return -(-size // length) * length
    return 0
