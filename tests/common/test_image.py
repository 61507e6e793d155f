"""Images: the way up, transparency, colour profile, what is refused, and that nothing tells on the side."""

import io
import struct
import zlib

import cv2
import numpy as np
import piexif
import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin, UnidentifiedImageError
from skimage import data

import common.image as image_module
from common.errors import DamagedSourceError, UserError
from common.image import SUFFIXES, Picture, read_image, write_image

NOISE_ALPHA = np.random.default_rng(7).integers(0, 256, (37, 53, 4), np.uint8)
NOISE = np.ascontiguousarray(NOISE_ALPHA[..., :3])
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif_with_everything(orientation=1, thumbnail=None):
    """EXIF as a phone writes it: place, device, author, maker's notes and a small copy of the picture."""
    small = io.BytesIO()
    (thumbnail or Image.fromarray(NOISE)).save(small, "JPEG")
    return piexif.dump(
        {
            "0th": {
                piexif.ImageIFD.Orientation: orientation,
                piexif.ImageIFD.Make: b"Maker",
                piexif.ImageIFD.Model: b"Phone 7",
                piexif.ImageIFD.Artist: b"Ann Author",
                piexif.ImageIFD.DateTime: b"2020:01:02 03:04:05",
            },
            "Exif": {piexif.ExifIFD.MakerNote: b"secret notes", piexif.ExifIFD.BodySerialNumber: b"SN-12345"},
            "GPS": {piexif.GPSIFD.GPSLatitudeRef: b"N", piexif.GPSIFD.GPSLatitude: ((52, 1), (31, 1), (12, 1))},
            "1st": {piexif.ImageIFD.Compression: 6},
            "thumbnail": small.getvalue(),
        }
    )


def kinds(picture):
    return {(telltale.kind, telltale.where) for telltale in picture.telltales}


# --- pixels ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp", ".bmp", ".ppm", ".tga", ".jp2", ".qoi"])
def test_formats_without_loss_come_back_to_the_bit(tmp_path, suffix):
    write_image(tmp_path / f"a{suffix}", NOISE)
    first = read_image(tmp_path / f"a{suffix}")
    write_image(tmp_path / f"b{suffix}", first.pixels, first)
    second = read_image(tmp_path / f"b{suffix}")
    np.testing.assert_array_equal(first.pixels, NOISE)
    np.testing.assert_array_equal(second.pixels, NOISE)
    assert first.telltales == ()


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp", ".tga", ".jp2", ".qoi"])
def test_transparency_is_kept_also_the_colours_under_it(tmp_path, suffix):
    write_image(tmp_path / f"a{suffix}", NOISE_ALPHA)
    picture = read_image(tmp_path / f"a{suffix}")
    write_image(tmp_path / f"b{suffix}", picture.pixels, picture)
    np.testing.assert_array_equal(read_image(tmp_path / f"b{suffix}").pixels, NOISE_ALPHA)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
