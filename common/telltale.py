"""What tells on the side: data in a file, beside the picture, that gives away what the picture hides."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Telltale:
    """One such piece of data.

    Attributes:
        kind: "location", "device", "time", "person", "thumbnail", "picture", "text" or "data"; of videos also
            "telemetry", "timecode", "cover", "second video", "attachment", "captions" or "hidden data".
        where: the place in the file, as in "EXIF", "APP13", "file" or "video track 0".
        what: in words, for the report. Never the secret itself.
    """

    kind: str
    where: str
    what: str
