"""Writing a clip anew with its own pictures, and what must then be the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import av
from media import read_number

from common.video.info import VideoInfo, probe
from common.video.reader import FrameReader
from common.video.writer import EncodeSettings, VideoWriter


def rewrite(
    source: Path,
    target: Path,
    settings: EncodeSettings | None = None,
    start: float | None = None,
    end: float | None = None,
) -> VideoWriter:
    """Decode `source` and write its pictures, unchanged, to `target`; returns the closed writer."""
    with FrameReader(source, start, end) as reader:
        with VideoWriter(target, target, reader.info, settings or EncodeSettings(), start, end) as writer:
            for frame in reader:
                writer.write(frame.picture, frame)
    return writer


@dataclass(frozen=True)
class Shown:
    """What a viewer gets from a file."""

    info: VideoInfo
    times: list[int]  # milliseconds
    numbers: list[int]
    end: float  # seconds, of the last picture


def shown(path: Path) -> Shown:
    """Decode a file written by `media.make` (or anew from one)."""
    with FrameReader(path) as reader:
        frames = [
            (round(float(frame.pts * frame.time_base) * 1000), read_number(frame.picture), frame) for frame in reader
        ]
    info, last = probe(path), frames[-1][2]
    end = float((last.pts + last.duration) * last.time_base)
    if info.container.startswith("mov") and info.duration is not None:
        # MP4 stores the lengths of decoding steps, not of pictures; the track's length says when the last one ends.
        end = frames[0][2].time + info.duration
    return Shown(info, [frame[0] for frame in frames], [frame[1] for frame in frames], end)


def payloads(path: Path, kind: str) -> list[list[str]]:
    """Hashes of the packets of every track of a kind ("audio", "subtitles"), in order."""
    hashes = []
    with av.open(f"file:{path}") as container:
        tracks = [stream.index for stream in getattr(container.streams, kind)]
    for index in tracks:
        with av.open(f"file:{path}") as container:
            packets = container.demux(container.streams[index])
            hashes.append([hashlib.sha256(bytes(packet)).hexdigest() for packet in packets if packet.size])
    return hashes


def track_facts(info: VideoInfo) -> list[tuple]:
    """Kind, codec, language, title and default mark of the sound and subtitle tracks."""
    kept = [track for track in info.tracks if track.kind in ("audio", "subtitle")]
    return [(track.kind, track.codec, track.language, track.title, track.default) for track in kept]


def color_facts(info: VideoInfo) -> tuple[int, int, int, int]:
    """Colour tags; a range that is not said means limited for everything but RGB, so the two count as one."""
    return (info.color_range or 1, info.color_primaries, info.color_trc, info.colorspace)
