"""What an image file carries besides pixels: finding it, and the part that may be kept.

Writing an image anew drops all of it. So the finding is for the report, and keeping is by a list of known, plain
fields: thumbnails, maker notes and XMP packets can hold the uncovered picture in many forms.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import ExifTags, Image

from common.telltale import Telltale

EXIF_ERRORS = (OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError, EOFError, struct.error, OverflowError)

_BASE, _IFD = ExifTags.Base, ExifTags.IFD
_DEVICE = {
    _BASE.Make,
    _BASE.Model,
    _BASE.Software,
    _BASE.HostComputer,
    _BASE.BodySerialNumber,
    _BASE.LensMake,
    _BASE.LensModel,
    _BASE.LensSerialNumber,
    _BASE.ImageUniqueID,
}
_TIME = {_BASE.DateTime, _BASE.DateTimeOriginal, _BASE.DateTimeDigitized}
_XP_FIELDS = {_BASE.XPTitle, _BASE.XPComment, _BASE.XPAuthor, _BASE.XPKeywords, _BASE.XPSubject}
_PERSON = {_BASE.Artist, _BASE.Copyright, _BASE.CameraOwnerName, _BASE.XPAuthor}
_TEXT = {_BASE.ImageDescription, _BASE.UserComment, *(_XP_FIELDS - {_BASE.XPAuthor})}
_KEPT = {
    _BASE.ImageDescription,
    _BASE.Make,
    _BASE.Model,
    _BASE.Software,
    _BASE.DateTime,
    _BASE.Artist,
    _BASE.HostComputer,
    _BASE.Copyright,
    *_XP_FIELDS,
}
_THUMBNAIL_OFFSET = 0x0201
_LARGEST_FIELD = 4096  # bytes; longer values of the kept EXIF fields are data, not a description

# What PNG chunks hold that is picture or colour.
_PNG_PICTURE = set(
    "IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT bKGD pHYs hIST sPLT cICP mDCV cLLI acTL fcTL fdAT".split()
)
_XMP_PREFIX = b"http://ns.adobe.com/"


def find_telltales(image: Image.Image, data: bytes) -> tuple[Telltale, ...]:
    """List what is in an image file besides the picture and its colour.

    Args:
        image: opened and loaded.
        data: the file's bytes.
    """
    found = [*_in_exif(image)]
    if image.format in ("JPEG", "MPO"):
        found += _in_jpeg(getattr(image, "applist", []), data)
    elif image.format == "PNG":
        found += _in_png(data)
    elif image.format == "TIFF":
        found += _in_tiff(image)
    else:
        found += _in_info(image)
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format not in ("MPO", "PSD"):
        found.append(Telltale("picture", image.format or "file", f"{frames - 1} more pages or frames"))
    return tuple(dict.fromkeys(found))


def _in_exif(image: Image.Image) -> Iterator[Telltale]:
    try:
        exif = image.getexif()
        details = exif.get_ifd(_IFD.Exif)
        position = exif.get_ifd(_IFD.GPSInfo)
        second = exif.get_ifd(_IFD.IFD1)
    except EXIF_ERRORS:
        yield Telltale("data", "EXIF", "an EXIF block that cannot be read")
        return
    tags = set(exif) | set(details)
    if position:
        yield Telltale("location", "EXIF", "a GPS position" if _has_position(position) else "GPS data")
    for kind, group in (("device", _DEVICE), ("time", _TIME), ("person", _PERSON), ("text", _TEXT)):
        names = sorted(_BASE(tag).name for tag in tags & group)
        if names:
            yield Telltale(kind, "EXIF", ", ".join(names))
    if _THUMBNAIL_OFFSET in second or second.get(_BASE.StripOffsets):
        yield Telltale("thumbnail", "EXIF", "a small copy of the whole picture")
    if _BASE.MakerNote in details:
        yield Telltale("device", "EXIF", "the maker's private notes")


def _has_position(position: dict[int, object]) -> bool:
    return ExifTags.GPS.GPSLatitude in position or ExifTags.GPS.GPSLongitude in position


def _in_jpeg(segments: list[tuple[str, bytes]], data: bytes) -> Iterator[Telltale]:
    for name, content in segments:
        if name == "COM":
            yield Telltale("text", "JPEG comment", f"{len(content)} bytes")
        elif name == "APP0" and (content.startswith(b"JFXX") or any(content[12:14])):
            yield Telltale("thumbnail", "JFIF", "a small copy of the whole picture")
        elif content.startswith(_XMP_PREFIX):
            yield Telltale("data", "XMP", _describe_xmp(content))
        elif name == "APP2" and content.startswith(b"MPF\0"):
            yield Telltale("picture", "MPF", "further pictures in the same file (preview, second view or depth)")
        elif name == "APP13":
            yield Telltale("data", "APP13", "Photoshop and IPTC data, which may hold a small copy of the picture")
        elif name not in ("APP0", "APP1", "APP14") and not content.startswith(b"ICC_PROFILE\0"):
            yield Telltale("data", name, f"{len(content)} bytes of private data")
    yield from _after(data, _jpeg_end(data))


def _describe_xmp(content: bytes) -> str:
    pictures = any(
        word in content for word in (b"Thumbnails", b"GImage", b"GDepth", b"HasExtendedXMP", b"xmp/extension")
    )
    return "an XMP packet, which holds a picture" if pictures else "an XMP packet"


def _jpeg_end(data: bytes) -> int:
    """Return where the first picture ends: in the entropy-coded part, FF D9 can only be the end marker."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xDA:
            end = data.find(b"\xff\xd9", place)
            return len(data) if end < 0 else end + 2
        place += 1 if marker == 0xFF else 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return len(data)


