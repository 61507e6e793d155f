"""Out and in again: boxes keep their place to the pixel."""

import label_files
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotate import segmentation
from annotate.label_set import LabelledImage, LabelSet, objects_of
from annotate.pictures import examine_one
from annotate.reading import read_labels
from annotate.writing import EXPORTS, write

SIZE = (60, 80)


@st.composite
def boxes(draw):
    left, top = draw(st.integers(0, 78)), draw(st.integers(0, 58))
    return left, top, draw(st.integers(left + 1, 80)), draw(st.integers(top + 1, 60))


def label_set(folder, rows):
    marks = {"segmentation": None, "difficult": False, "truncated": False, "crowd": False, "line": 0}
    facts = examine_one(label_files.picture(folder / "a.png", SIZE))
    objects = objects_of([{**marks, **row} for row in rows], ("cat", "dog"))
    return LabelSet(("cat", "dog"), (LabelledImage(facts, None, objects, "a"),), (), folder, "voc")


@pytest.mark.parametrize("kind", EXPORTS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


def test_pictures_of_one_name_get_two(tmp_path):
    for seed, folder in enumerate(("one", "two")):
        label_files.picture(tmp_path / "images" / folder / "a.jpg", seed=seed)
        label_files.voc(tmp_path / "labels" / folder / "a.xml", [("dog", 1 + seed, 2, 30, 40)])
    labels = read_labels(tmp_path / "labels")
    (tmp_path / "set").mkdir()
    write(tmp_path / "set", labels, "yolo")
    assert [path.name for path in sorted((tmp_path / "set" / "images").iterdir())] == ["a-2.jpg", "a.jpg"]
    assert len(read_labels(tmp_path / "set").images) == 2
