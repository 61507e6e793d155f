"""A set as a whole: pictures found, objects fitted, every fault in one list."""

import os
import shutil

import label_files
import numpy as np
import pytest

from annotate.faults import KINDS, summary
from annotate.fitting import ClassRule
from annotate.grouping import Grouping, copies, joined
from annotate.reading import ReadSettings, read_labels
from annotate.turning import turned_points
from annotate.writing import write
from common.errors import UserError


def kinds_of(labels):
    return [fault.kind for fault in labels.faults]


def test_objects_are_detections_in_pixels(tmp_path):
    labels = read_labels(label_files.labelled(tmp_path, {"a": [("dog", 10, 20, 30, 40), ("cat", 0, 0, 80, 60)]}))
    (image,) = labels.images
    assert labels.classes == ("cat", "dog")  # by alphabet: the same for every run
    np.testing.assert_array_equal(image.objects.xyxy, [[10, 20, 30, 40], [0, 0, 80, 60]])
    assert image.objects.class_id.tolist() == [1, 0]
    assert (image.size, labels.counts, labels.faults) == ((60, 80), {"cat": 1, "dog": 1}, ())


def test_a_set_with_one_fault_of_every_kind_gives_one_readable_list(tmp_path):
    good = [("dog", 10, 20, 30, 40)]
    folder = label_files.labelled(
        tmp_path,
        {
            "backwards": [("dog", 30, 40, 10, 20)],
            "beyond": [("dog", 70, 20, 95, 40)],
            "empty": [("dog", 10, 20, 10, 40)],
            "far": [("dog", 100, 20, 120, 40)],
            "nameless": [("", 10, 20, 30, 40)],
            "number": [("dog", "ten", 20, 30, 40)],
            "stranger": [("horse", 10, 20, 30, 40)],
            "twice": [("dog", 10, 20, 30, 40), ("dog", 10, 20, 30, 40)],
            "outline": [
                "<object><name>dog</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
                "<polygon><x1>1</x1><y1>1</y1></polygon></object>"
            ],
            "fine": good,
        },
    )
    images = tmp_path / "images"
    label_files.voc(folder / "size.xml", good, size=(600, 800))
    label_files.picture(images / "size.jpg", seed=90)
    (folder / "broken.xml").write_text("<annotation>")
    label_files.picture(images / "broken.jpg", seed=91)
    label_files.voc(folder / "lost.xml", good)
    label_files.voc(folder / "fine.again.xml", good, filename="fine.jpg")
    label_files.voc(folder / "renamed.xml", good, filename="fine.jpg")
    label_files.picture(images / "renamed.jpg", seed=92)
    label_files.picture(images / "orphan.jpg", seed=93)
    (images / "cut.jpg").write_bytes((images / "fine.jpg").read_bytes()[:300])
    label_files.voc(folder / "cut.xml", good)
    (images / "copy.jpg").write_bytes((images / "fine.jpg").read_bytes())
    label_files.voc(folder / "copy.xml", good)
    label_files.picture(images / "turned.jpg", size=(60, 80), seed=94, orientation=6)
    label_files.voc(folder / "turned.xml", good, size=(60, 80))

    labels = read_labels(folder, images, ReadSettings(rule=ClassRule(wanted=("dog",))))
    assert sorted(set(kinds_of(labels))) == sorted(KINDS)
    assert len(labels.faults) == len(KINDS)  # each once
    # What lost an object that is somewhere, or all it had, would teach that the thing is background.
    kept = {"backwards", "beyond", "twice", "outline", "fine", "renamed", "copy", "turned"}
    assert {image.path.stem for image in labels.images} == kept
    assert summary(labels.faults).startswith(f"{len(KINDS)} faults: ")
    for fault in labels.faults:
        assert str(fault.file) in str(fault) and fault.reason and KINDS[fault.kind][0]
    by_stem = {image.path.stem: image for image in labels.images}
    np.testing.assert_array_equal(by_stem["backwards"].objects.xyxy, [[10, 20, 30, 40]])
    np.testing.assert_array_equal(by_stem["beyond"].objects.xyxy, [[70, 20, 80, 40]])
    assert by_stem["copy"].group == by_stem["fine"].group


