import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures_for_tests import objects_of
from supervision.detection.compact_mask import CompactMask

from common.detections import read_detections
from common.errors import UserError
from common.region import DEFAULT_GROW, Length, Region, RegionShape, object_regions
from infer.effects import Renderer, open_effect
from infer.effects.patch import make_patch
from infer.flags import parser

SIZE = (60, 80)


def cover(boxes, masks=None, size=SIZE, **options):
    options = {"grow": 0, "feather": 0, **options}
    more = {"origins": options.pop("origins")} if "origins" in options else {}
    return Renderer(open_effect("fill"), **options).region(objects_of(boxes, masks=masks, **more), size)


def disc(size=SIZE, centre=(30, 40), radius=12):
    y, x = np.indices(size)
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


def test_a_box_covers_every_pixel_it_touches():
    region = cover([[10.4, 20, 20.2, 30]], shape="box")
    assert region[20:30, 10:21].min() == 255
    assert (region == 255).sum() == 10 * 11


def test_growing_adds_on_all_sides_and_is_cut_at_the_borders():
    region = cover([[0, 0, 10, 10]], shape="box", grow=5)
    assert (region[:15, :15] == 255).all()
    assert (region == 255).sum() == 15 * 15  # nothing on the far sides


def test_percent_of_the_object():
    assert (cover([[20, 20, 40, 40]], shape="box", grow="50%") == 255).sum() == 40 * 40


def test_an_ellipse_lies_in_its_box_and_covers_its_middle():
    region = cover([[20, 10, 60, 50]], shape="ellipse") == 255
    assert region[30, 20:60].all() and region[10:50, 40].all()
    assert not region[10, 20] and region.sum() == pytest.approx(np.pi * 20.5**2, rel=0.03)


def test_an_ellipse_of_an_object_half_outside_is_not_bare_at_the_border():
    region = cover([[0, 10, 20, 50]], shape="ellipse") == 255
    assert region[10:50, 0].all()


def test_the_mask_is_used_and_stays_within():
    mask = disc()
    region = cover([[28, 18, 53, 43]], masks=mask[None])
    assert np.array_equal(region == 255, mask)


def test_compact_and_dense_masks_cover_the_same():
    masks = np.stack([disc(), disc(centre=(5, 70), radius=20)])
    boxes = [[28, 18, 52, 42], [50, 0, 79, 25]]
    compact = CompactMask.from_dense(masks, np.array(boxes, float), image_shape=SIZE)
    for options in ({}, {"grow": 7, "feather": 3}):
        assert np.array_equal(cover(boxes, masks, **options), cover(boxes, compact, **options))


def test_an_empty_mask_falls_back_to_the_box_rather_than_to_nothing():
    region = cover([[20, 20, 40, 40]], masks=np.zeros((1, *SIZE), bool))
    assert region[30, 30] == 255 and (region == 255).sum() > 300


@pytest.mark.parametrize("origin", ["detected", "manual"])
@pytest.mark.parametrize("effect", ["fill", "background"])
@pytest.mark.parametrize("shape", ["mask", "box", "ellipse"])
def test_a_box_beside_anothers_mask_covers_the_same_as_alone(tmp_path, shape, effect, origin):
    masked = {"class": "face", "box": [2, 2, 8, 8], "mask": {"size": [60, 80], "counts": [130, 3, 4667]}}
    boxed = {"class": "face", "box": [30, 20, 50, 44], "origin": origin}
    path = tmp_path / "found.jsonl"
    lines = [{"format": "hide-in-video detections", "version": 1, "width": 80, "height": 60, "classes": ["face"]}]
    lines += [{"frame": 0, "time": 0, "objects": [masked, boxed]}, {"frame": 1, "time": 1, "objects": [boxed]}]
    path.write_text("\n".join(map(json.dumps, lines)))
    renderer = Renderer(open_effect(effect), shape=shape)
    beside, alone = (renderer.region(frame, SIZE) for frame in read_detections(path))
    assert np.array_equal(beside[:, 20:], alone[:, 20:]) and len(np.unique(alone)) > 1


