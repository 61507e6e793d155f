import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures_for_tests import FORMATS, frame_of, noise_picture, objects_of

from common.errors import UserError
from common.planes import Planes
from infer.effects import EFFECTS, Renderer, open_effect
from infer.effects.patch import pooled

HIDING = [name for name in EFFECTS if name not in ("none", "outline")]
BACKGROUND = ("background", "cutout")


def channels_and_cover(picture, region):
    """Each channel of a picture with the largest alpha over each of its samples."""
    planes = Planes.of(picture)
    for view, layout in zip(planes.channels, planes.layout.channels, strict=True):
        yield view, pooled(region, layout.rows, layout.columns)


def stored_region(renderer, picture, objects, rotation):
    size = (picture.height, picture.width)
    display = size if rotation % 2 == 0 else size[::-1]
    region = renderer.region(objects, display, rotation=rotation, grid=Planes.of(picture).layout.grid)
    return np.rot90(region, -rotation)


boxes_near = st.lists(st.tuples(*[st.integers(-12, 60)] * 4).map(list), max_size=3)


@pytest.mark.parametrize("effect", HIDING)
@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(FORMATS),
    boxes_near,
    st.integers(0, 3),
    st.sampled_from([(34, 48), (35, 49), (17, 40)]),
    st.sampled_from(["box", "ellipse"]),
    st.sampled_from([0, 3]),
)
def test_samples_outside_of_the_region_keep_their_bits(effect, name, boxes, rotation, size, shape, feather):
    picture = noise_picture(name, size)
    renderer = Renderer(open_effect(effect), shape=shape, grow=2, feather=feather)
    objects = objects_of(boxes)
    out = renderer.render(frame_of(picture, rotation=rotation), objects)
    region = stored_region(renderer, picture, objects, rotation)
    before, after = Planes.of(picture), Planes.of(out)
    if before.layout.grid != after.layout.grid or after.layout.depth != before.layout.depth:
        return  # no twin with alpha: a finer format, tested on its own
    for (view, alpha), new in zip(channels_and_cover(picture, region), after.channels, strict=True):
        old = view >> (before.layout.shift - after.layout.shift)
        assert np.array_equal(old[alpha == 0], new[alpha == 0])


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(FORMATS), boxes_near, st.integers(0, 3), st.sampled_from([(34, 48), (35, 49), (17, 40)]))
def test_every_sample_of_the_union_is_filled_and_chroma_with_its_luma(name, boxes, rotation, size):
    picture = noise_picture(name, size)
    renderer = Renderer(open_effect("fill", colour="teal"), shape="box", grow=1, feather=0)
    objects = objects_of(boxes)
    out = renderer.render(frame_of(picture, rotation=rotation), objects)
    region = stored_region(renderer, picture, objects, rotation)
    colour = Planes.of(out).coding.encode((0, 128, 128))
    for (view, alpha), value in zip(channels_and_cover(out, region), colour, strict=True):
        assert (view[alpha == 255] == value).all()
    planes = Planes.of(out)
    if planes.alpha is not None:
        assert (planes.alpha[region == 255] == planes.coding.top).all()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("effect", HIDING)
def test_a_frame_that_was_not_analysed_leaves_nothing(effect, name):
    first, second = (noise_picture(name, (48, 64), seed) for seed in (1, 2))
    renderer = Renderer(open_effect(effect))
    objects = objects_of([], whole="decoder error")
    one, two = (renderer.render(frame_of(picture), objects) for picture in (first, second))
    for a, b in zip(Planes.of(one).channels, Planes.of(two).channels, strict=True):
        # two different pictures of noise end up alike: flat, or a few smooth samples of their mean
        assert np.abs(a.astype(float) - b).mean() < 0.06 * Planes.of(one).coding.top
        assert np.abs(np.diff(a.astype(float), axis=1)).max(initial=0) < 0.2 * Planes.of(one).coding.top or (
            effect == "background"
        )


