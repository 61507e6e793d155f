"""High dynamic range tags as a stream carries them (SMPTE ST 2086, CTA-861.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class MasteringDisplay:
    """The display a film was graded on.

    Attributes:
        primaries: ((x, y) of red, green, blue) in CIE 1931, or None.
        white_point: (x, y), or None.
        luminance: (lowest, highest) in cd/m², or None.
    """

    primaries: tuple[tuple[Fraction, Fraction], ...] | None
    white_point: tuple[Fraction, Fraction] | None
    luminance: tuple[Fraction, Fraction] | None


@dataclass(frozen=True)
class HdrTags:
    """What a stream says about its dynamic range.

    Attributes:
        mastering_display: static metadata of the mastering display, or None.
        content_light: (MaxCLL, MaxFALL) in cd/m², or None.
        dynamic: names of metadata that change from picture to picture ("Dolby Vision", "HDR10+", ...); such data
            cannot be carried over to new pictures.
    """

    mastering_display: MasteringDisplay | None = None
    content_light: tuple[int, int] | None = None
    dynamic: tuple[str, ...] = ()


_DYNAMIC = {
    "DOVI_RPU_BUFFER": "Dolby Vision",
    "DOVI_METADATA": "Dolby Vision",
    "DYNAMIC_HDR_PLUS": "HDR10+",
    "DYNAMIC_HDR_VIVID": "HDR Vivid",
}


def hdr_tags(side_data: dict[str, bytes]) -> HdrTags | None:
    """Read the tags from a frame's side data, by name (`av.sidedata.sidedata.Type`); None when there are none."""
    mastering = side_data.get("MASTERING_DISPLAY_METADATA")
    light = side_data.get("CONTENT_LIGHT_LEVEL")
    dynamic = tuple(sorted({label for name, label in _DYNAMIC.items() if name in side_data}))
    if mastering is None and light is None and not dynamic:
        return None
    return HdrTags(
        mastering_display=None if mastering is None else _mastering(mastering),
        content_light=None if light is None else struct.unpack("2I", light[:8]),
        dynamic=dynamic,
    )


def _mastering(data: bytes) -> MasteringDisplay:
    """AVMasteringDisplayMetadata: ten rationals (r, g, b, white as x, y; least and most luminance), two flags."""
    values = struct.unpack("22i", data[:88])
    numbers = [Fraction(values[k], values[k + 1]) if values[k + 1] else Fraction(0) for k in range(0, 20, 2)]
    has_primaries, has_luminance = values[20], values[21]
    points = [(numbers[k], numbers[k + 1]) for k in range(0, 8, 2)]
    return MasteringDisplay(
        primaries=tuple(points[:3]) if has_primaries else None,
        white_point=points[3] if has_primaries else None,
        luminance=(numbers[8], numbers[9]) if has_luminance else None,
    )
