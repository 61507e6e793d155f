"""Average precision beside pycocotools on files, and beside numbers worked out by hand."""

import contextlib
import io

import numpy as np
import pytest
import random_sets
import supervision as sv
from made_run import found, objects
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from common.metrics.average_precision import summarize
from common.metrics.coco_evaluation import CocoEvaluation

NAMES = ("BG", "dog", "cat")


def by_pycocotools(truth, predicted, kind):
    """The twelve numbers of COCO's own summary, made the way its users make them: dictionaries as in its files."""
    categories = [{"id": number, "name": name} for number, name in enumerate(NAMES) if number]
    images = [{"id": place + 1, "height": 160, "width": 200} for place in range(len(truth))]
    annotations = [
        {
            "id": 1 + sum(map(len, truth[:place])) + index,
            "image_id": place + 1,
            "category_id": int(each.class_id[index]),
            "bbox": xywh(each.xyxy[index]),
            "area": float(coco_mask.area(each.data["rle"][index])),
            "segmentation": each.data["rle"][index],
            "iscrowd": int(each.data["crowd"][index]),
        }
        for place, each in enumerate(truth)
        for index in range(len(each))
    ]
    # Masks without boxes: `loadRes` would measure the detection's size by the first thing it meets, the box.
    results = [
        {"image_id": place + 1, "category_id": int(each.class_id[index]), "score": float(each.confidence[index])}
        | ({"bbox": xywh(each.xyxy[index])} if kind == "bbox" else {"segmentation": each.data["rle"][index]})
        for place, each in enumerate(predicted)
        for index in range(len(each))
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        gold = COCO()
        gold.dataset = {"images": images, "annotations": annotations, "categories": categories}
        gold.createIndex()
        compared = COCOeval(gold, gold.loadRes(results), kind)
        compared.evaluate()
        compared.accumulate()
        compared.summarize()
    return compared


def xywh(box):
    return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("kind", "theirs"), [("box", "bbox"), ("mask", "segm")])
def test_equals_pycocotools(seed, kind, theirs):
    truth, predicted = random_sets.pictures(seed, marks=seed % 2 == 1)
    ours = summarize(truth, predicted, NAMES, [kind])
    compared = by_pycocotools(truth, predicted, theirs)
    keys = ["ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large"]
    for key, number in zip(keys, compared.stats[:6], strict=True):
        assert ours.overall[f"{kind}_{key}"] == pytest.approx(number, abs=1e-6), key
    assert 0.05 < ours.overall[f"{kind}_ap"] < 0.95
    for place, name in enumerate(NAMES[1:]):
        of_class = compared.eval["precision"][:, :, place, 0, -1]
        assert ours.by_class[name][f"{kind}_ap"] == pytest.approx(of_class.mean(), abs=1e-6)
        recall = compared.eval["recall"][0, place, 0, -1]
        assert ours.by_class[name][f"{kind}_recall50"] == pytest.approx(recall, abs=1e-6)


def test_two_dogs_one_found_by_hand():
    """Recall reaches a half with precision 1: 51 of the 101 levels, 0 to 0.50, have precision 1, the others 0."""
    truth = [objects((1, (10, 10, 30, 30)), (1, (50, 50, 90, 90)))]
    predicted = [found((1, (10, 10, 30, 30), 0.9))]
    ours = summarize(truth, predicted, NAMES)
    assert ours.by_class["dog"]["box_ap50"] == pytest.approx(51 / 101)
    assert ours.by_class["dog"]["mask_recall50"] == 0.5
    # 20 x 20 pixels is small, 40 x 40 is medium.
    assert ours.by_class["dog"]["mask_ap_small"] == pytest.approx(1)
    assert ours.by_class["dog"]["mask_ap_medium"] == 0
    assert ours.by_class["dog"]["mask_ap_large"] is None
    # Nothing is known about cats: the mean is that of the dogs.
    assert set(ours.by_class["cat"].values()) == {None}
    assert ours.overall["box_ap50"] == ours.by_class["dog"]["box_ap50"]


def test_a_false_alarm_before_the_hit_halves_precision():
    truth = [objects((1, (10, 10, 30, 30)))]
    predicted = [found((1, (60, 60, 90, 90), 0.9), (1, (10, 10, 30, 30), 0.8))]
    assert summarize(truth, predicted, NAMES).overall["mask_ap50"] == pytest.approx(0.5)


def test_overlap_three_quarters_counts_at_six_of_ten_thresholds():
    """20 x 15 of 20 x 20 pixels: overlap 0.75, so 0.50, 0.55 ... 0.75 are reached."""
    truth, predicted = [objects((1, (10, 10, 30, 30)))], [found((1, (10, 10, 30, 25), 0.9))]
    ours = summarize(truth, predicted, NAMES).overall
    assert ours["mask_ap"] == ours["box_ap"] == pytest.approx(0.6)
    assert ours["mask_ap75"] == pytest.approx(1)


def test_what_lies_on_a_crowd_or_something_difficult_is_passed_over():
    dog = (1, (10, 10, 30, 30))
    for mark in ("crowd", "difficult"):
        truth = [objects(dog, (1, (50, 50, 90, 90), mark))]
        predicted = [found((1, (52, 52, 88, 88), 0.95), (1, (10, 10, 30, 30), 0.9))]
        assert summarize(truth, predicted, NAMES).overall["mask_ap50"] == pytest.approx(1)
    # A crowd swallows any number of small ones; something difficult only what fits it, once.
    inside = [found((1, (52, 52, 60, 60), 0.97), (1, (70, 70, 80, 80), 0.96), (1, (10, 10, 30, 30), 0.9))]
    values = [
        summarize([objects(dog, (1, (50, 50, 90, 90), mark))], inside, NAMES).overall["box_ap50"]
        for mark in ("crowd", "difficult")
    ]
    assert values == pytest.approx([1, 1 / 3])


def test_boxes_alone_are_enough_for_boxes():
    truth = [sv.Detections(xyxy=np.array([[0, 0, 10, 10.0]]), class_id=np.array([1]))]
    predicted = [sv.Detections(truth[0].xyxy, class_id=np.array([1]), confidence=np.array([0.5]))]
    assert summarize(truth, predicted, NAMES, ["box"]).overall["box_ap"] == pytest.approx(1)
    with pytest.raises(ValueError, match="without masks"):
        summarize(truth, predicted, NAMES)


def test_nothing_anywhere():
    ours = summarize([sv.Detections.empty()] * 2, [sv.Detections.empty()] * 2, NAMES)
    assert set(ours.overall.values()) == {None}
    assert summarize([], [], NAMES).overall == ours.overall


def test_wrong_arguments():
    with pytest.raises(ValueError, match="1 pictures of truth and 0"):
        summarize([sv.Detections.empty()], [], NAMES)
    with pytest.raises(ValueError, match="unknown kind 'segm'"):
        CocoEvaluation([], [], [1], "segm")
    bare = sv.Detections(xyxy=np.zeros((1, 4)), class_id=np.array([1]))
    with pytest.raises(ValueError, match="confidence"):
        summarize([bare], [bare], NAMES, ["box"])


def test_only_the_hundred_best_of_a_picture_count():
    truth = [objects((1, (10, 10, 30, 30)))]
    wrong = [(1, (60, 60, 90, 90), 0.9 - place / 1000) for place in range(100)]
    predicted = [found(*wrong, (1, (10, 10, 30, 30), 0.1))]
    assert summarize(truth, predicted, NAMES).overall["box_recall50"] == 0
    assert summarize(truth, [found(*wrong[1:], (1, (10, 10, 30, 30), 0.1))], NAMES).overall["box_recall50"] == 1
