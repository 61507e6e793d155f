"""From a file's bytes to a picture worth keeping; runs in processes of its own.

Nothing here trusts the file: its format is among a few, its size is looked at before a pixel is decoded, and all of
it is decoded, so that a picture which breaks off half-way is found now and not in training.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from common.image import READ_ERRORS, register_heif
from common.perceptual_hash import perceptual_hash
from scrape.failure import Failure
from scrape.part import write_part
from scrape.sniffing import other_kind, picture_kind

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "JPEG2000")  # MPO comes as JPEG
SUFFIXES = {"JPEG": "jpg", "MPO": "jpg", "TIFF": "tif", "JPEG2000": "jp2"}
HEIF_PLUGIN = "a HEIF picture: run `pip install pillow-heif` and the same command again"
AVIF_PLUGIN = "an AVIF picture, which the installed Pillow was built without: run `pip install -U pillow`"
JPEG_SIDE = 65_500  # pixels that libjpeg writes
_ORIENTATION = 0x0112
_WHITE = (255, 255, 255)
_GLANCE = (64, 64)  # pixels that a picture has at least when it is unpacked for its hash only
_PNG_DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True)
class Rules:
    """Which pictures are kept, and how.

    Attributes:
        min_size: pixels of the shorter side.
        max_pixels: width times height.
        quality: 1..100 of JPEGs written anew.
        keep_format: keep the bytes as they came.
    """

    min_size: int
    max_pixels: int
    quality: int
    keep_format: bool


@dataclass(frozen=True)
class Prepared:
    """A picture that lies ready under a temporary name.

    Attributes:
        part: the temporary file.
        name: what it is to be called: its content's hash and suffix.
        sha256: of the file, hexadecimal.
        phash: 64-bit perceptual hash of the picture as shown.
        width: pixels, upright.
        height: pixels, upright.
        bytes: of the file.
    """

    part: Path
    name: str
    sha256: str
    phash: int
    width: int
    height: int
    bytes: int


def prepare(data: bytes, rules: Rules, folder: Path, number: int) -> Prepared:
    """Check a picture, make it an upright RGB JPEG unless it is one, and write it under a temporary name.

    Args:
        data: the file as it came.
        rules: what is kept.
        folder: where the temporary file goes.
        number: tells temporary files apart.

    Raises:
        Failure: `not_a_picture`, `no_decoder`, `truncated`, `broken`, `too_many_pixels`, `too_small`.
        UserError: the disk is full.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = _opened(data, rules)
        size = image.size
        try:
            # Only what is that already is left as it came: decoding and coding once more would cost detail.
            as_it_is = rules.keep_format or _is_plain_jpeg(image)
            if as_it_is:
                # All of the file is read, but unpacked at an eighth where the format can: enough for the hash.
                image.draft(image.mode, _GLANCE)
            image.load()
            if _orientation(image) >= 5:
                size = size[::-1]
            suffix = SUFFIXES.get(image.format or "", (image.format or "").lower())
            upright = in_rgb(ImageOps.exif_transpose(image))
            phash = perceptual_hash(upright)
        except MemoryError as error:
            raise Failure("too_many_pixels", f"{size[0]}x{size[1]}: no memory", limit=rules.max_pixels) from error
        except READ_ERRORS as error:
            raise _damaged(error) from error
    if as_it_is:
        encoded = data
    elif max(size) > JPEG_SIDE:
        detail = f"{size[0]}x{size[1]}: a JPEG has at most {JPEG_SIDE} pixels a side; --keep-format keeps it as it is"
        raise Failure("too_many_pixels", detail, width=size[0], height=size[1], limit=rules.max_pixels)
    else:
        encoded, suffix = jpeg(upright, rules.quality), "jpg"
    digest = hashlib.sha256(encoded).hexdigest()
    part = write_part(folder, digest, number, encoded)
    return Prepared(part, f"{digest}.{suffix}", digest, phash, *size, len(encoded))


def _opened(data: bytes, rules: Rules) -> Image.Image:
    """The picture with its size known and nothing decoded."""
    kind = picture_kind(data)
    if kind is None:
        raise Failure("not_a_picture", other_kind(data[:1024]))
    Image.init()
    register_heif()
    formats = [name for name in FORMATS if name in Image.OPEN]
    if kind in ("AVIF", "HEIF") and kind not in formats:
        raise Failure("no_decoder", HEIF_PLUGIN if kind == "HEIF" else AVIF_PLUGIN)
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # the limit is ours
    try:
        image = Image.open(io.BytesIO(data), formats=formats)
    except READ_ERRORS as error:
        raise Failure("broken", f"{kind} in name only") from error
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    width, height = image.size
    if width * height > rules.max_pixels:
        raise Failure("too_many_pixels", f"{width}x{height}", width=width, height=height, limit=rules.max_pixels)
    if min(width, height) < rules.min_size:
        raise Failure("too_small", f"{width}x{height}", width=width, height=height)
    return image


def _is_plain_jpeg(image: Image.Image) -> bool:
    """Whether a picture that is open, not loaded, is an upright JPEG in sRGB."""
    return image.format in ("JPEG", "MPO") and image.mode == "RGB" and _orientation(image) == 1 and _is_srgb(image)


def _orientation(image: Image.Image) -> int:
    orientation = image.getexif().get(_ORIENTATION, 1)
    return orientation if orientation in range(1, 9) else 1


def _damaged(error: BaseException) -> Failure:
    text = " ".join(str(error).split())
    cut = "truncated" in text.lower() or isinstance(error, EOFError) or "unexpected end" in text.lower()
    return Failure("truncated" if cut else "broken", text or type(error).__name__)


def _is_srgb(image: Image.Image) -> bool:
    """Whether the numbers mean what everybody takes them for."""
    profile = image.info.get("icc_profile")
    if not profile:
        return True
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError):
        return True  # unreadable: viewers ignore it
    return "srgb" in name.lower()


def in_rgb(image: Image.Image) -> Image.Image:
    """Return any picture as 8-bit sRGB; what is transparent becomes white."""
    if image.mode in _PNG_DEEP:
        deep = np.asarray(image.convert("I")).astype(np.int64).clip(0, 65535)
        return Image.fromarray((deep >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        return Image.fromarray(np.asarray(image).clip(0, 255).astype(np.uint8)).convert("RGB")
    if not _is_srgb(image):
        image = _to_srgb(image)
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        page = Image.new("RGB", image.size, _WHITE)
        page.paste(clear, mask=clear.getchannel("A"))
        return page
    return image.convert("RGB")


def _to_srgb(image: Image.Image) -> Image.Image:
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    if image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return image
    colours = image.convert("RGB") if alpha else image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        changed = ImageCms.profileToProfile(colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image  # a profile for other colours than the picture's: viewers ignore it
    if changed is None:
        return image
    if alpha:
        changed.putalpha(alpha)
    return changed


def jpeg(image: Image.Image, quality: int) -> bytes:
    """Encode an RGB picture, without anything but its pixels in the file."""
    buffer = io.BytesIO()
    image.info.clear()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
