"""Images in and out, with their colour profile, transparency and the way up.

Pixels are handed out and written upright. An orientation tag is never written: viewers that ignore it would show the
picture lying, and a tag applied twice turns it once too often. Images that 8 bits of RGB cannot hold (16 bits a
channel, CMYK, Lab) are refused, since writing them back would change every pixel and not only the hidden ones.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, JpegImagePlugin, UnidentifiedImageError

from common.errors import DamagedSourceError, UserError
from common.image_metadata import find_telltales, kept_exif
from common.telltale import Telltale

JPEG_QUALITY = 95
FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".mpo": "JPEG",
    ".png": "PNG",
    ".apng": "PNG",
    ".webp": "WEBP",
    ".avif": "AVIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".pnm": "PPM",
    ".tga": "TGA",
    ".jp2": "JPEG2000",
    ".j2k": "JPEG2000",
    ".qoi": "QOI",
    ".heic": "HEIF",
    ".heif": "HEIF",
}
SUFFIXES = frozenset(FORMATS)  # what `write_image` writes, in lower case

READ_ERRORS = (
    *(OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError, KeyError, TypeError),
    RuntimeError,  # Pillow's, of a damaged AVIF
)
_GRAY_MODES = ("1", "L", "LA", "La")
_MODES = (*_GRAY_MODES, "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr")
_NO_ALPHA = ("JPEG", "BMP", "PPM")
# Readers that run another program, or that only recognise the format.
_UNWANTED = {"EPS", "WMF", "PDF", "MPEG", "GRIB", "BUFR", "HDF5", "FITS", "IPTC"}
_TIFF_LOSSLESS = ("raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate")
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"II*\0", b"MM\0*", b"GIF8")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


@dataclass(frozen=True)
class Picture:
    """An image and what is needed to write one like it.

    Attributes:
        pixels: (H, W, 3) or, with transparency, (H, W, 4) uint8 RGB(A), upright.
        format: Pillow's name of the file's format, as in "JPEG".
        mode: Pillow's name of the file's pixels, as in "RGB", "L", "P".
        telltales: what the file holds besides picture and colour; none of it is written unless asked for.
        notes: what will differ in a file written from this, for the report.
        icc: colour profile.
        dots_per_inch: (x, y).
        exif: the plain EXIF fields, cleaned of thumbnails; written on request only.
        subsampling: of a JPEG: 0 (4:4:4), 1 (4:2:2), 2 (4:2:0); None otherwise.
        compression: of a TIFF; None otherwise.
        lossy: the file's format loses detail (JPEG, most WebP).
    """

    pixels: np.ndarray
    format: str = "PNG"
    mode: str = "RGB"
    telltales: tuple[Telltale, ...] = ()
    notes: tuple[str, ...] = ()
    icc: bytes | None = field(default=None, repr=False)
    dots_per_inch: tuple[float, float] | None = None
    exif: bytes | None = field(default=None, repr=False)
    subsampling: int | None = None
    compression: str | None = None
    lossy: bool = False


def read_image(path: str | Path) -> Picture:
    """Read an image.

    Args:
        path: any format that Pillow reads; HEIC where the package pillow-heif is installed.

    Raises:
        UserError: missing, empty, no image, too large, or of a kind that cannot be written back unharmed.
        DamagedSourceError: truncated or corrupt.
    """
    path = Path(path)
    data = _read_bytes(path)
    reads_heif = register_heif()
    with warnings.catch_warnings():
        # Pillow warns from 89 megapixels on and refuses from 179 on; photographs of 108 are common.
        warnings.simplefilter("ignore")
        image = _open(path, data, reads_heif)
        _refuse_unkept(path, image, data)
        try:
            image.load()
            telltales, exif = find_telltales(image, data), kept_exif(image)
            upright = ImageOps.exif_transpose(image)
            pixels = np.array(upright.convert("RGBA" if image.has_transparency_data else "RGB"))
        except READ_ERRORS as error:
            raise DamagedSourceError(f"{path} is damaged ({_one_line(error)}): get the file again") from error
        except MemoryError as error:
            raise UserError(f"{path} is too large for this machine's memory: {image.width}x{image.height}") from error
    frames = getattr(image, "n_frames", 1)
    return Picture(
        pixels=pixels,
        format="JPEG" if image.format == "MPO" else image.format or "",
        mode=image.mode,
        telltales=telltales,
        notes=(f"only the first of {frames} pictures in the file is kept",) if frames > 1 else (),
        icc=image.info.get("icc_profile") or None,
        dots_per_inch=_dots_per_inch(image),
        exif=exif,
        subsampling=_subsampling(image),
        compression=image.info.get("compression") if image.format == "TIFF" else None,
        lossy=image.format in ("JPEG", "MPO", "AVIF", "HEIF")
        or (image.format == "WEBP" and b"VP8L" not in data[:4096]),
    )


def write_image(
    path: str | Path,
    pixels: np.ndarray,
    like: Picture | None = None,
    *,
    target: str | Path | None = None,
    quality: int = JPEG_QUALITY,
    keep_metadata: bool = False,
) -> tuple[str, ...]:
    """Write an image: without loss where the format can, else at high quality.

    Args:
        path: where the bytes go.
        pixels: (H, W, 3) or (H, W, 4) uint8 RGB(A), upright.
        like: the picture it was made from: gives colour profile, resolution, gray or colour, chroma subsampling.
        target: final name, whose suffix decides the format; `path` by default. Without a suffix, `like`'s format.
        quality: 1..100 of the formats that lose detail.
        keep_metadata: also write `like`'s plain EXIF fields; never a thumbnail.

    Returns:
        What differs from the source and why, a line each.

    Raises:
        UserError: the suffix is unknown, the format cannot hold the picture, or the place cannot be written.
    """
    path, target = Path(path), Path(target or path)
    like = like or Picture(pixels)
    name = _format_of(target, like)
    notes = list(like.notes)
    if pixels.shape[2] == 4 and (name in _NO_ALPHA or bool((pixels[..., 3] == 255).all())):
        if not bool((pixels[..., 3] == 255).all()):
            raise UserError(f"{target.name}: {name} holds no transparency: write .png or .webp instead")
        if like.mode not in ("RGBA", "LA") or name in _NO_ALPHA:
            pixels = pixels[..., :3]
    image = _gif_image(pixels, target, notes) if name == "GIF" else _image_like(pixels, like.mode, name)
    options = _save_options(name, image, like, quality, notes)
    if keep_metadata and like.exif and name in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"):
        options["exif"] = like.exif
        notes.append("kept of the metadata: the plain EXIF fields (no thumbnail, no maker's notes, no XMP)")
    elif keep_metadata and like.exif:
        notes.append(f"metadata was dropped: {name} holds no EXIF")
    buffer = io.BytesIO()
    try:
        image.save(buffer, format=name, **options)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{target.name} cannot be written as {name}: {_one_line(error)}") from error
    try:
        path.write_bytes(buffer.getvalue())
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error
    return tuple(notes)


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist") from error
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder, expected an image") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    if not data:
        raise UserError(f"{path} is empty, expected an image")
    return data


def register_heif() -> bool:
    """Let Pillow read HEIC where the plugin is installed; returns whether it is."""
    if find_spec("pillow_heif") is None:
        return False
    import pillow_heif  # type: ignore[import-not-found]

    pillow_heif.register_heif_opener()
    return True


def _open(path: Path, data: bytes, reads_heif: bool) -> Image.Image:
    Image.init()
    formats = [name for name in Image.ID if name not in _UNWANTED]
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except Image.DecompressionBombError as error:
        raise UserError(f"{path} claims to be larger than any photograph: {_one_line(error)}") from error
    except UnidentifiedImageError as error:
        is_heif = data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS
        if is_heif and not reads_heif:
            raise UserError(f"{path} is HEIC: run `pip install pillow-heif`, or convert it to JPEG or PNG") from error
        if is_heif or data.startswith(_MAGIC) or data[4:12] == b"ftypavif" or data[8:12] == b"WEBP":
            raise DamagedSourceError(
                f"{path} is damaged (nothing behind its first bytes): get the file again"
            ) from error
        raise UserError(f"{path} is not an image in a known format") from error
    except READ_ERRORS as error:
        raise DamagedSourceError(f"{path} is damaged ({_one_line(error)}): get the file again") from error


def _refuse_unkept(path: Path, image: Image.Image, data: bytes) -> None:
    """Refuse what 8 bits of RGB(A) would change everywhere.

    Raises:
        UserError: more than 8 bits a channel, or other colours than gray and RGB.
    """
    if image.mode.startswith(("I", "F")) or _is_deep(image, data):
        raise UserError(f"{path} has more than 8 bits a channel, which would be lost: convert it to 8 bits first")
    if image.mode not in _MODES:
        raise UserError(f"{path} holds {image.mode} colours, which would change: convert it to RGB first")


def _is_deep(image: Image.Image, data: bytes) -> bool:
    """Tell whether Pillow would reduce more than 8 bits a channel without a word."""
    if image.format == "TIFF":
        return max(getattr(image, "tag_v2", {}).get(258, (8,))) > 8
    if image.format == "JPEG2000":
        size = data.find(b"\xff\x51")  # image and tile size: the depth of the first component follows the sizes
        return size >= 0 and len(data) > size + 40 and (data[size + 40] & 0x7F) + 1 > 8
    if image.format in ("AVIF", "HEIF"):
        place = data.find(b"av1C")
        return (place >= 0 and bool(data[place + 6] & 0x40)) or image.info.get("bit_depth", 8) > 8
    if image.format not in ("PNG", "PPM", "SGI"):
        return False
    arguments = [
        part for tile in getattr(image, "tile", []) for part in (tile[3] if isinstance(tile[3], tuple) else (tile[3],))
    ]
    deep_words = any(isinstance(part, str) and ";16" in part for part in arguments)
    largest_value = image.format == "PPM" and any(isinstance(part, int) and part > 255 for part in arguments)
    return deep_words or largest_value or (image.format == "SGI" and data[3:4] == b"\x02")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _dots_per_inch(image: Image.Image) -> tuple[float, float] | None:
    value = image.info.get("dpi")
    if not isinstance(value, tuple) or len(value) != 2:
        return None
    x, y = float(value[0]), float(value[1])
    return (x, y) if 1 < x < 1e5 and 1 < y < 1e5 else None


def _subsampling(image: Image.Image) -> int | None:
    if image.format not in ("JPEG", "MPO"):
        return None
    # -1: gray, or a pattern that only 4:4:4 covers without loss.
    return max(JpegImagePlugin.get_sampling(image), 0)


def _format_of(target: Path, like: Picture) -> str:
    suffix = target.suffix.lower()
    name = FORMATS.get(suffix) if suffix else like.format
    if name is None:
        raise UserError(
            f"{target.name}: images are not written as {suffix!r}: use one of {', '.join(sorted(SUFFIXES))}"
        )
    if (name == "HEIF" and not register_heif()) or name not in _writable():
        hint = "run `pip install pillow-heif`, or write .jpg or .png" if name == "HEIF" else "write .jpg or .png"
        raise UserError(f"{target.name}: this Pillow cannot write {name}: {hint}")
    return name


def _writable() -> dict[str, Any]:
    Image.init()
    return Image.SAVE


def _image_like(pixels: np.ndarray, mode: str, name: str) -> Image.Image:
    """Return a Pillow image of the pixels, gray or bilevel again if the source was and no colour was added."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    colours = pixels[..., :3]
    if mode not in _GRAY_MODES or (colours != colours[..., :1]).any():
        return image
    if pixels.shape[2] == 4:
        return image.convert("LA") if name in ("PNG", "TIFF", "TGA", "JPEG2000") else image
    gray = Image.fromarray(np.ascontiguousarray(pixels[..., 0]))
    bilevel = mode == "1" and name in ("PNG", "TIFF", "BMP") and bool(np.isin(pixels[..., 0], (0, 255)).all())
    return gray.convert("1", dither=Image.Dither.NONE) if bilevel else gray


