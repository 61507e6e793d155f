import av
import numpy as np
import pytest
from pictures_for_tests import FORMATS, noise_picture

from common.colours import ColourCoding, parse_colour
from common.errors import UserError
from common.pixel_layout import alpha_format, nearest_format, pixel_layout
from common.planes import Planes, copy_picture, viewable

ODD_FORMATS = {
    "pal8": "rgba",
    "yuv420p10be": "yuv420p10le",
    "monow": "gray",
    "rgb565le": "rgb24",
    "y210le": "yuv422p10le",
    "gbrpf32le": "rgb48le",
    "grayf32le": "gray16le",
    "x2rgb10le": "rgb48le",
    "v30xle": "yuv444p10le",
    "yuva422p10be": "yuva422p10le",
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_copy_holds_the_same_bits_and_is_written_alone(name):
    picture = noise_picture(name, (17, 33))
    before = [view.copy() for view in Planes.of(picture).channels]
    copy = copy_picture(picture)
    planes = Planes.of(copy)
    assert copy.format.name == name
    for view, samples in zip(planes.channels, before, strict=True):
        assert np.array_equal(view, samples)
        view[:] = 0
    assert all(np.array_equal(a, b) for a, b in zip(Planes.of(picture).channels, before, strict=True))


@pytest.mark.parametrize("name", FORMATS)
def test_colours_match_what_ffmpeg_writes(name):
    for rgb in ((255, 0, 0), (12, 200, 90), (255, 255, 255), (0, 0, 0)):
        flat = np.full((16, 16, 3), rgb, np.uint8)
        picture = av.VideoFrame.from_ndarray(flat, "rgb24").reformat(format=name)
        planes = Planes.of(picture)
        for value, view in zip(planes.coding.encode(rgb), planes.channels, strict=True):
            # swscale rounds in steps of its own: within 2 of 255
            assert abs(int(value) - int(view[3, 3])) <= 2.2 / 255 * planes.coding.top


@pytest.mark.parametrize(("matrix", "red"), [(6, (81, 90, 240)), (1, (63, 102, 240)), (9, (74, 97, 240))])
def test_red_in_the_three_matrices_at_limited_range(matrix, red):
    assert [int(v) for v in ColourCoding("yuv", full=False, matrix=matrix).encode((255, 0, 0))] == list(red)


def test_white_in_a_pq_signal_is_graphics_white_not_the_brightest():
    coding = ColourCoding("yuv", 10, 6, False, matrix=9, transfer=16, primaries=9)
    luma = int(coding.encode((255, 255, 255))[0]) >> 6
    assert luma == pytest.approx(64 + 0.58 * 876, abs=4)  # BT.2408: 203 nits is 58 % PQ


def test_hlg_white_is_at_three_quarters():
    coding = ColourCoding("rgb", 10, transfer=18)
    assert int(coding.encode((255, 255, 255))[0]) == pytest.approx(0.75 * 1023, abs=4)


@pytest.mark.parametrize(("name", "expected"), sorted(ODD_FORMATS.items()))
def test_formats_that_cannot_be_viewed_go_to_the_nearest(name, expected):
    assert pixel_layout(name) is None
    assert nearest_format(name) == expected
    try:
        picture = av.VideoFrame(32, 16, name)
        converted = viewable(picture)
    except UserError:
        pytest.fail(f"{name} should convert")
    assert converted.format.name == expected
    assert Planes.of(converted).channels[0].shape == (16, 32)


@pytest.mark.parametrize("name", FORMATS)
def test_alpha_is_added_without_touching_the_colours(name):
    picture = noise_picture(name, (18, 32))
    copy = copy_picture(picture, alpha=True)
    before, after = Planes.of(picture), Planes.of(copy)
    assert after.alpha is not None
    if before.alpha is None:
        assert (after.alpha == after.coding.top).all()
    if before.layout.grid == after.layout.grid and before.layout.depth == after.layout.depth:
        for a, b in zip(before.channels, after.channels, strict=True):
            assert np.array_equal(a >> before.layout.shift, b)


def test_a_shallow_or_coarse_format_without_alpha_twin_gets_a_finer_one():
    assert alpha_format("yuv411p") == "yuva422p"
    assert alpha_format("yuv420p12le") == "yuva420p16le"


def test_tags_and_time_come_along():
    picture = noise_picture("yuv420p", (16, 16))
    picture.colorspace, picture.color_range, picture.color_trc, picture.color_primaries = 9, 1, 16, 9
    picture.pts = 77
    copy = copy_picture(picture)
    assert (copy.colorspace, copy.color_range, copy.color_trc, copy.color_primaries) == (9, 1, 16, 9)
    assert copy.pts == 77


def test_an_unknown_matrix_is_guessed_from_the_size_as_players_do():
    small, large = noise_picture("yuv420p", (480, 640)), noise_picture("yuv420p", (720, 1280))
    assert Planes.of(small).coding.matrix == 6
    assert Planes.of(large).coding.matrix == 1


@pytest.mark.parametrize("name", ["bgr24", "rgba", "yuv420p", "yuv420p10le", "nv12", "gray", "gbrp", "p010le"])
def test_bottom_up_pictures_are_turned_over_bit_by_bit(name):
    picture = noise_picture(name, (17, 24))
    picture.pts = 0
    graph = av.filter.Graph()
    source = graph.add_buffer(width=24, height=17, format=picture.format, time_base="1/25")
    flip, sink = graph.add("vflip"), graph.add("buffersink")
    source.link_to(flip)
    flip.link_to(sink)
    graph.configure()
    graph.push(picture)
    flipped = graph.pull()
    assert flipped.planes[0].line_size < 0
    copy = copy_picture(flipped)
    assert copy.format.name == name
    for a, b in zip(Planes.of(copy).channels, Planes.of(picture).channels, strict=True):
        assert np.array_equal(a, b[::-1])


def test_whole_pictures_are_coded_with_the_mean_of_the_pixels_under_a_chroma_sample():
    picture = noise_picture("yuv420p", (3, 5))
    rgb = np.zeros((3, 5, 3), np.uint8)
    rgb[:2, :2] = 255, 0, 0
    luma, blue, red = Planes.of(picture).encode_pixels(rgb)
    assert luma.shape == (3, 5) and blue.shape == red.shape == (2, 3)
    assert (luma[0, 0], blue[0, 0], red[0, 0]) == (81, 90, 240)
    assert (luma[2, 4], blue[1, 2], red[1, 2]) == (16, 128, 128)


@pytest.mark.parametrize("text", ["", "#12", "reddish", "#gggggg", "12,13,14"])
def test_what_is_no_colour_is_refused_with_the_list(text):
    with pytest.raises(UserError, match="no colour"):
        parse_colour(text)


def test_colours_by_name_and_number():
    assert parse_colour("Navy") == parse_colour("#000080") == (0, 0, 128)
    assert parse_colour("#f80") == (255, 136, 0)
    with pytest.raises(UserError):
        parse_colour((1, 2, 300))
