"""Out and in again: boxes keep their place to the pixel."""

import json

import label_files
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotate import segmentation
from annotate.label_set import LabelledImage, LabelSet, objects_of
from annotate.pictures import examine_one
from annotate.reading import read_labels
from annotate.writing import EXPORTS, unique_names, write
from common.voc import LabelledBox, voc_xml

SIZE = (60, 80)


@st.composite
def boxes(draw):
    left, top = draw(st.integers(0, 78)), draw(st.integers(0, 58))
    return left, top, draw(st.integers(left + 1, 80)), draw(st.integers(top + 1, 60))


def label_set(folder, rows):
    marks = {"segmentation": None, "difficult": False, "truncated": False, "crowd": False, "line": 0}
    facts = examine_one(label_files.picture(folder / "a.png", SIZE))
    objects = objects_of([{**marks, **row} for row in rows], ("cat", "dog"))
    return LabelSet(("cat", "dog"), (LabelledImage(facts, None, objects, "a"),), (), folder, "voc", folder)


@pytest.mark.parametrize("kind", EXPORTS)
@settings(
    max_examples=15,
    derandomize=True,  # the same every time: a run that fails says something about the change it ran for
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=st.lists(st.tuples(boxes(), st.sampled_from(["cat", "dog"])), max_size=4, unique_by=lambda row: row[0]))
def test_boxes_keep_their_place(tmp_path_factory, kind, drawn):
    folder = tmp_path_factory.mktemp("out")
    labels = label_set(folder, [{"box": box, "name": name} for box, name in drawn])
    (folder / "set").mkdir()
    write(folder / "set", labels, kind)
    again = read_labels(folder / "set")
    assert {fault.kind for fault in again.faults} <= {"duplicate-object"}
    if len(again.faults) == 0:
        names = [again.classes[class_id] for class_id in again.images[0].objects.class_id]
        assert names == [name for _, name in drawn]
        expected = np.array([box for box, _ in drawn], float).reshape(-1, 4)
        np.testing.assert_allclose(again.images[0].objects.xyxy, expected, atol=1e-3)


@pytest.mark.parametrize("kind", ["labelme", "coco", "voc", "yolo"])
def test_outlines_keep_their_place(tmp_path, kind):
    outline = [[10.0, 10.0, 50.0, 12.0, 30.0, 45.0]]
    labels = label_set(tmp_path, [{"box": (10, 10, 50, 45), "name": "dog", "segmentation": outline}])
    (tmp_path / "set").mkdir()
    write(tmp_path / "set", labels, kind)
    (again,) = read_labels(tmp_path / "set").images
    np.testing.assert_allclose(again.objects.data["segmentation"][0], outline, atol=0.01)


@pytest.mark.parametrize("kind", ["labelme", "coco"])
def test_masks_are_kept_to_the_pixel(tmp_path, kind):
    mask = np.zeros(SIZE, bool)
    mask[10:40, 20:50] = True
    mask[20:30, 30:40] = False  # a hole
    drawn = segmentation.of_mask(mask)
    labels = label_set(tmp_path, [{"box": (20, 10, 50, 40), "name": "dog", "segmentation": drawn}])
    (tmp_path / "set").mkdir()
    write(tmp_path / "set", labels, kind)
    (again,) = read_labels(tmp_path / "set").images
    np.testing.assert_array_equal(segmentation.mask_of(again.objects.data["segmentation"][0], SIZE), mask)


def test_the_largest_part_of_a_mask_keeps_its_edges_in_yolo(tmp_path):
    mask = np.zeros(SIZE, bool)
    mask[10:40, 20:50] = True
    for step in range(5):  # many corners, little area
        mask[50 + step, 60 + step : 64 + step] = True
    row = {"box": (20, 10, 68, 55), "name": "dog", "segmentation": segmentation.of_mask(mask)}
    one_row = segmentation.of_mask(np.pad(np.ones((1, 7), bool), ((3, 56), (2, 71))))
    flat = {"box": (2, 3, 9, 4), "name": "cat", "segmentation": one_row}
    (tmp_path / "set").mkdir()
    write(tmp_path / "set", label_set(tmp_path, [row, flat]), "yolo")
    (again,) = read_labels(tmp_path / "set").images
    np.testing.assert_allclose(again.objects.xyxy, [[20, 10, 50, 40], [2, 3, 9, 4]], atol=1e-3)


def test_the_largest_part_is_that_of_the_largest_area(tmp_path):
    large, small = [0.0, 0.0, 40.0, 0.0, 40.0, 40.0], [50.0, 50.0, 51.0, 50.0, 51.0, 51.0, 50.5, 51.5, 50.0, 51.0]
    row = {"box": (0, 0, 51, 52), "name": "dog", "segmentation": [small, large]}
    (tmp_path / "set").mkdir()
    write(tmp_path / "set", label_set(tmp_path, [row]), "yolo")
    (again,) = read_labels(tmp_path / "set").images
    np.testing.assert_allclose(again.objects.data["segmentation"][0], [large], atol=1e-3)


def test_marks_are_kept(tmp_path):
    row = {"box": (1, 2, 30, 40), "name": "dog", "difficult": True, "truncated": True}
    for kind in ("voc", "labelme", "coco"):
        (tmp_path / kind).mkdir()
        write(tmp_path / kind, label_set(tmp_path, [row]), kind)
        (again,) = read_labels(tmp_path / kind).images
        assert again.objects.data["difficult"].all() and again.objects.data["truncated"].all()