def _after(data: bytes, end: int) -> Iterator[Telltale]:
    rest = data[end:].strip(b"\0\r\n ")
    if rest:
        what = "a clip" if b"ftyp" in rest[:4096] else f"{len(rest)} bytes"
        yield Telltale("data", "after the picture's end", what)


def _in_png(data: bytes) -> Iterator[Telltale]:
    place = 8
    while place + 8 <= len(data):
        length, name = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8].decode("latin-1")
        content = data[place + 8 : place + 8 + min(length, 80)]
        place += 12 + length
        if name in ("tEXt", "zTXt", "iTXt"):
            keyword = content.split(b"\0")[0].decode("latin-1")
            yield Telltale("data" if "xmp" in keyword else "text", f"PNG {name}", keyword)
        elif name == "tIME":
            yield Telltale("time", "PNG tIME", "time of the last change")
        elif name not in _PNG_PICTURE and name != "eXIf":
            yield Telltale("data", f"PNG {name}", f"{length} bytes of private data")
        if name == "IEND":
            yield from _after(data, place)
            return


def _in_tiff(image: Image.Image) -> Iterator[Telltale]:
    names = {
        700: "an XMP packet",
        33723: "IPTC data",
        34377: "Photoshop data, which may hold a small copy of the picture",
        330: "further pictures inside (previews)",
        37724: "Photoshop layers",
    }
    tags = getattr(image, "tag_v2", {})
    for tag, what in names.items():
        if tag in tags:
            yield Telltale("picture" if tag in (330, 37724) else "data", f"TIFF tag {tag}", what)


def _in_info(image: Image.Image) -> Iterator[Telltale]:
    """Look at what Pillow's reader collected, for the formats whose blocks are not walked here."""
    info = image.info
    if info.get("xmp"):
        yield Telltale("data", "XMP", _describe_xmp(bytes(info["xmp"])))
    if info.get("comment") and not info["comment"].startswith(b"Created by OpenJPEG"):
        yield Telltale("text", f"{image.format} comment", f"{len(info['comment'])} bytes")
    for key in ("thumbnails", "depth_images", "aux"):
        if info.get(key):
            yield Telltale("picture", str(image.format), key.replace("_", " "))
    if image.format == "PSD":
        yield Telltale("picture", "PSD", "layers and a preview")


def kept_exif(image: Image.Image) -> bytes | None:
    """Return the plain fields of an image's EXIF as a new block, or None when there are none.

    Kept are description, device, time, author and the GPS block. Orientation is left out, since pixels are written
    upright; so are thumbnails, maker notes and everything long or unknown.
    """
    try:
        old = image.getexif()
        details, position = old.get_ifd(_IFD.Exif), old.get_ifd(_IFD.GPSInfo)
        new = Image.Exif()
        for tag in _KEPT & set(old):
            if _is_short(old[tag]):
                new[tag] = old[tag]
        left_out = {_BASE.MakerNote, _IFD.Interop, _BASE.ExifImageWidth, _BASE.ExifImageHeight}
        chosen = {tag: value for tag, value in details.items() if tag not in left_out and _is_short(value)}
        if chosen:
            new[_IFD.Exif] = chosen
        if position:
            new[_IFD.GPSInfo] = {tag: value for tag, value in position.items() if _is_short(value)}
        return new.tobytes() if len(new) else None
    except EXIF_ERRORS:
        return None


def _is_short(value: object) -> bool:
    return not isinstance(value, (bytes, str, tuple)) or len(value) <= _LARGEST_FIELD