def test_a_box_set_by_hand_is_covered_to_its_corners():
    region = cover([[20, 20, 40, 40]], origins=["manual"])
    assert (region == 255).sum() == 400 and region[20, 20] == 255


def test_feather_lies_outside_only():
    hard, soft = cover([[20, 20, 40, 40]], shape="box"), cover([[20, 20, 40, 40]], shape="box", feather=4)
    assert np.array_equal(hard == 255, soft == 255)
    row = soft[30, 40:46].tolist()
    assert row == sorted(row, reverse=True) and row[0] < 255 and row[3] > 0 and row[4:] == [0, 0]


def test_faces_are_grown_over_the_head_by_default():
    region = Renderer(open_effect("fill")).region(objects_of([[30, 20, 50, 44]]), SIZE) == 255
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    assert rows[0] <= 15 and rows[-1] >= 48 and columns[0] <= 25 and columns[-1] >= 54


boxes_anywhere = st.lists(
    st.tuples(*[st.floats(-40, 120, allow_nan=False, width=32)] * 4).map(list), min_size=1, max_size=4
)


@settings(max_examples=120, deadline=None)
@given(boxes_anywhere, st.sampled_from(["box", "ellipse", "mask"]), st.floats(0, 30), st.floats(0, 30))
def test_more_growth_or_feather_never_covers_less(boxes, shape, small, more):
    less = cover(boxes, shape=shape, grow=small)
    grown = cover(boxes, shape=shape, grow=small + more)
    softer = cover(boxes, shape=shape, grow=small, feather=more)
    assert (grown >= less).all() and (softer >= less).all()
    assert np.array_equal(softer == 255, less == 255)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 25), st.floats(0, 25))
def test_masks_grow_monotonically_and_contain_the_mask(seed, small, more):
    random = np.random.default_rng(seed)
    mask = disc(centre=random.integers(-5, 85, 2), radius=int(random.integers(1, 30)))
    if not mask.any():
        return
    box = [0.0, 0.0, 80.0, 60.0]
    less = cover([box], masks=mask[None], grow=small) == 255
    grown = cover([box], masks=mask[None], grow=small + more) == 255
    assert (less >= mask).all() and (grown >= less).all()


@settings(max_examples=80, deadline=None)
@given(boxes_anywhere, st.sampled_from(["box", "ellipse"]))
def test_all_together_cover_the_union_of_each(boxes, shape):
    together = cover(boxes, shape=shape, grow=3)
    each = np.max([cover([box], shape=shape, grow=3) for box in boxes], axis=0)
    assert np.array_equal(together, each)


@pytest.mark.parametrize("rotation", [1, 2, 3])
@pytest.mark.parametrize("size", [(60, 80), (61, 81)])
def test_rounding_to_the_chroma_grid_only_adds_and_adds_little(rotation, size):
    renderer = Renderer(open_effect("fill"), shape="box", grow=0)
    objects = objects_of([[11, 13, 31, 40], [70, 50, 95, 95]])
    exact = renderer.region(objects, size)
    rounded = renderer.region(objects, size, rotation=rotation, grid=(2, 2))
    assert (rounded >= exact).all()
    assert (rounded == 255).sum() <= (exact == 255).sum() + 2 * (60 + 100)