def test_every_orientation_is_read_upright_and_written_upright(tmp_path, orientation, suffix):
    coarse = np.random.default_rng(orientation).integers(0, 256, (3, 5, 3), np.uint8)
    shown = coarse.repeat(16, axis=0).repeat(16, axis=1)
    undo = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    exif = Image.Exif()
    exif[274] = undo
    lying = Image.fromarray(shown)
    lying.info["exif"] = exif.tobytes()
    lying = ImageOps.exif_transpose(lying)
    tag = Image.Exif()
    tag[274] = orientation
    options = (
        {"quality": 100, "subsampling": 0} if suffix == ".jpg" else {"lossless": True} if suffix == ".webp" else {}
    )
    lying.save(tmp_path / f"a{suffix}", exif=tag.tobytes(), **options)
    picture = read_image(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(picture.pixels.astype(int), shown, atol=4)
    write_image(tmp_path / f"b{suffix}", picture.pixels, picture, keep_metadata=True)
    with Image.open(tmp_path / f"b{suffix}") as written:
        assert written.size == (80, 48)
        assert written.getexif().get(274, 1) == 1
    np.testing.assert_allclose(read_image(tmp_path / f"b{suffix}").pixels.astype(int), shown, atol=8)


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P"])
def test_gray_bilevel_and_palette_images(tmp_path, mode):
    gray = Image.fromarray(NOISE[..., 0])
    source = gray.convert("RGB").quantize(256) if mode == "P" else gray.convert(mode)
    source.save(tmp_path / "a.png")
    picture = read_image(tmp_path / "a.png")
    assert picture.pixels.shape[2] == (4 if mode == "LA" else 3)
    write_image(tmp_path / "b.png", picture.pixels, picture)
    with Image.open(tmp_path / "b.png") as written:
        assert written.mode == {"P": "RGB"}.get(mode, mode)
        np.testing.assert_array_equal(np.asarray(written.convert("RGBA")), np.asarray(source.convert("RGBA")))


def test_colour_painted_into_a_gray_image_stays_a_colour(tmp_path):
    Image.fromarray(NOISE[..., 0]).save(tmp_path / "a.png")
    picture = read_image(tmp_path / "a.png")
    painted = picture.pixels.copy()
    painted[5:9, 5:9] = (255, 0, 0)
    write_image(tmp_path / "b.png", painted, picture)
    np.testing.assert_array_equal(read_image(tmp_path / "b.png").pixels, painted)


def test_a_transparent_palette_entry_becomes_an_alpha_channel(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), "P")
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.save(tmp_path / "a.png", transparency=1)
    pixels = read_image(tmp_path / "a.png").pixels
    assert pixels[0, 0].tolist() == [10, 20, 30, 255]
    assert pixels[0, 1].tolist() == [200, 100, 50, 0]


def test_gif_is_exact_up_to_256_colours_and_says_when_it_is_not(tmp_path):
    few = np.array([[[1, 2, 3], [250, 0, 9]], [[7, 7, 7], [1, 2, 3]]], np.uint8)
    assert write_image(tmp_path / "a.gif", few) == ()
    np.testing.assert_array_equal(read_image(tmp_path / "a.gif").pixels, few)
    holes = np.dstack([few, np.array([[255, 0], [255, 255]], np.uint8)])
    write_image(tmp_path / "b.gif", holes)
    back = read_image(tmp_path / "b.gif").pixels
    np.testing.assert_array_equal(back[..., 3], holes[..., 3])
    np.testing.assert_array_equal(back[back[..., 3] > 0], holes[holes[..., 3] > 0])
    (note,) = write_image(tmp_path / "c.gif", NOISE)
    assert "256 colours" in note
    with pytest.raises(UserError, match="half transparency"):
        write_image(tmp_path / "d.gif", NOISE_ALPHA)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_jpeg_keeps_its_chroma_subsampling_and_high_quality(tmp_path, subsampling):
    Image.fromarray(data.astronaut()).save(tmp_path / "a.jpg", quality=90, subsampling=subsampling)
    picture = read_image(tmp_path / "a.jpg")
    write_image(tmp_path / "b.jpg", picture.pixels, picture)
    again = read_image(tmp_path / "b.jpg")
    assert picture.subsampling == again.subsampling == subsampling
    error = (again.pixels.astype(float) - picture.pixels) ** 2
    assert 10 * np.log10(255**2 / error.mean()) > 38


def test_animated_files_keep_the_first_picture_and_say_so(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    picture = read_image(tmp_path / "a.gif")
    assert picture.notes == ("only the first of 3 pictures in the file is kept",)
    assert picture.pixels[0, 0].tolist() == [255, 0, 0]


# --- colour and resolution ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff", ".avif"])
def test_the_colour_profile_is_kept(tmp_path, suffix):
    Image.fromarray(NOISE).save(tmp_path / f"a{suffix}", icc_profile=SRGB)
    picture = read_image(tmp_path / f"a{suffix}")
    write_image(tmp_path / f"b{suffix}", picture.pixels, picture)
    assert read_image(tmp_path / f"b{suffix}").icc == SRGB


def test_a_profile_for_colours_is_not_put_on_gray(tmp_path):
    picture = Picture(np.full((4, 4, 3), 9, np.uint8), mode="L", icc=SRGB)
    (note,) = write_image(tmp_path / "a.png", picture.pixels, picture)
    assert "profile was dropped" in note
    assert read_image(tmp_path / "a.png").icc is None


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".bmp"])
def test_resolution_is_kept(tmp_path, suffix):
    Image.fromarray(NOISE).save(tmp_path / f"a{suffix}", dpi=(300, 300))
    picture = read_image(tmp_path / f"a{suffix}")
    write_image(tmp_path / f"b{suffix}", picture.pixels, picture)
    assert read_image(tmp_path / f"b{suffix}").dots_per_inch == pytest.approx((300, 300), abs=0.1)