def test_a_mask_without_a_pixel_is_named_and_the_box_used(tmp_path):
    label_files.picture(tmp_path / "a.jpg")
    empty = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40], "segmentation": {"counts": [4800]}}
    image = {"id": 1, "file_name": "a.jpg", "width": 80, "height": 60}
    content = {"images": [image], "annotations": [empty], "categories": [{"id": 1, "name": "dog"}]}
    labels = read_labels(label_files.save_json(tmp_path / "a.json", content))
    (fault,) = labels.faults
    assert fault.kind == "bad-polygon" and fault.reason == "a.jpg: dog: the mask has no pixel"
    assert labels.images[0].objects.data["segmentation"].tolist() == [None]


def test_pictures_are_found_under_the_name_of_the_label_file_with_any_suffix(tmp_path):
    label_files.picture(tmp_path / "IMG_1.JPG")
    label_files.voc(tmp_path / "IMG_1.xml", [("dog", 1, 2, 30, 40)], filename="C:\\photos\\DSC001.jpeg")
    label_files.picture(tmp_path / "b.PNG", seed=1)
    label_files.voc(tmp_path / "other.xml", [("dog", 1, 2, 30, 40)], filename="photos/b.jpg")
    labels = read_labels(tmp_path)
    assert [image.path.name for image in labels.images] == ["IMG_1.JPG", "b.PNG"] and not labels.faults


def test_of_two_pictures_with_one_name_that_in_the_like_folder_is_meant(tmp_path):
    for seed, folder in enumerate(("one", "two")):
        label_files.picture(tmp_path / "images" / folder / "a.jpg", seed=seed)
        label_files.voc(tmp_path / "labels" / folder / "a.xml", [("dog", 1 + seed, 2, 30, 40)])
    labels = read_labels(tmp_path / "labels")
    assert [(image.path.parent.name, image.objects.xyxy[0, 0]) for image in labels.images] == [("one", 1), ("two", 2)]


def test_of_two_pictures_that_differ_in_suffix_the_one_named_inside_is_meant(tmp_path):
    folder = label_files.labelled(tmp_path, {"a": [("dog", 1, 2, 30, 40)]})
    label_files.picture(tmp_path / "images" / "a.png", seed=3)
    assert [image.path.name for image in read_labels(folder).images] == ["a.jpg"]
    label_files.voc(folder / "a.xml", [("dog", 1, 2, 30, 40)], filename="old.jpg")
    labels = read_labels(folder)
    assert not labels.images and kinds_of(labels) == ["missing-image"]


def test_names_that_no_label_file_can_hold_are_named(tmp_path):
    folder = label_files.labelled(tmp_path, {"a": [("dog", 1, 2, 30, 40)], "b": []})
    odd = os.fsdecode(b"caf\xe9")  # a name that is no UTF-8
    (tmp_path / "images" / "b.jpg").rename(tmp_path / "images" / f"{odd}.jpg")
    (folder / "b.xml").rename(folder / f"{odd}.xml")
    labels = read_labels(folder)
    assert [image.path.stem for image in labels.images] == ["a"] and kinds_of(labels) == ["unreadable-image"]
    assert "caf\\udce9.jpg" in str(labels.faults[0]).encode("utf-8").decode()
    assert "caf\\udce9.jpg" in labels.faults[0].as_json()["file"]


def test_a_class_with_control_characters_is_named(tmp_path):
    label_files.picture(tmp_path / "a.jpg")
    drawn = {"label": "do\x1bg", "points": [[1, 2], [30, 40]], "shape_type": "rectangle"}
    label_files.save_json(tmp_path / "a.json", {"shapes": [drawn], "imagePath": "a.jpg"})
    labels = read_labels(tmp_path)
    assert not labels.images and kinds_of(labels) == ["no-class"]


def test_a_rule_of_clips_that_fits_no_name_is_said(tmp_path):
    folder = label_files.labelled(tmp_path, {"dog-1": [("dog", 1, 2, 30, 40)], "dog-2": []})
    with pytest.raises(UserError, match="no picture is like it"):
        read_labels(folder, settings=ReadSettings(group_by=r"(\d+)"))
    assert {image.group for image in read_labels(folder, settings=ReadSettings(group_by=r"(.+)-\d+")).images} == {"dog"}


