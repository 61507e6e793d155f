"""labelme, COCO and YOLO, each with what it alone has."""

import base64
import io

import label_files
import numpy as np
import pytest
from PIL import Image

from annotate import segmentation
from annotate.formats import coco, kinds, labelme, yolo
from annotate.reading import ReadSettings, read_labels
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
        shape("dog", [[0, "x"]]),
        shape("dog", [[0, 0], [9, 0], [9, 9], [0, 9]], "rotation"),
        shape("dog", [[10**400, 0]]),
    )
    read = labelme.read(path)
    assert [fault.kind for fault in read.faults] == ["zero-area", "no-class", *["bad-number"] * 3]
    lines = path.read_text().splitlines()
    assert ['"label"' in lines[fault.line - 1] for fault in read.faults] == [True] * 5
    assert [found.box for found in read.objects] == [(1, 2, 1, 2)]


def test_what_labelme_drew_without_an_outline_never_becomes_background(tmp_path):
    label_files.picture(tmp_path / "a.jpg")
    for drawn, kept in [
        (shape("dog", [[10, 20], [19, 29]], "mask", mask="@"), [[10, 20, 20, 30]]),  # a mask spoilt: its box
        (shape("dog", [[10, 20], [19, 29]]), [[10, 20, 19, 29]]),
        (shape("dog", [[10, 20]]), None),
        (shape("dog", [[10, 20]], "point"), None),
        (shape("dog", [[0, 0], [9, 0], [9, 9], [0, 9]], "rotation"), None),
    ]:
        labelme_file(tmp_path, drawn)
        labels = read_labels(tmp_path)
        assert labels.faults
        assert [image.objects.xyxy.tolist() for image in labels.images] == ([] if kept is None else [kept])


