import io
import struct
import zlib

import numpy as np
import pytest
from picture_server import encoded, photo
from PIL import Image, ImageCms

from common.perceptual_hash import DISTANCE
from scrape import decode
from scrape.decode import Rules, prepare
from scrape.failure import Failure
from scrape.sniffing import other_kind, picture_kind

RULES = Rules(min_size=100, max_pixels=1_000_000, quality=90, keep_format=False)
PHOTO = photo(1)


def prepared(data, folder, **changes):
    """The picture that is written and what is said about it."""
    done = prepare(data, Rules(**{**vars(RULES), **changes}), folder, 1)
    written = done.part.read_bytes()
    assert len(written) == done.bytes
    return Image.open(io.BytesIO(written)), done, written


def refused(data, folder, **changes):
    with pytest.raises(Failure) as caught:
        prepare(data, Rules(**{**vars(RULES), **changes}), folder, 1)
    assert list(folder.iterdir()) == []
    return caught.value.reason


def difference(image, other):
    return np.abs(np.asarray(image).astype(int) - np.asarray(other)).mean()


def test_an_upright_rgb_jpeg_stays_as_it_came(tmp_path):
    data = encoded(PHOTO, quality=80)
    image, done, written = prepared(data, tmp_path)
    assert written == data
    assert (done.width, done.height) == (200, 160) == image.size
    assert done.name == f"{done.sha256}.jpg"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000"])
def test_other_formats_become_jpeg(tmp_path, kind):
    image, done, _ = prepared(encoded(PHOTO, kind), tmp_path)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (200, 160))
    assert done.name.endswith(".jpg")
    assert difference(image, PHOTO) < 8


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", "png"), ("WEBP", "webp"), ("TIFF", "tif"), ("AVIF", "avif")])
def test_or_stay_what_they_are(tmp_path, kind, suffix):
    data = encoded(PHOTO, kind)
    _, done, written = prepared(data, tmp_path, keep_format=True)
    assert written == data
    assert done.name.endswith("." + suffix)


def test_a_picture_that_nothing_here_decodes_is_named_with_what_to_do(tmp_path, monkeypatch):
    heif = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)
    monkeypatch.setattr(decode, "register_heif", lambda: False)
    monkeypatch.setattr(Image, "OPEN", {name: way for name, way in Image.OPEN.items() if name not in ("AVIF", "HEIF")})
    for data, advice in ((heif, "pip install pillow-heif"), (encoded(PHOTO, "AVIF"), "pip install -U pillow")):
        with pytest.raises(Failure, match=advice) as caught:
            prepare(data, RULES, tmp_path, 1)
        assert caught.value.reason == "no_decoder"