def test_a_corrupt_frame_is_covered_even_when_nobody_says_so():
    picture = noise_picture("yuv420p", (32, 32))
    out = Renderer(open_effect("fill")).render(frame_of(picture, corrupt="missing reference"), objects_of([]))
    assert (Planes.of(out).channels[0] == 16).all()


@pytest.mark.parametrize("effect", ["none", "outline"])
def test_effects_that_hide_nothing_draw_on_the_objects_only(effect):
    picture = noise_picture("yuv420p", (240, 320))
    renderer = Renderer(open_effect(effect), shape="box", grow=0, feather=0)
    objects = objects_of([[100, 100, 200, 180]])
    out = renderer.render(frame_of(picture), objects)
    changed = Planes.of(out).channels[0] != Planes.of(picture).channels[0]
    assert changed.any() and not changed[120:160, 120:180].any()
    assert not changed[:70].any() and not changed[182:].any() and not changed[:, :98].any()
    assert not renderer.region(objects, (240, 320)).any() and not renderer.effect.anonymises


@pytest.mark.parametrize("rotation", range(4))
def test_captions_stay_inside_the_picture_and_upright(rotation):
    size = (60, 90) if rotation % 2 == 0 else (90, 60)
    picture = noise_picture("gray", size)
    Planes.of(picture).channels[0][:] = 0
    boxes = [[-20, -20, 5, 5], [80, 50, 200, 90], [30, 20, 50, 40]]
    out = Renderer(open_effect("none", classes=["face"])).render(
        frame_of(picture, rotation=rotation), objects_of(boxes)
    )
    display = np.rot90(Planes.of(out).channels[0], rotation)
    white = np.argwhere(display > 200)
    assert len(white) > 60
    rows = np.flatnonzero((display > 200).any(axis=1))
    assert len(rows) < display.shape[0]  # lines of text run along rows, not columns


def test_images_rgb_rgba_and_their_alpha():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 4), np.uint8)
    objects = objects_of([[10, 10, 30, 30]])
    out = Renderer(open_effect("fill", colour="red"), shape="box", grow=0, feather=0).render_image(pixels, objects)
    assert (out[10:30, 10:30] == (255, 0, 0, 255)).all()
    out[10:30, 10:30] = pixels[10:30, 10:30]
    assert np.array_equal(out, pixels)
    cut = Renderer(open_effect("cutout"), shape="box", grow=0, feather=0).render_image(pixels[..., :3], objects)
    assert cut.shape == (40, 50, 4) and (cut[10:30, 10:30, 3] == 255).all()
    cut[10:30, 10:30] = 0
    assert not cut.any()


def test_cutting_out_of_a_video_gives_a_format_with_alpha():
    picture = noise_picture("yuv420p10le", (32, 32))
    out = Renderer(open_effect("cutout"), shape="box", grow=0, feather=0).render(
        frame_of(picture), objects_of([[8, 8, 16, 16]])
    )
    planes = Planes.of(out)
    assert out.format.name == "yuva420p10le" and planes.alpha is not None
    assert (planes.alpha[8:16, 8:16] == 1023).all() and planes.alpha.sum() == 1023 * 64
    assert (planes.channels[0][:8] == 64).all()


def test_an_object_under_another_objects_effect_is_still_covered():
    """The soft edge of one object must not bring back what another one covers."""
    picture = noise_picture("yuv420p", (64, 64))
    luma = Planes.of(picture).channels[0]
    renderer = Renderer(open_effect("fill"), shape="box", grow=0, feather=20)
    out = renderer.render(frame_of(picture), objects_of([[10, 10, 30, 30], [28, 10, 50, 30]]))
    assert (Planes.of(out).channels[0][10:30, 10:50] == 16).all() and luma.max() > 200