def one_pixel(size):
    """Boxes of one pixel: all corners and edges of a picture (height, width), and one within."""
    height, width = size
    places = [(x, y) for x in (0, width // 3, width - 1) for y in (0, height // 3, height - 1)]
    return [(x, y, x + 1, y + 1) for x, y in places]


@pytest.mark.parametrize("kind", EXPORTS)
@pytest.mark.parametrize("drawn_as", ["box", "outline", "mask"])
@pytest.mark.parametrize("size", [(60, 80), (1, 1), (3, 4001)])
def test_one_pixel_at_every_edge_and_corner_comes_back(tmp_path, kind, drawn_as, size):
    boxes = list(dict.fromkeys(one_pixel(size)))
    facts = examine_one(label_files.picture(tmp_path / "a.png", size))
    marks = {"difficult": False, "truncated": False, "crowd": False, "line": 0, "name": "dog"}
    rows = [{**marks, "box": box, "segmentation": drawn(box, size, drawn_as)} for box in boxes]
    labels = LabelSet(
        ("dog",), (LabelledImage(facts, None, objects_of(rows, ("dog",)), "a"),), (), tmp_path, "voc", tmp_path
    )
    (tmp_path / "set").mkdir()
    write(tmp_path / "set", labels, kind)
    again = read_labels(tmp_path / "set")
    assert not again.faults
    np.testing.assert_allclose(again.images[0].objects.xyxy, boxes, atol=1e-3)


def drawn(box, size, how):
    """What a box is drawn as: nothing but itself, its outline, or its pixels."""
    mask = np.zeros(size, bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return {"box": None, "outline": segmentation.of_box(np.array(box)), "mask": segmentation.of_mask(mask)}[how]


def test_one_pixel_that_the_challenge_counts_from_1_comes_back(tmp_path):
    pixels = one_pixel(SIZE)
    text = "<source><database>The VOC2012 Database</database></source>"
    label_files.picture(tmp_path / "images" / "a.jpg")
    from_1 = [("dog", x1 + 1, y1 + 1, x2, y2) for x1, y1, x2, y2 in pixels]  # the last pixel is inside
    label_files.voc(tmp_path / "labels" / "a.xml", from_1, extra=text)
    labels = read_labels(tmp_path / "labels")
    assert not labels.faults
    np.testing.assert_array_equal(labels.images[0].objects.xyxy, pixels)
    (tmp_path / "set").mkdir()
    write(tmp_path / "set", labels, "voc")
    np.testing.assert_array_equal(read_labels(tmp_path / "set").images[0].objects.xyxy, pixels)


def test_one_pixel_in_a_draft_that_labelimg_could_have_written_comes_back(tmp_path):
    label_files.picture(tmp_path / "a.png", SIZE)
    for box in one_pixel(SIZE):
        (tmp_path / "a.xml").write_bytes(voc_xml("a.png", SIZE, [LabelledBox("dog", box)]))
        again = read_labels(tmp_path)
        assert not again.faults
        np.testing.assert_array_equal(again.images[0].objects.xyxy, [box])


@pytest.mark.parametrize("kind", EXPORTS)
def test_folders_of_pictures_are_kept(tmp_path, kind):
    places = ("a.jpg", "one/a.jpg", "one/deep/a.jpg", "two/a.jpg", "two/b.jpg")
    for seed, place in enumerate(places):
        label_files.picture(tmp_path / "images" / place, seed=seed)
        label_files.voc((tmp_path / "labels" / place).with_suffix(".xml"), [("dog", 1 + seed, 2, 30, 40)])
    (tmp_path / "set").mkdir()
    write(tmp_path / "set", read_labels(tmp_path / "labels"), kind)
    again = read_labels(tmp_path / "set")
    assert not again.faults
    found = {image.path.relative_to(tmp_path / "set" / "images").as_posix(): image for image in again.images}
    assert sorted(found) == sorted(places)
    for seed, place in enumerate(places):
        assert found[place].objects.xyxy[0, 0] == pytest.approx(1 + seed, abs=1e-3)
        assert found[place].path.read_bytes() == (tmp_path / "images" / place).read_bytes()
    if kind == "labelme":
        for path in (tmp_path / "set" / "labels").rglob("*.json"):  # as labelme itself opens it
            assert (path.parent / json.loads(path.read_text())["imagePath"]).is_file()


def test_pictures_of_one_folder_that_differ_in_suffix_alone_get_two_names(tmp_path):
    labels = read_labels(mixed_suffixes(tmp_path))
    assert list(unique_names(labels, folders=True)) == ["x/a.jpg", "x/a-2.png", "y/A.jpg"]
    assert list(unique_names(labels, folders=False)) == ["a.jpg", "a-2.png", "A-3.jpg"]


def mixed_suffixes(folder):
    """COCO labels of x/a.jpg, x/a.png and y/A.jpg."""
    for seed, place in enumerate(("x/a.jpg", "x/a.png", "y/A.jpg")):
        label_files.picture(folder / "images" / place, seed=seed)
    content = {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(("x/a.jpg", "x/a.png", "y/A.jpg"))],
        "annotations": [],
        "categories": [{"id": 1, "name": "dog"}],
    }
    return label_files.save_json(folder / "labels" / "coco.json", content)