def test_with_its_plugin_heif_is_read_as_any_other(tmp_path):
    plugin = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    plugin.from_pillow(PHOTO).save(buffer, quality=90)
    data = buffer.getvalue()
    assert refused(data, tmp_path, max_pixels=1000) == "too_many_pixels"
    assert refused(data[: len(data) // 2], tmp_path) in ("truncated", "broken")
    assert refused(data[:40], tmp_path) == "broken"
    image, _, _ = prepared(data, tmp_path)
    assert (image.format, image.size) == ("JPEG", (200, 160)) and difference(image, PHOTO) < 8


def test_orientation_is_applied_and_its_tag_gone(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying, shown turned 90 degrees clockwise
    data = encoded(PHOTO.transpose(Image.Transpose.ROTATE_90), exif=exif, quality=95)
    image, done, _ = prepared(data, tmp_path)
    assert image.size == (done.width, done.height) == (200, 160)
    assert not image.getexif()
    assert difference(image, PHOTO) < 4
    _, kept, written = prepared(data, tmp_path, keep_format=True)
    assert written == data
    assert (kept.width, kept.height) == (200, 160)  # as shown
    assert (kept.phash ^ done.phash).bit_count() <= 2


def test_transparent_becomes_white(tmp_path):
    clear = PHOTO.convert("RGBA")
    clear.paste((0, 0, 0, 0), (0, 0, 100, 160))
    for picture in (clear, clear.quantize(64)):
        image, _, _ = prepared(encoded(picture, "PNG"), tmp_path)
        assert np.asarray(image)[20:-20, 20:80].min() > 245
        assert difference(image.crop((120, 0, 200, 160)), PHOTO.crop((120, 0, 200, 160))) < 12


def test_gray_16_bits_and_cmyk_keep_their_brightness(tmp_path):
    gray = np.asarray(PHOTO.convert("L"))
    deep = Image.fromarray(gray.astype(np.uint16) * 257)
    for picture, kind in ((deep, "PNG"), (Image.fromarray(gray), "JPEG")):
        image, _, _ = prepared(encoded(picture, kind), tmp_path)
        assert image.mode == "RGB"
        assert difference(image.convert("L"), gray) < 3
    image, _, _ = prepared(encoded(PHOTO.convert("CMYK"), quality=95), tmp_path)
    assert image.mode == "RGB"
    assert difference(image, PHOTO) < 6


def test_other_colours_than_srgb_are_turned_into_it(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = encoded(PHOTO, icc_profile=profile)
    assert prepared(same, tmp_path)[2] == same
    # The same profile under another name: its numbers are sRGB's, so the colours must not change.
    renamed = profile.replace("sRGB".encode("utf-16-be"), "xyzw".encode("utf-16-be")).replace(b"sRGB", b"xyzw")
    image, _, _ = prepared(encoded(PHOTO, icc_profile=renamed, quality=95), tmp_path)
    assert "icc_profile" not in image.info
    assert difference(image, PHOTO) < 4
    nonsense = encoded(PHOTO, icc_profile=b"nonsense")
    assert prepared(nonsense, tmp_path)[2] == nonsense


def bomb(width, height):
    """A PNG of few bytes that says it is huge, and is."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(height * (width // 8 + 1)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_bomb_is_not_unpacked(tmp_path):
    data = bomb(20_000, 20_000)
    assert len(data) < 100_000
    with pytest.raises(Failure) as caught:
        prepare(data, RULES, tmp_path, 1)
    assert caught.value.reason == "too_many_pixels"
    assert caught.value.facts == {"width": 20_000, "height": 20_000, "limit": 1_000_000}


def test_what_no_jpeg_can_hold_is_refused_and_may_be_kept_as_it_is(tmp_path):
    data = encoded(Image.new("L", (65_501, 101)), "PNG")
    with pytest.raises(Failure, match=r"65501x101: a JPEG has at most 65500 pixels a side; --keep-format") as caught:
        prepare(data, Rules(100, 10_000_000, 90, False), tmp_path, 1)
    assert caught.value.reason == "too_many_pixels"
    assert prepare(data, Rules(100, 10_000_000, 90, True), tmp_path, 1).width == 65_501
    assert prepare(encoded(Image.new("L", (65_500, 101)), "PNG"), Rules(100, 10_000_000, 90, False), tmp_path, 1)


def test_too_small_by_the_shorter_side(tmp_path):
    assert refused(encoded(photo(1, (99, 400))), tmp_path) == "too_small"
    assert refused(encoded(photo(1, (400, 99))), tmp_path) == "too_small"
    prepared(encoded(photo(1, (100, 100))), tmp_path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "JPEG2000"])
def test_half_a_file_is_no_picture(tmp_path, kind):
    data = encoded(PHOTO, kind)
    assert refused(data[: len(data) // 2], tmp_path) in ("truncated", "broken")
    assert refused(data[:20], tmp_path) in ("truncated", "broken")


def test_a_picture_that_lacks_its_end_is_called_truncated(tmp_path):
    for options in ({}, {"progressive": True}):
        data = encoded(PHOTO, **options)
        assert refused(data[: len(data) * 2 // 3], tmp_path) == "truncated"
    assert refused(encoded(PHOTO, "AVIF")[:-50], tmp_path) == "truncated"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"<!DOCTYPE html><html></html>", "a web page (HTML)"),
        (b"\xef\xbb\xbf\n <HTML>", "a web page (HTML)"),
        (b'<?xml version="1.0"?><svg xmlns="">', "a drawing (SVG)"),
        (b"<svg>", "a drawing (SVG)"),
        (b'{"error": 1}', "JSON text"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\0\0\0\x20ftypisom", "a video"),
        (b"RIFF\0\0\0\0AVI ", "sound or a video"),
        (b"hello", "no known picture format"),
        (b"", "empty"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(tmp_path, data, kind):
    assert picture_kind(data) is None
    assert other_kind(data) == kind
    assert refused(data, tmp_path) == "not_a_picture"


@pytest.mark.parametrize("copy", ["smaller", "compressed", "png", "brighter"])
def test_copies_look_alike_and_others_do_not(tmp_path, copy):
    copies = {
        "smaller": lambda: encoded(PHOTO.resize((140, 112), Image.Resampling.LANCZOS)),
        "compressed": lambda: encoded(PHOTO, quality=15),
        "png": lambda: encoded(PHOTO, "PNG"),
        "brighter": lambda: encoded(PHOTO.point(lambda level: min(255, level + 12))),
    }
    first, again = (prepared(data, tmp_path)[1].phash for data in (encoded(PHOTO), copies[copy]()))
    assert (first ^ again).bit_count() <= DISTANCE
    others = [prepared(encoded(photo(seed)), tmp_path)[1].phash for seed in range(2, 12)]
    assert min((first ^ other).bit_count() for other in others) > DISTANCE