def test_a_patch_is_rounded_outwards_to_the_chroma_grid():
    """All luma under a chroma sample is covered alike."""
    region = Region(3, 5, np.full((2, 3), 255, np.uint8), (5, 3, 8, 5), 0)
    patch = make_patch(region, (11, 13), 0, (2, 2))
    assert (patch.top, patch.left, patch.alpha.tolist()) == (2, 4, [[255] * 4] * 4)
    fine = make_patch(region, (11, 13), 0, (2, 2), rounded=False)
    assert (fine.top, fine.left) == (2, 4)
    assert fine.alpha.tolist() == [[0] * 4, [0, 255, 255, 255], [0, 255, 255, 255], [0] * 4]
    soft = make_patch(Region(2, 4, np.array([[9, 0], [0, 0]], np.uint8), (4, 2, 6, 4), 0), (11, 13), 0, (2, 2))
    assert soft.alpha.tolist() == [[9, 9], [9, 9]]
    corner = make_patch(Region(10, 12, np.full((1, 1), 255, np.uint8), (12, 10, 13, 11), 0), (11, 13), 0, (2, 2))
    assert (corner.top, corner.left, corner.alpha.shape) == (10, 12, (1, 1))


@pytest.mark.parametrize("text", ["-3", "-1%", "wide", "5em", "", "1e3"])
def test_lengths_that_make_no_sense_are_refused(text):
    with pytest.raises(UserError):
        Length.parse(text)


def test_wrong_shapes_and_masks_are_refused():
    with pytest.raises(UserError, match="ellipse"):
        RegionShape("circle")
    with pytest.raises(UserError, match="80x60"):
        cover([[0, 0, 5, 5]], masks=np.ones((1, 60, 80), bool), size=(30, 40))


def test_objects_out_of_the_picture_are_left_out():
    assert object_regions(objects_of([[100, 10, 120, 20]]).detections, SIZE, RegionShape("box")) == []


@pytest.mark.parametrize("kind", ["mask", "box", "ellipse"])
def test_more_is_added_to_what_is_usual(kind):
    usual = RegionShape(kind).margins(kind, (0, 0, 100, 100))[0]
    assert RegionShape(kind, more=Length(8)).margins(kind, (0, 0, 100, 100))[0] == usual + 8
    assert RegionShape(kind, grow=Length(0), more=Length(5, True)).margins(kind, (0, 0, 100, 100))[0] == 5


def test_a_mask_that_its_box_cuts_short_is_widened_over_the_rest():
    """A detector's box ends inside a wig, and its mask with it: a tenth of the height is missing on top."""
    wig = disc(size=(120, 120), centre=(60, 60), radius=40)
    found = wig.copy()
    found[:28] = False
    objects = objects_of([[20, 28, 101, 101]], masks=found[None])
    usual, tight = (Renderer(open_effect("fill"), grow=grow).region(objects, wig.shape) == 255 for grow in (None, 0))
    assert usual[wig].all() and not tight[wig].all()
    rows, columns = np.flatnonzero(usual.any(axis=1)), np.flatnonzero(usual.any(axis=0))
    margin = 0.15 * np.sqrt(81 * 73)  # and not more than that
    assert 28 - margin <= rows[0] <= 20 and rows[-1] <= 100 + margin
    assert 20 - margin <= columns[0] and columns[-1] <= 100 + margin


def test_masks_are_widened_whoever_drew_them_unless_tight():
    mask = disc()
    objects = objects_of([[28, 18, 53, 43]], masks=mask[None], origins=["manual"])
    usual, tight = (Renderer(open_effect("fill"), grow=grow).region(objects, SIZE) == 255 for grow in (None, 0))
    assert np.array_equal(tight, mask)
    assert usual[mask].all() and usual[disc(radius=15)].all()


def test_what_is_kept_is_cut_along_its_mask():
    mask = disc()
    objects = objects_of([[28, 18, 53, 43]], masks=mask[None])
    hidden = Renderer(open_effect("cutout"), feather=0).region(objects, SIZE)
    assert np.array_equal(hidden == 0, mask)


def test_the_help_names_the_usual_widening(capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["render", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    faces, boxes = DEFAULT_GROW["ellipse"], DEFAULT_GROW["box"]
    assert DEFAULT_GROW["mask"] == boxes
    assert f"faces by {faces.value:g} %, boxes and masks {boxes.value:g} %" in text