# --- telltales ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
def test_exif_is_reported_and_dropped(tmp_path, suffix):
    Image.fromarray(NOISE).save(tmp_path / f"a{suffix}", exif=exif_with_everything())
    picture = read_image(tmp_path / f"a{suffix}")
    expected = {("location", "EXIF"), ("device", "EXIF"), ("person", "EXIF"), ("time", "EXIF")}
    assert expected <= kinds(picture)
    if suffix != ".tiff":  # Pillow's own TIFF writer drops it
        assert ("thumbnail", "EXIF") in kinds(picture)
    write_image(tmp_path / f"b{suffix}", picture.pixels, picture)
    written = (tmp_path / f"b{suffix}").read_bytes()
    assert read_image(tmp_path / f"b{suffix}").telltales == ()
    for secret in (b"Phone 7", b"Ann Author", b"SN-12345", b"secret notes", b"Exif", b"2020:01:02"):
        assert secret not in written


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff", ".avif"])
def test_keep_metadata_keeps_plain_fields_but_never_the_thumbnail(tmp_path, suffix):
    Image.fromarray(NOISE).save(tmp_path / f"a{suffix}", exif=exif_with_everything(orientation=6))
    picture = read_image(tmp_path / f"a{suffix}")
    notes = write_image(tmp_path / f"b{suffix}", picture.pixels, picture, keep_metadata=True)
    assert any("EXIF" in note for note in notes)
    again = read_image(tmp_path / f"b{suffix}")
    assert {("location", "EXIF"), ("device", "EXIF"), ("person", "EXIF")} <= kinds(again)
    assert ("thumbnail", "EXIF") not in kinds(again)
    written = (tmp_path / f"b{suffix}").read_bytes()
    assert b"Phone 7" in written and b"secret notes" not in written
    assert again.pixels.shape == picture.pixels.shape == (53, 37, 3)