@pytest.mark.parametrize("effect", ["pixelate", "gaussian", "average", "median", "bilateral"])
@pytest.mark.parametrize("span", [12, 40, 200])
def test_at_most_twelve_samples_of_an_object_are_left(effect, span):
    """The result is a smooth or tiled enlargement: it hardly changes when redrawn from 12 samples a side."""
    import cv2

    pixels = np.random.default_rng(3).integers(0, 256, (span, span, 3), np.uint8)
    out = Renderer(open_effect(effect), shape="box", grow=0, feather=0).render_image(
        pixels, objects_of([[0, 0, span, span]])
    )
    steps = (np.abs(np.diff(out[span // 2].astype(int), axis=0)).sum(axis=-1) > 0).sum()
    if effect == "pixelate":
        assert steps <= 11
    small = cv2.resize(out, (12, 12), interpolation=cv2.INTER_AREA)
    again = cv2.resize(small, (span, span), interpolation=cv2.INTER_LINEAR)
    noise_left = np.abs(out.astype(float) - pixels).mean()
    assert noise_left > 50
    assert np.abs(again.astype(float) - out).mean() < 16


def test_strength_scales_with_the_object():
    random = np.random.default_rng(5)
    tiles = []
    for span in (48, 96, 192):
        pixels = random.integers(0, 256, (span, span, 3), np.uint8)
        out = Renderer(open_effect("pixelate"), shape="box", grow=0, feather=0).render_image(
            pixels, objects_of([[0, 0, span, span]])
        )
        tiles.append(len(np.unique(out.reshape(-1, 3), axis=0)))
    assert tiles == [64, 64, 64]


def test_a_small_far_face_still_loses_everything():
    pixels = np.random.default_rng(5).integers(0, 256, (14, 10, 3), np.uint8)
    out = Renderer(open_effect("pixelate"), shape="box", grow=0, feather=0).render_image(
        pixels, objects_of([[0, 0, 10, 14]])
    )
    assert len(np.unique(out.reshape(-1, 3), axis=0)) <= 2


def test_ten_bits_stay_ten_bits():
    picture = noise_picture("yuv420p10le", (64, 64))
    out = Renderer(open_effect("gaussian")).render(frame_of(picture), objects_of([[10, 10, 50, 50]]))
    luma = Planes.of(out).channels[0]
    assert out.format.name == "yuv420p10le" and luma.max() <= 1023 and len(np.unique(luma[20:40, 20:40] % 4)) > 1


def test_formats_that_cannot_be_viewed_are_converted_and_masked():
    picture = noise_picture("yuv420p10le", (32, 32)).reformat(format="yuv420p10be")
    out = Renderer(open_effect("fill"), shape="box", grow=0).render(frame_of(picture), objects_of([[0, 0, 16, 16]]))
    assert out.format.name == "yuv420p10le" and (Planes.of(out).channels[0][:16, :16] == 64).all()


def test_share_that_is_covered_and_settings_for_the_report():
    renderer = Renderer(open_effect("pixelate", strength=0.5), shape="box", grow="10%")
    assert renderer.covered(objects_of([[0, 0, 20, 10]]), (20, 20)) > 0.5
    assert renderer.settings() == {
        "effect": "pixelate",
        "anonymises": False,
        "shape": "box",
        "grow": "10%",
        "feather": "mask 3%, kept mask 1%, box 0px, ellipse 8%, manual 0px",
    }
    assert any("reversible" in note for note in renderer.notes)


@pytest.mark.parametrize("effect", ["fill", "cutout", "none"])
def test_the_share_is_the_same_before_and_after_rendering(effect):
    renderer = Renderer(open_effect(effect), shape="box", grow=0, feather=2)
    objects = objects_of([[0, 0, 20, 10], [10, 4, 30, 20]])
    before = renderer.covered(objects, (48, 64))
    renderer.render(frame_of(noise_picture("yuv444p", (64, 48)), rotation=1), objects)
    assert renderer.covered(objects, (48, 64)) == pytest.approx(before)


def test_masks_of_another_video_are_refused():
    picture = noise_picture("yuv420p", (32, 32))
    objects = objects_of([[0, 0, 5, 5]], masks=np.ones((1, 16, 16), bool))
    with pytest.raises(UserError, match="not the same video"):
        Renderer(open_effect("fill")).render(frame_of(picture), objects)