def _gif_image(pixels: np.ndarray, target: Path, notes: list[str]) -> Image.Image:
    """Return a palette image: exact up to 256 colours, else the nearest 256."""
    transparent = pixels[..., 3] == 0 if pixels.shape[2] == 4 else np.zeros(pixels.shape[:2], bool)
    if pixels.shape[2] == 4 and not bool((transparent | (pixels[..., 3] == 255)).all()):
        raise UserError(f"{target.name}: GIF holds no half transparency: write .png or .webp instead")
    most = 255 if transparent.any() else 256
    rgb = np.ascontiguousarray(pixels[..., :3])
    packed = rgb.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    colours, places = np.unique(packed, return_inverse=True)
    if len(colours) <= most:
        image = Image.fromarray(places.reshape(packed.shape).astype(np.uint8), "P")
        image.putpalette(np.stack([colours >> 16, colours >> 8 & 255, colours & 255], 1).astype(np.uint8).tobytes())
    else:
        image = Image.fromarray(rgb).quantize(most, dither=Image.Dither.NONE)
        notes.append(f"GIF holds 256 colours: {len(colours)} were reduced, also outside what is hidden")
    if transparent.any():
        indices = np.asarray(image).copy()
        indices[transparent] = 255
        palette = (image.getpalette() or []) + [0] * 768
        image = Image.fromarray(indices, "P")
        image.putpalette(palette[:768])
        image.info["transparency"] = 255
    return image