def jpeg_with(*segments, tail=b""):
    buffer = io.BytesIO()
    Image.fromarray(NOISE).save(buffer, "JPEG")
    plain = buffer.getvalue()
    middle = b"".join(bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body for marker, body in segments)
    return plain[:2] + middle + plain[2:] + tail


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (jpeg_with((0xFE, b"taken at home")), ("text", "JPEG comment")),
        (jpeg_with((0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x0c" + b"\0" * 40)), ("data", "APP13")),
        (jpeg_with((0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>")), ("data", "XMP")),
        (jpeg_with((0xE0, b"JFXX\0\x10" + b"\xff\xd8\xff\xd9")), ("thumbnail", "JFIF")),
        (jpeg_with((0xE5, b"vendor preview" * 3)), ("data", "APP5")),
        (jpeg_with(tail=b"\0\0\0\x18ftypmp42" + b"m" * 50), ("data", "after the picture's end")),
        (jpeg_with((0xE1, exif_with_everything())), ("thumbnail", "EXIF")),
    ],
)
def test_what_hides_in_a_jpeg_is_found_and_gone(tmp_path, content, expected):
    (tmp_path / "a.jpg").write_bytes(content)
    picture = read_image(tmp_path / "a.jpg")
    assert expected in kinds(picture)
    write_image(tmp_path / "b.jpg", picture.pixels, picture)
    assert read_image(tmp_path / "b.jpg").telltales == ()


def test_a_second_picture_in_one_jpeg_is_found_and_gone(tmp_path):
    first, second = Image.fromarray(NOISE), Image.new("RGB", (53, 37), "red")
    first.save(tmp_path / "a.mpo", save_all=True, append_images=[second])
    picture = read_image(tmp_path / "a.mpo")
    assert {("picture", "MPF"), ("data", "after the picture's end")} <= kinds(picture)
    assert picture.format == "JPEG" and "first of 2" in picture.notes[0]
    write_image(tmp_path / "b.jpg", picture.pixels, picture)
    assert read_image(tmp_path / "b.jpg").telltales == ()


def test_what_hides_in_a_png_is_found_and_gone(tmp_path):
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "Ann Author")
    text.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta/>")
    text.add(b"tIME", b"\x07\xe4\x01\x02\x03\x04\x05")
    text.add(b"prVt", b"private")
    Image.fromarray(NOISE).save(tmp_path / "a.png", pnginfo=text)
    with (tmp_path / "a.png").open("ab") as file:
        file.write(b"the rest of a larger screenshot")
    picture = read_image(tmp_path / "a.png")
    expected = {("text", "PNG tEXt"), ("data", "PNG iTXt"), ("time", "PNG tIME"), ("data", "PNG prVt")}
    assert kinds(picture) == expected | {("data", "after the picture's end")}
    write_image(tmp_path / "b.png", picture.pixels, picture)
    assert read_image(tmp_path / "b.png").telltales == ()


def test_comments_pages_and_packets_of_other_formats(tmp_path):
    Image.fromarray(NOISE).save(tmp_path / "a.gif", comment=b"at home")
    Image.fromarray(NOISE).save(tmp_path / "a.webp", xmp=b"<x:xmpmeta/>")
    Image.fromarray(NOISE).save(
        tmp_path / "a.tiff", save_all=True, append_images=[Image.fromarray(NOISE)], tiffinfo={700: b"<x:xmpmeta/>"}
    )
    assert ("text", "GIF comment") in kinds(read_image(tmp_path / "a.gif"))
    assert ("data", "XMP") in kinds(read_image(tmp_path / "a.webp"))
    assert {("data", "TIFF tag 700"), ("picture", "TIFF")} <= kinds(read_image(tmp_path / "a.tiff"))


def test_an_unreadable_exif_block_is_no_reason_to_fail(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg_with((0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff garbage")))
    picture = read_image(tmp_path / "a.jpg")
    assert picture.pixels.shape == (37, 53, 3)


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "shape"),
    [
        (suffix, shape)
        for shape, suffixes in {(64, 70): ".png .tiff .pgm .jp2", (64, 70, 3): ".png .tiff .ppm .jp2"}.items()
        for suffix in suffixes.split()
    ],
)
def test_16_bits_a_channel_are_refused_loudly(tmp_path, suffix, shape):
    assert cv2.imwrite(str(tmp_path / f"a{suffix}"), np.random.default_rng(7).integers(0, 65536, shape, np.uint16))
    with pytest.raises(UserError, match="8 bits a channel"):
        read_image(tmp_path / f"a{suffix}")


@pytest.mark.parametrize(("mode", "suffix"), [("CMYK", ".jpg"), ("CMYK", ".tiff"), ("LAB", ".tiff"), ("F", ".tiff")])
def test_other_colours_are_refused_loudly(tmp_path, mode, suffix):
    Image.new(mode, (8, 8)).save(tmp_path / f"a{suffix}")
    with pytest.raises(UserError, match="convert it"):
        read_image(tmp_path / f"a{suffix}")


def test_jpeg_cannot_take_transparency(tmp_path):
    with pytest.raises(UserError, match="no transparency"):
        write_image(tmp_path / "a.jpg", NOISE_ALPHA)
    opaque = np.dstack([NOISE, np.full(NOISE.shape[:2], 255, np.uint8)])
    write_image(tmp_path / "a.jpg", opaque, Picture(opaque, mode="RGBA"))
    assert read_image(tmp_path / "a.jpg").pixels.shape == NOISE.shape


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.jpg", None, "does not exist"),
        ("empty.jpg", b"", "is empty"),
        ("text.jpg", b"no picture at all", "not an image"),
        ("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64, "HEIC|damaged"),
        ("script.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
    ],
)
def test_what_is_no_image_is_one_line(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as raised:
        read_image(tmp_path / name)
    assert "\n" not in str(raised.value) and name in str(raised.value)


@pytest.mark.parametrize(("plugin", "expected"), [(False, "pip install pillow-heif"), (True, "is damaged")])
def test_heic_asks_for_the_plugin_or_is_damaged(tmp_path, monkeypatch, plugin, expected):
    monkeypatch.setattr(image_module, "register_heif", lambda: plugin)
    monkeypatch.setattr(image_module.Image, "open", unidentified)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64)
    with pytest.raises(UserError, match=expected):
        read_image(tmp_path / "a.heic")


def unidentified(*arguments, **options):
    raise UnidentifiedImageError("cannot identify image file")


def test_a_folder_is_no_image(tmp_path):
    with pytest.raises(UserError, match="is a folder"):
        read_image(tmp_path)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff", ".gif", ".bmp", ".jp2", ".avif"])
def test_truncated_files_are_damaged_at_every_length(tmp_path, suffix):
    write_image(tmp_path / f"a{suffix}", NOISE)
    whole = (tmp_path / f"a{suffix}").read_bytes()
    refused = 0
    for length in range(1, int(len(whole) * 0.9), max(1, len(whole) // 25)):
        (tmp_path / f"b{suffix}").write_bytes(whole[:length])
        with pytest.raises(UserError) as raised:
            read_image(tmp_path / f"b{suffix}")
        assert "\n" not in str(raised.value)
        refused += isinstance(raised.value, DamagedSourceError)
    assert refused > 3


def test_flipped_bytes_never_end_in_a_traceback(tmp_path):
    random = np.random.default_rng(7)
    for suffix in (".jpg", ".png", ".webp", ".tiff", ".gif", ".qoi", ".tga"):
        exif = {"exif": exif_with_everything()} if suffix in (".jpg", ".png", ".webp", ".tiff") else {}
        Image.fromarray(NOISE).save(tmp_path / f"a{suffix}", **exif)
        whole = bytearray((tmp_path / f"a{suffix}").read_bytes())
        for place in random.integers(0, min(len(whole), 600), 60):
            broken = whole.copy()
            broken[place] ^= int(random.integers(1, 256))
            (tmp_path / f"b{suffix}").write_bytes(broken)
            try:
                read_image(tmp_path / f"b{suffix}")
            except UserError as error:
                assert "\n" not in str(error)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    bomb = b"\x89PNG\r\n\x1a\n"
    for body in (b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(b"\0" * 999)):
        bomb += struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "a.png").write_bytes(bomb)
    with pytest.raises(UserError, match="larger than any photograph"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a.xyz", "a.psd", "a.pdf"])
def test_unknown_suffixes_are_refused_with_a_list(tmp_path, name):
    with pytest.raises(UserError, match=r"\.png"):
        write_image(tmp_path / name, NOISE)
    assert list(tmp_path.iterdir()) == []


def test_the_target_decides_the_format_not_the_staged_name(tmp_path):
    write_image(tmp_path / ".staged-1234.tmp", NOISE, target=tmp_path / "a.PNG")
    with Image.open(tmp_path / ".staged-1234.tmp") as image:
        assert image.format == "PNG"
    write_image(tmp_path / "bare", NOISE, Picture(NOISE, format="BMP"))
    with Image.open(tmp_path / "bare") as image:
        assert image.format == "BMP"


def test_an_unwritable_place_is_one_line(tmp_path):
    with pytest.raises(UserError, match="cannot be written") as raised:
        write_image(tmp_path / "missing" / "a.png", NOISE)
    assert "\n" not in str(raised.value)


def test_every_suffix_on_the_list_is_written_or_says_what_is_missing(tmp_path):
    gray = np.full((16, 16, 3), 128, np.uint8)
    for suffix in sorted(SUFFIXES):
        try:
            write_image(tmp_path / f"a{suffix}", gray)
        except UserError as error:
            assert suffix in (".heic", ".heif") and "pillow-heif" in str(error)
            continue
        np.testing.assert_allclose(read_image(tmp_path / f"a{suffix}").pixels.astype(int), gray, atol=3)
