"""Where the samples of a pixel format lie in its planes.

Covers what decoders hand out: planar YUV of 8 to 16 bits, NV12 and P010 and their kin, packed 4:2:2, gray, packed
and planar RGB, each with and without alpha. Any other format has a nearest one that is covered (`nearest_format`).
Names as in FFmpeg's pixdesc.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import av

_SUBSAMPLING = {  # name → (rows, columns) of luma under one chroma sample
    "410": (4, 4),
    "411": (1, 4),
    "420": (2, 2),
    "422": (1, 2),
    "440": (2, 1),
    "444": (1, 1),
}
_PLANAR_YUV = re.compile(r"yuv(?P<kind>j|a)?(?P<sub>410|411|420|422|440|444)p(?P<depth>9|10|12|14|16)?(?:le)?")
_SEMI_PLANAR = re.compile(r"(?:nv(?P<nv>12|21|16|24|42|20le)|p(?P<sub>0|2|4)(?P<depth>10|12|16)le)")
_PACKED_RGB = re.compile(r"(?P<order>[rgba0]{3,4})(?P<bits>24|48le|64le)?")
_PLANAR_RGB = re.compile(r"gbr(?P<alpha>a)?p(?P<depth>9|10|12|14|16)?(?:le)?")
_GRAY = re.compile(r"(?:gray(?P<depth>9|10|12|14|16)?(?:le)?|ya(?P<alpha>8|16le))")
_PACKED_422 = {"yuyv422": (0, 1, 3), "uyvy422": (1, 0, 2), "yvyu422": (0, 3, 1)}
_DEPTHS = (8, 9, 10, 12, 14, 16)


@dataclass(frozen=True)
class Channel:
    """One colour channel (or alpha) inside a plane.

    Attributes:
        plane: index of the plane.
        offset: samples before the first one in a line.
        step: samples from one to the next in a line.
        rows: picture rows under one sample.
        columns: picture columns under one sample.
    """

    plane: int
    offset: int = 0
    step: int = 1
    rows: int = 1
    columns: int = 1


@dataclass(frozen=True)
class PixelLayout:
    """A pixel format that can be viewed in place.

    Attributes:
        name: FFmpeg's name.
        family: "yuv", "rgb" or "gray".
        channels: Y, U, V; or R, G, B; or Y.
        alpha: the alpha channel or None.
        depth: bits a sample; above 8 a sample is a 16-bit word.
        shift: how far samples are shifted up in their word.
        jpeg: full range by name (yuvj...).
    """

    name: str
    family: str
    channels: tuple[Channel, ...]
    alpha: Channel | None = None
    depth: int = 8
    shift: int = 0
    jpeg: bool = False

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of picture under the coarsest sample."""
        return max(c.rows for c in self.channels), max(c.columns for c in self.channels)


@lru_cache(maxsize=256)
def pixel_layout(name: str) -> PixelLayout | None:
    """Look up a format by FFmpeg's name; None when its samples cannot be viewed in place."""
    if name in _PACKED_422:
        luma, first, second = _PACKED_422[name]
        chroma = (Channel(0, first, 4, 1, 2), Channel(0, second, 4, 1, 2))
        return PixelLayout(name, "yuv", (Channel(0, luma, 2), *chroma))
    for pattern, build in (
        (_PLANAR_YUV, _planar_yuv),
        (_SEMI_PLANAR, _semi_planar),
        (_GRAY, _gray),
        (_PLANAR_RGB, _planar_rgb),
        (_PACKED_RGB, _packed_rgb),
    ):
        match = pattern.fullmatch(name)
        if match:
            return build(name, match)
    return None


def nearest_format(name: str) -> str:
    """Name the viewable format that loses least against `name` (itself when it is viewable).

    Raises:
        ValueError: when FFmpeg knows no such format, or it lies on a device (cuda, vaapi).
    """
    if pixel_layout(name):
        return name
    format_ = av.VideoFormat(name, 64, 64)
    components = format_.components
    if not components:
        raise ValueError(f"pixel format '{name}' has no samples in memory")
    alpha = format_.has_palette or any(c.is_alpha for c in components)
    depth = max(c.bits for c in components)
    colours = len(components) - any(c.is_alpha for c in components)
    if format_.is_rgb or format_.has_palette or format_.is_bayer or name.startswith("xyz"):
        if depth > 8:
            return "rgba64le" if alpha else "rgb48le"
        return "rgba" if alpha else "rgb24"
    if colours == 1:
        if alpha:
            return "ya8" if depth <= 8 else "ya16le"
        return "gray" if depth <= 8 else f"gray{_at_least(depth)}le"
    rows, columns = 64 // format_.chroma_height(64), 64 // format_.chroma_width(64)
    sub = next((key for key, value in _SUBSAMPLING.items() if value == (rows, columns)), "444")
    return _existing(sub, _at_least(depth), alpha)