def _save_options(name: str, image: Image.Image, like: Picture, quality: int, notes: list[str]) -> dict[str, Any]:
    options = _profile_option(name, image, like, notes)
    if like.dots_per_inch and name in ("JPEG", "PNG", "TIFF", "BMP"):
        options["dpi"] = like.dots_per_inch
    lossless = not like.lossy
    return options | {
        "JPEG": {"quality": quality, "subsampling": like.subsampling or 0},
        "WEBP": {"quality": 100 if lossless else quality, "lossless": lossless, "exact": True},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"} if lossless else {"quality": quality},
        "HEIF": {"quality": -1 if lossless else quality},
        "TIFF": {"compression": like.compression if like.compression in _TIFF_LOSSLESS else "tiff_deflate"},
        "GIF": {"optimize": False} | ({"transparency": 255} if "transparency" in image.info else {}),
        "JPEG2000": {"irreversible": False},
    }.get(name, {})


def _profile_option(name: str, image: Image.Image, like: Picture, notes: list[str]) -> dict[str, Any]:
    if not like.icc:
        return {}
    if name not in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"):
        notes.append(f"the colour profile was dropped: {name} holds none")
        return {}
    # A profile speaks of gray or of RGB values; with the other kind readers reject the file.
    if (like.icc[16:20] == b"GRAY") != (image.mode in _GRAY_MODES):
        notes.append(
            "the colour profile was dropped: it is for gray and the picture has colours, or the other way round"
        )
        return {}
    return {"icc_profile": like.icc}