def test_labelme_masks_with_one_group_are_one_mask(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(np.ones((2, 2), bool)).save(buffer, "PNG")
    mask = base64.b64encode(buffer.getvalue()).decode()
    parts = [shape("dog", [[x, 20], [x + 1, 21]], "mask", mask=mask, group_id=1) for x in (10, 50)]
    parts.append(shape("dog", [[30, 40], [34, 44]], "rectangle", group_id=1))
    (dog,) = labelme.read(labelme_file(tmp_path, *parts)).objects
    assert dog.box == (10, 20, 52, 44) and sum(dog.runs[1::2]) == 4 + 4 + 16


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
        ({"category_id": [18]}, "no-class"),
        ({"bbox": [10**400, 1, 1, 1]}, "bad-number"),
        ({"segmentation": 5}, "bad-polygon"),
        ({"segmentation": {"size": {"h": 1}, "counts": [4800]}}, "bad-polygon"),
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


def test_coco_objects_with_a_spoilt_outline_have_their_box(tmp_path):
    content = coco_content()
    content["annotations"][0]["segmentation"] = [["x"]]
    first, _ = coco.read(label_files.save_json(tmp_path / "a.json", content))
    assert first.objects[0].box == (10, 20, 30, 40) and not first.objects[0].polygons


def test_coco_masks_without_a_box_have_that_of_the_mask(tmp_path):
    content = coco_content()
    mask = np.zeros((60, 80), np.uint8)
    mask[20:40, 10:30] = 1
    content["annotations"][0] |= {"bbox": None, "segmentation": segmentation.of_mask(mask)}
    first, _ = coco.read(label_files.save_json(tmp_path / "a.json", content))
    assert first.objects[0].box == (10, 20, 30, 40)


@pytest.mark.parametrize("nothing", [None, [], [0, 0, 0, 0]])
def test_coco_outlines_without_a_box_have_that_of_the_outline(tmp_path, nothing):
    content = coco_content()
    content["annotations"] = [content["annotations"][0] | {"bbox": nothing, "segmentation": [[10, 20, 30, 20, 30, 40]]}]
    label_files.save_json(tmp_path / "a.json", content)
    for seed, image in enumerate(content["images"]):
        label_files.picture(tmp_path / image["file_name"], seed=seed)
    labels = read_labels(tmp_path)
    boxes = [box.tolist() for image in labels.images for box in image.objects.xyxy]
    assert (boxes, labels.faults) == ([[10, 20, 30, 40]], ())


def test_faults_in_a_file_about_many_pictures_name_the_picture(tmp_path):
    content = coco_content()
    content["annotations"] = [
        content["annotations"][0] | {"bbox": box, "segmentation": outline}
        for box, outline in (
            ([5, 5, 0, 0], None),
            ([60, 5, 90, 10], None),
            ([1, 1, 9, 9], [[900, 900, 990, 900, 990, 950]]),
        )
    ]
    label_files.save_json(tmp_path / "a.json", content)
    for seed, image in enumerate(content["images"]):
        label_files.picture(tmp_path / image["file_name"], seed=seed)
    faults = read_labels(tmp_path).faults
    assert sorted(fault.kind for fault in faults) == ["bad-polygon", "beyond-edge", "zero-area"]
    assert all(fault.reason.startswith(f"{content['images'][0]['file_name']}: ") for fault in faults)


def test_coco_annotations_of_an_id_of_two_pictures_are_nobody_s(tmp_path):
    content = coco_content()
    content["images"][1]["id"] = 7
    label_files.save_json(tmp_path / "a.json", content)
    for seed, name in enumerate(("a.jpg", "b.jpg")):
        label_files.picture(tmp_path / "images" / name, seed=seed)
    labels = read_labels(tmp_path, settings=ReadSettings(negatives=True))
    assert not labels.images and {fault.kind for fault in labels.faults} == {"unreadable-labels"}
    content["images"][1]["file_name"] = "a.jpg"  # the same twice is one
    label_files.save_json(tmp_path / "a.json", content)
    (image,) = read_labels(tmp_path).images
    assert len(image.objects) == 2


def test_coco_labels_do_not_go_to_a_like_name_in_another_folder(tmp_path):
    content = coco_content()
    for entry, name in zip(content["images"], ("lost/1.jpg", "here/1.jpg"), strict=True):
        entry["file_name"] = name
    label_files.save_json(tmp_path / "a.json", content)
    label_files.picture(tmp_path / "images" / "here" / "1.jpg")
    labels = read_labels(tmp_path)
    assert [len(image.objects) for image in labels.images] == [0]
    assert [fault.kind for fault in labels.faults] == ["missing-image"]
    content["images"].pop()  # no name is found as written: folders of another machine
    label_files.save_json(tmp_path / "a.json", content)
    assert [len(image.objects) for image in read_labels(tmp_path).images] == [2]


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


def test_yolo_numbers_count_empty_lines_too(tmp_path):
    (tmp_path / "classes.txt").write_text("cat\n\ndog\n\n")
    names = yolo.read_classes(tmp_path / "classes.txt")
    (tmp_path / "a.txt").write_text("2 0.5 0.5 0.2 0.2\n1 0.5 0.5 0.2 0.2\n")
    read = yolo.read(tmp_path / "a.txt", names)
    assert [found.name for found in read.objects] == ["dog"]
    assert [(fault.line, fault.kind) for fault in read.faults] == [(2, "no-class")]


def test_yolo_poses_are_no_outlines(tmp_path):
    label_files.picture(tmp_path / "images" / "a.jpg")
    (tmp_path / "data.yaml").write_text("names: [dog]\nkpt_shape: [2, 3]\n")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.4 0.4 0.1 0.1 2 0.9 0.9 2\n")
    labels = read_labels(tmp_path / "labels")
    np.testing.assert_allclose(labels.images[0].objects.xyxy, [[24, 18, 56, 42]], atol=1e-4)
    assert labels.images[0].objects.data["segmentation"][0] is None and not labels.faults


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
