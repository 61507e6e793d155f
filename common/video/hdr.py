"""Carrying static HDR tags through an encoder, and refusing those that cannot be carried."""

from __future__ import annotations

from fractions import Fraction

from common.errors import UserError
from common.video.hdr_tags import HdrTags, MasteringDisplay

_STEPS = 50_000  # chromaticity in units of 0.00002, luminance in 0.0001 cd/m² (HEVC annex D.3.28)
_DIM = 10_000


def refuse_dynamic(tags: HdrTags | None) -> None:
    """Refuse HDR metadata that changes from picture to picture: it describes the very pictures that are changed.

    Raises:
        UserError: the source carries Dolby Vision, HDR10+ or the like.
    """
    if tags is not None and tags.dynamic:
        raise UserError(
            f"the source carries {' and '.join(tags.dynamic)} metadata, which cannot be kept for changed pictures; "
            "convert it to plain HDR10, HLG or SDR first"
        )


def hdr_options(tags: HdrTags | None, encoder: str) -> dict[str, str]:
    """Encoder options that write the mastering display and the content light level.

    Args:
        tags: the source's tags, or None.
        encoder: FFmpeg's name of the encoder.

    Returns:
        options to merge into the encoder's own; values of `x265-params` and the like want joining with ":".

    Raises:
        UserError: the encoder cannot write such tags.
    """
    if tags is None or (tags.mastering_display is None and tags.content_light is None):
        return {}
    if encoder not in _SYNTAX:
        raise UserError(f"the encoder {encoder} cannot keep the source's HDR10 tags; use --codec hevc, h264 or av1")
    option, mastering, light = _SYNTAX[encoder]
    parts = []
    if tags.mastering_display is not None:
        parts.append(f"{mastering}={_display(tags.mastering_display, exact=encoder == 'libsvtav1')}")
    if tags.content_light is not None:
        parts.append(f"{light}={tags.content_light[0]},{tags.content_light[1]}")
    return {option: ":".join(parts)}


_SYNTAX = {
    "libx265": ("x265-params", "master-display", "max-cll"),
    "libx264": ("x264-params", "mastering-display", "cll"),
    "libsvtav1": ("svtav1-params", "mastering-display", "content-light"),
}


def _display(display: MasteringDisplay, exact: bool) -> str:
    """G(x,y)B(x,y)R(x,y)WP(x,y)L(most,least); `exact` = decimals as SVT-AV1 reads them, else the units of HEVC."""
    nothing = (Fraction(0), Fraction(0))
    red, green, blue = display.primaries or (nothing,) * 3
    least, most = display.luminance or nothing

    def pair(one: Fraction, other: Fraction, steps: int) -> str:
        if exact:
            return f"({float(one):.5f},{float(other):.5f})"
        return f"({round(one * steps)},{round(other * steps)})"

    points = {"G": green, "B": blue, "R": red, "WP": display.white_point or nothing}
    return "".join(f"{name}{pair(*point, _STEPS)}" for name, point in points.items()) + f"L{pair(most, least, _DIM)}"