def test_an_unlabelled_picture_is_a_negative_only_on_request(tmp_path):
    folder = label_files.labelled(tmp_path, {"a": [("dog", 1, 2, 30, 40)]})
    label_files.picture(tmp_path / "images" / "b.jpg", seed=5)
    assert kinds_of(read_labels(folder)) == ["unlabelled-image"]
    labels = read_labels(folder, settings=ReadSettings(negatives=True))
    assert [len(image.objects) for image in labels.images] == [1, 0] and not labels.faults


def test_a_picture_whose_labels_are_broken_is_no_negative(tmp_path):
    folder = label_files.labelled(tmp_path, {"a": [("dog", 1, 2, 30, 40)], "b": []})
    (folder / "b.xml").write_text("<annotation>")
    labels = read_labels(folder, settings=ReadSettings(negatives=True))
    assert [image.path.stem for image in labels.images] == ["a"] and kinds_of(labels) == ["unreadable-labels"]


@pytest.mark.parametrize("kind", ["voc", "coco", "yolo"])
def test_a_json_file_that_was_cut_off_beside_other_labels_is_named_and_makes_no_negative(tmp_path, kind):
    folder = label_files.labelled(tmp_path, {"a": [("dog", 1, 2, 30, 40)], "b": []})
    (folder / "b.xml").unlink()
    if kind != "voc":
        (tmp_path / kind).mkdir()
        write(tmp_path / kind, read_labels(folder), kind)
        folder = tmp_path / kind
        shutil.copy(tmp_path / "images" / "b.jpg", folder / "images" / "b.jpg")
    (folder / "b.json").write_text('{"shapes": [{"label": "dog", "points": [[1, 2')
    labels = read_labels(folder, settings=ReadSettings(negatives=True))
    assert [image.path.stem for image in labels.images] == ["a"] and kinds_of(labels) == ["unreadable-labels"]
    assert "b.json:1: unreadable-labels: not JSON" in str(labels.faults[0])


def test_classes_are_renamed_chosen_and_left_out(tmp_path):
    folder = label_files.labelled(tmp_path, {"a": [("Dog", 1, 2, 30, 40), ("cat", 1, 2, 9, 9), ("cow", 5, 5, 9, 9)]})
    rule = ClassRule(wanted=("dog", "cat"), renamed={"Dog": "dog"}, ignored=("cow",))
    labels = read_labels(folder, settings=ReadSettings(rule=rule))
    assert labels.classes == ("dog", "cat") and labels.counts == {"dog": 1, "cat": 1} and not labels.faults


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_labels_stay_on_what_they_were_drawn_around(orientation):
    """A picture with one white rectangle, stored in each way: the turned corners enclose it as shown."""
    from PIL import Image, ImageOps

    stored = np.zeros((60, 80), np.uint8)
    stored[10:30, 5:45] = 255
    image = Image.fromarray(stored)
    image.getexif()[0x0112] = orientation
    shown = np.array(ImageOps.exif_transpose(image))
    rows, columns = np.nonzero(shown)
    corners = turned_points(np.array([[5.0, 10.0], [45.0, 30.0]]), orientation, (60, 80))
    np.testing.assert_array_equal(corners.min(axis=0), [columns.min(), rows.min()])
    np.testing.assert_array_equal(corners.max(axis=0), [columns.max() + 1, rows.max() + 1])


def test_frames_of_one_clip_are_a_group(tmp_path):
    frames = Grouping(ReadSettings().group_by)
    assert frames(tmp_path / "party@00012.480.jpg", tmp_path) == "party"
    assert frames(tmp_path / "x" / "party@3.jpg", tmp_path) == "x/party"
    assert frames(tmp_path / "raccoon-1.jpg", tmp_path) == "raccoon-1.jpg"
    assert Grouping("folder")(tmp_path / "x" / "a.jpg", tmp_path) == "x"
    assert Grouping(r"(.+)-\d+")(tmp_path / "raccoon-1.jpg", tmp_path) == "raccoon"
    for wrong in ("(", "a+"):
        with pytest.raises(UserError, match="group-by"):
            Grouping(wrong)


