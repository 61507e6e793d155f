"""A source, or a fragment of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.video.info import VideoInfo
from common.video.reader import FrameReader


@dataclass(frozen=True)
class Clip:
    """A source, or a fragment of it.

    Attributes:
        path: the file.
        start, end: seconds on the source's timeline, end exclusive; None: from the beginning, to the end.
    """

    path: Path
    start: float | None = None
    end: float | None = None

    def __post_init__(self) -> None:
        """Refuse a fragment that ends before it begins."""
        if self.end is not None and self.end <= (self.start or 0.0):
            raise UserError(f"the fragment ends at {self.end:g} s, not after its start {self.start or 0:g} s")

    def open(self) -> FrameReader:
        """Open for reading, frame by frame."""
        return FrameReader(self.path, self.start, self.end)

    def expected_frames(self, info: VideoInfo) -> int | None:
        """About how many frames there are, for progress; None when the file does not tell."""
        if self.start is None and self.end is None and info.declared_frames:
            return info.declared_frames
        if info.duration is None or not info.average_rate:
            return None
        end = info.duration if self.end is None else min(self.end, info.duration)
        return max(0, round((end - (self.start or 0.0)) * float(info.average_rate)))
