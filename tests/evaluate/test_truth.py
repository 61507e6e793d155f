import json

import numpy as np
import pytest
from made_run import dataset, objects
from pycocotools import mask as coco_mask

from common.errors import UserError
from evaluate.truth import read_truth

BOX, OTHER = (10, 10, 30, 30), (50, 50, 90, 70)


def test_objects_with_run_lengths_and_marks(tmp_path):
    dataset(tmp_path, [objects((1, BOX), (2, OTHER, "crowd"), (2, BOX, "difficult")), objects()], groups=["a", "a"])
    truth = read_truth(tmp_path, "val")
    assert (truth.class_names, truth.groups, truth.fingerprint) == (("BG", "dog", "cat"), ["a", "a"], "f1")
    first, second = truth.pictures
    np.testing.assert_array_equal(first.xyxy, [BOX, OTHER, BOX])
    assert coco_mask.area(list(first.data["rle"])).tolist() == [400, 800, 400]
    assert first.data["crowd"].tolist() == [False, True, False]
    assert first.data["difficult"].tolist() == [False, False, True]
    assert len(second) == 0
    counted = read_truth(tmp_path, "val", difficult="count")
    assert not counted.pictures[0].data["difficult"].any()


def test_both_kinds_of_run_lengths(tmp_path):
    dataset(tmp_path, [objects((1, BOX), (1, BOX))])
    labels = json.loads((tmp_path / "val.json").read_text())
    mask = np.zeros((100, 100), np.uint8, order="F")
    mask[10:30, 10:30] = 1
    packed = coco_mask.encode(mask)
    runs = [1010, *[20, 80] * 19, 20, 10000 - 1010 - 400 - 80 * 19]
    segmentations = [{"size": [100, 100], "counts": packed["counts"].decode()}, {"size": [100, 100], "counts": runs}]
    for entry, segmentation in zip(labels["annotations"], segmentations, strict=True):
        entry["segmentation"] = segmentation
    (tmp_path / "val.json").write_text(json.dumps(labels))
    for each in read_truth(tmp_path, "val").pictures[0].data["rle"]:
        np.testing.assert_array_equal(coco_mask.decode(each), mask)


def test_some_classes_only(tmp_path):
    dataset(tmp_path, [objects((1, BOX), (2, OTHER))])
    truth = read_truth(tmp_path, "val", only=["cat"])
    assert truth.class_names == ("BG", "cat")
    assert truth.pictures[0].class_id.tolist() == [1]
    np.testing.assert_array_equal(truth.pictures[0].xyxy, [OTHER])
    with pytest.raises(UserError, match="has no class cow; it has dog, cat"):
        read_truth(tmp_path, "val", only=["cow"])


def test_nothing_to_compare_with(tmp_path):
    dataset(tmp_path, [])
    with pytest.raises(UserError, match="its split val holds no picture"):
        read_truth(tmp_path, "val")
    with pytest.raises(UserError, match="no split 'test'; it has val"):
        read_truth(tmp_path, "test")


def test_a_class_that_the_split_does_not_show(tmp_path):
    dataset(tmp_path, [objects((1, BOX))])
    assert read_truth(tmp_path, "val").classes_without_objects() == ["cat"]


def test_pictures_of_one_name_are_told_apart_by_their_folders(tmp_path):
    dataset(tmp_path, [objects((1, BOX)), objects()])
    labels = json.loads((tmp_path / "val.json").read_text())
    for image, name in zip(labels["images"], ("a/1.png", "b/1.png"), strict=True):
        image["file_name"] = name
    (tmp_path / "val.json").write_text(json.dumps(labels))
    assert read_truth(tmp_path, "val").names == ["a/1.png", "b/1.png"]