def alpha_format(name: str) -> str:
    """Name the format with an alpha channel that keeps everything `name` (a viewable format) holds."""
    layout = pixel_layout(name)
    if layout is None:
        raise ValueError(f"'{name}' is not viewable")
    if layout.alpha:
        return name
    if layout.family == "gray":
        return "ya8" if layout.depth == 8 else "ya16le"
    if layout.family == "rgb":
        planar = name.startswith("gbrp")
        if planar and layout.depth in (10, 12, 14, 16):
            return f"gbrap{layout.depth}le"
        if layout.depth > 8:
            return "rgba64le"
        return "gbrap" if planar else "rgba"
    sub = next(key for key, value in _SUBSAMPLING.items() if value == layout.grid)
    return _existing(sub, layout.depth, True)


def _at_least(depth: int) -> int:
    return next((known for known in _DEPTHS if known >= depth), 16)


def _existing(sub: str, depth: int, alpha: bool) -> str:
    """Find a planar YUV format FFmpeg has: first deeper, then with finer chroma."""
    for finer in (sub, "422", "444"):
        if _SUBSAMPLING[finer][0] > _SUBSAMPLING[sub][0] or _SUBSAMPLING[finer][1] > _SUBSAMPLING[sub][1]:
            continue
        for deeper in (known for known in _DEPTHS if known >= depth):
            name = f"yuv{'a' if alpha else ''}{finer}p" + ("" if deeper == 8 else f"{deeper}le")
            try:
                av.VideoFormat(name)
            except ValueError:
                continue
            return name
    raise ValueError(f"no planar format for 4:{sub[1]}:{sub[2]} at {depth} bits")


def _planar_yuv(name: str, match: re.Match[str]) -> PixelLayout:
    rows, columns = _SUBSAMPLING[match["sub"]]
    channels = (Channel(0), Channel(1, 0, 1, rows, columns), Channel(2, 0, 1, rows, columns))
    alpha = Channel(3) if match["kind"] == "a" else None
    return PixelLayout(name, "yuv", channels, alpha, int(match["depth"] or 8), jpeg=match["kind"] == "j")


def _semi_planar(name: str, match: re.Match[str]) -> PixelLayout:
    if match["nv"]:
        sub = {"12": "420", "21": "420", "16": "422", "20le": "422", "24": "444", "42": "444"}[match["nv"]]
        depth, shift = (10, 0) if match["nv"] == "20le" else (8, 0)
    else:
        sub = {"0": "420", "2": "422", "4": "444"}[match["sub"]]
        depth = int(match["depth"])
        shift = 16 - depth
    rows, columns = _SUBSAMPLING[sub]
    first, second = (1, 0) if match["nv"] in ("21", "42") else (0, 1)
    chroma = (Channel(1, first, 2, rows, columns), Channel(1, second, 2, rows, columns))
    return PixelLayout(name, "yuv", (Channel(0), *chroma), None, depth, shift)


def _gray(name: str, match: re.Match[str]) -> PixelLayout:
    if match["alpha"]:
        depth = 8 if match["alpha"] == "8" else 16
        return PixelLayout(name, "gray", (Channel(0, 0, 2),), Channel(0, 1, 2), depth)
    return PixelLayout(name, "gray", (Channel(0),), None, int(match["depth"] or 8))


def _planar_rgb(name: str, match: re.Match[str]) -> PixelLayout:
    alpha = Channel(3) if match["alpha"] else None
    return PixelLayout(name, "rgb", (Channel(2), Channel(0), Channel(1)), alpha, int(match["depth"] or 8))


def _packed_rgb(name: str, match: re.Match[str]) -> PixelLayout | None:
    order = match["order"]
    if sorted(order.replace("a", "").replace("0", "")) != ["b", "g", "r"] or order.count("a") > 1:
        return None
    step = len(order)
    if step == 3 and not match["bits"]:
        return None
    channels = tuple(Channel(0, order.index(letter), step) for letter in "rgb")
    alpha = Channel(0, order.index("a"), step) if "a" in order else None
    return PixelLayout(name, "rgb", channels, alpha, 8 if match["bits"] in (None, "24") else 16)