def test_a_set_that_is_none_is_said(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_labels(tmp_path / "nowhere")
    label_files.voc(tmp_path / "a.xml", [])
    with pytest.raises(UserError, match="no pictures"):
        read_labels(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        read_labels(tmp_path, tmp_path / "nowhere")


def test_a_picture_that_lost_an_object_teaches_nothing_false(tmp_path):
    good = ("dog", 10, 20, 30, 40)
    folder = label_files.labelled(
        tmp_path,
        {
            "stray_click": [good, ("dog", 5, 5, 5, 5)],
            "nameless_too": [good, ("", 40, 20, 60, 40)],
            "cats_only": [("cat", 10, 20, 30, 40)],
            "cat_too": [good, ("cat", 40, 20, 60, 40)],
            "nothing": [],
        },
    )
    labels = read_labels(folder, settings=ReadSettings(rule=ClassRule(wanted=("dog",))))
    assert [image.path.stem for image in labels.images] == ["cat_too", "nothing", "stray_click"]
    ignored = ReadSettings(rule=ClassRule(wanted=("dog",), ignored=("cat",)))
    assert "cats_only" in [image.path.stem for image in read_labels(folder, settings=ignored).images]


def test_a_picture_that_is_in_two_clips_joins_them(tmp_path):
    """b@1 is a copy of a@2, c@2 one of b@2: frames of a, b and c must not part, those of d are their own."""
    dog = [("dog", 10, 20, 30, 40)]
    names = [f"{clip}@{second}" for clip in "dabc" for second in (1, 2, 3)]  # d is the first by seed only
    folder = label_files.labelled(tmp_path, dict.fromkeys(names, dog))
    for copy, original in (("b@1", "a@2"), ("c@2", "b@2")):
        shutil.copy(tmp_path / "images" / f"{original}.jpg", tmp_path / "images" / f"{copy}.jpg")
    labels = read_labels(folder)
    assert kinds_of(labels) == ["duplicate-image"] * 2
    groups = {image.path.stem: image.group for image in labels.images}
    assert {stem: group for stem, group in groups.items() if stem[0] != "d"} == dict.fromkeys(names[3:], "a")
    assert {groups[name] for name in names[:3]} == {"d"}


def test_groups_are_joined_over_chains():
    assert joined(["b", "c", "a", "d", "b"], [(1, 0), (4, 2)]) == ["a", "a", "a", "d", "a"]
    assert joined(["x", "y"], []) == ["x", "y"] and joined([], []) == []
    assert copies("xyxzyx") == [(0, 2), (0, 5), (1, 4)]


@pytest.mark.parametrize("beside", ["", "images"])
def test_a_single_file_that_was_cut_off_is_named_with_the_damage(tmp_path, beside):
    path = tmp_path / "cut.json"
    path.write_text('{"images": [],\n"annotations": [{"id": 1, "bb')
    if beside:
        label_files.picture(tmp_path / beside / "a.jpg")
    for source in (path, tmp_path):
        try:
            reason = str(read_labels(source).faults[0])
        except UserError as error:
            reason = str(error)
        assert reason.startswith(f"{path}:2: unreadable-labels: not JSON: Unterminated string")


@pytest.mark.parametrize("kind", ["coco", "voc"])
def test_no_picture_is_a_negative_where_labels_of_nobody_knows_which_are_lost(tmp_path, kind):
    folder = label_files.labelled(tmp_path, {"a": [("dog", 1, 2, 30, 40)]})
    label_files.picture(tmp_path / "images" / "b.jpg", seed=5)
    settings = ReadSettings(negatives=True)
    if kind == "coco":
        content = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [], "categories": []}
        folder = label_files.save_json(tmp_path / "coco" / "train.json", content).parent
        broken = folder / "val.json"
    else:
        broken = folder / "c.xml"
    assert [image.path.stem for image in read_labels(folder, tmp_path / "images", settings).images] == ["a", "b"]
    broken.write_text("{")  # it may have been about b
    labels = read_labels(folder, tmp_path / "images", settings)
    assert [image.path.stem for image in labels.images] == ["a"]
    assert sorted(kinds_of(labels)) == ["unlabelled-image", "unreadable-labels"]
    assert f"{broken.name}, which cannot be read, may be about it" in " ".join(map(str, labels.faults))
