"""labelme, COCO and YOLO, each with what it alone has."""

import base64
import io

import label_files
import numpy as np
import pytest
from PIL import Image

from annotate.formats import coco, kinds, labelme, yolo
from common import rle
from common.errors import UserError


def shape(label, points, kind="polygon", **more):
    return {"label": label, "points": points, "shape_type": kind, **more}


def labelme_file(folder, *shapes):
    content = {"imagePath": "a.jpg", "imageHeight": 60, "imageWidth": 80, "shapes": list(shapes)}
    return label_files.save_json(folder / "a.json", content)


def test_labelme_shapes_become_boxes_and_outlines(tmp_path):
    triangle = [[1, 2], [11, 2], [11, 12]]
    path = labelme_file(
        tmp_path,
        shape("dog", triangle),
        shape("cat", [[30, 40], [10, 20]], "rectangle"),
        shape("ball", [[40, 30], [40, 35]], "circle"),
    )
    dog, cat, ball = labelme.read(path).objects
    assert (dog.box, cat.box, ball.box) == ((1, 2, 11, 12), (10, 20, 30, 40), (35, 25, 45, 35))
    np.testing.assert_array_equal(dog.polygons[0], triangle)
    assert not cat.polygons and len(ball.polygons[0]) == labelme.CIRCLE_CORNERS


def test_labelme_parts_with_one_group_are_one_object(tmp_path):
    parts = [shape("dog", [[x, 0], [x + 5, 0], [x + 5, 9]], group_id=1) for x in (0, 20)]
    (dog,) = labelme.read(labelme_file(tmp_path, *parts)).objects
    assert dog.box == (0, 0, 25, 9) and len(dog.polygons) == 2


def test_labelme_masks_are_read(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(np.array([[True, False], [True, True]])).save(buffer, "PNG")
    drawn = shape("dog", [[10, 20], [11, 21]], "mask", mask=base64.b64encode(buffer.getvalue()).decode())
    (dog,) = labelme.read(labelme_file(tmp_path, drawn)).objects
    assert dog.box == (10, 20, 12, 22)
    assert dog.runs == (10 * 60 + 20, 2, 59, 1, 80 * 60 - (10 * 60 + 20) - 62)


def test_labelme_faults_have_lines(tmp_path):
    path = labelme_file(
        tmp_path,
        shape("dog", [[1, 2]]),
        shape("cat", [[1, 2], [3, 4]], "line"),
        shape("", [[0, 0], [5, 5]], "rectangle"),
    )
    read = labelme.read(path)
    assert [fault.kind for fault in read.faults] == ["bad-polygon", "bad-polygon", "no-class"]
    lines = path.read_text().splitlines()
    assert ['"label"' in lines[fault.line - 1] for fault in read.faults] == [True] * 3


def coco_content():
    return {
        "images": [
            {"id": 7, "file_name": "a.jpg", "height": 60, "width": 80},
            {"id": 8, "file_name": "b.jpg", "height": 60, "width": 80},
        ],
        "categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 7,
                "category_id": 18,
                "bbox": [10, 20, 20, 20],
                "segmentation": [[10, 20, 30, 20, 30, 40]],
            },
            {
                "id": 2,
                "image_id": 7,
                "category_id": 3,
                "bbox": [0, 0, 80, 60],
                "iscrowd": 1,
                "segmentation": {"size": [60, 80], "counts": [0, 4800]},
            },
        ],
    }


def test_coco_pictures_boxes_outlines_and_crowds(tmp_path):
    path = label_files.save_json(tmp_path / "a.json", coco_content())
    first, second = coco.read(path)
    dog, cars = first.objects
    assert (dog.name, dog.box, dog.crowd) == ("dog", (10, 20, 30, 40), False)
    assert (cars.name, cars.runs, cars.crowd) == ("car", (0, 4800), True)
    assert second.objects == () and not second.alone
    assert coco.class_names(path) == ["car", "dog"]  # in the order of their numbers


def test_coco_compressed_masks(tmp_path):
    content = coco_content()
    content["annotations"][1]["segmentation"]["counts"] = rle.compress([100, 50, 4650])
    first, _ = coco.read(label_files.save_json(tmp_path / "a.json", content))
    assert first.objects[1].runs == (100, 50, 4650)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"category_id": 99}, "no-class"),
        ({"bbox": [1, 2, 3]}, "bad-number"),
        ({"bbox": None, "segmentation": None}, "bad-number"),
        ({"segmentation": {"size": [60, 80], "counts": [1]}}, "bad-polygon"),
        ({"segmentation": {"size": [9, 9], "counts": [81]}}, "bad-polygon"),
        ({"segmentation": [["x"]]}, "bad-polygon"),
        ({"image_id": 99}, "missing-image"),
    ],
)
def test_coco_faults_name_the_annotation(tmp_path, change, kind):
    content = coco_content()
    content["annotations"][0].update(change)
    faults = [
        fault for labels in coco.read(label_files.save_json(tmp_path / "a.json", content)) for fault in labels.faults
    ]
    assert [fault.kind for fault in faults] == [kind]
    assert "annotation 1" in faults[0].reason


def test_yolo_boxes_and_outlines_are_shares(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("1 0.5 0.5 0.25 0.5\n\n0 0.1 0.1 0.4 0.1 0.4 0.3\n")
    dog, cat = yolo.read(path, ["cat", "dog"]).objects
    assert dog.name == "dog" and dog.relative
    np.testing.assert_allclose(dog.box, (0.375, 0.25, 0.625, 0.75))
    np.testing.assert_allclose(cat.box, (0.1, 0.1, 0.4, 0.3), atol=1e-7)
    np.testing.assert_allclose(cat.polygons[0], [[0.1, 0.1], [0.4, 0.1], [0.4, 0.3]])


def test_yolo_faults_have_lines(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("0 0.5 0.5 0.25\n7 0.5 0.5 0.2 0.2\n0 x 0.5 0.2 0.2\n0 0.5 0.5 0.2 0.2\n")
    read = yolo.read(path, ["cat", "dog"])
    assert [(fault.line, fault.kind) for fault in read.faults] == [
        (1, "bad-number"),
        (2, "no-class"),
        (3, "bad-number"),
    ]
    assert len(read.objects) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [("data.yaml", "names: [cat, dog]"), ("dataset.yaml", "names: {0: cat, 1: dog}"), ("classes.txt", "cat\ndog\n")],
)
def test_yolo_class_names(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert yolo.read_classes(yolo.find_classes(tmp_path / "labels")) == ["cat", "dog"]


@pytest.mark.parametrize("text", ["names: 3", "nothing: [a]", "[", "names: {1: a, 5: b}"])
def test_yolo_class_names_that_are_none(tmp_path, text):
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(UserError, match="names"):
        yolo.read_classes(tmp_path / "data.yaml")


def test_the_format_is_told_by_content(tmp_path):
    label_files.voc(tmp_path / "voc" / "a.xml", [])
    label_files.save_json(tmp_path / "coco" / "a.json", coco_content())
    labelme_file(tmp_path / "labelme")
    (tmp_path / "yolo").mkdir()
    (tmp_path / "yolo" / "a.txt").write_text("0 0.5 0.5 0.1 0.1")
    (tmp_path / "yolo" / "notes.txt").write_text("nothing of YOLO's")
    for name in ("voc", "coco", "labelme", "yolo"):
        assert kinds.find_kind(tmp_path / name) == name
    with pytest.raises(UserError, match="several formats"):
        kinds.find_kind(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no labels"):
        kinds.find_kind(tmp_path / "empty")
