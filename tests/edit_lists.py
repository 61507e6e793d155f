"""Cutting an MP4 the way phones do: the samples stay, an edit list says from where on they are shown."""

from __future__ import annotations

from pathlib import Path


def cut_by_edit_list(source: Path, target: Path, start: float) -> Path:
    """Move the beginning of the first edit of every track to `start` seconds later."""
    data = bytearray(source.read_bytes())
    place = data.find(b"elst")
    while place >= 0:
        # elst: version and flags, count, then (duration, media time, rate), 4 bytes each in version 0
        timescale = _timescale_of_track(data, place)
        entry = place + 12
        media_time = int.from_bytes(data[entry + 4 : entry + 8], "big") + round(start * timescale)
        data[entry + 4 : entry + 8] = media_time.to_bytes(4, "big")
        length = int.from_bytes(data[entry : entry + 4], "big") - round(start * 1000)
        data[entry : entry + 4] = length.to_bytes(4, "big")
        place = data.find(b"elst", place + 4)
    target.write_bytes(data)
    return target


def _timescale_of_track(data: bytearray, place: int) -> int:
    header = data.find(b"mdhd", place)  # version 0: flags, created, changed, then the time scale
    return int.from_bytes(data[header + 16 : header + 20], "big")
