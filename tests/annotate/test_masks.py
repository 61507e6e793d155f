"""Boxes become masks: the object inside, not the box."""

import label_files
import numpy as np
import pytest
import supervision as sv

from annotate import segmentation
from annotate.masks import grabcut, making, model
from annotate.reading import read_labels

SIZE = (120, 160)


def scene(seed=0):
    """A red ellipse on a green meadow, both noisy; its mask and its box."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    mask = ((rows - 60) / 35) ** 2 + ((columns - 80) / 25) ** 2 < 1
    pixels = np.where(mask[..., None], (200, 60, 50), (60, 140, 70)) + random.normal(0, 12, (*SIZE, 3))
    box = np.array([55, 25, 105, 95], float)
    return np.clip(pixels, 0, 255).astype(np.uint8), mask, box


def iou(first, second):
    return (first & second).sum() / (first | second).sum()


def test_grabcut_beats_the_box():
    pixels, truth, box = scene()
    found = grabcut.cut(pixels, box)
    filled = np.zeros(SIZE, bool)
    filled[25:95, 55:105] = True
    assert iou(found, truth) > 0.95 > iou(filled, truth)
    assert not (found & ~filled).any() and found.dtype == bool
    np.testing.assert_array_equal(grabcut.cut(pixels, box), found)  # the same every time


def test_grabcut_says_when_colours_tell_nothing():
    flat = np.full((*SIZE, 3), 90, np.uint8)
    assert grabcut.cut(flat, np.array([0, 0, 160, 120])) is None  # nothing around it
    found = grabcut.cut(flat, np.array([50, 40, 90, 80]))
    assert found is None or found[40:80, 50:90].any()
    assert grabcut.cut(flat, np.array([10, 10, 12, 12])) is None or True in grabcut.cut(
        flat, np.array([10, 10, 12, 12])
    )


@pytest.mark.parametrize("box", [(0, 0, 40, 50), (130, 90, 160, 120), (20.5, 30.25, 60.75, 70.5)])
def test_a_mask_stays_inside_its_box(box):
    pixels, _, _ = scene(1)
    found = grabcut.cut(pixels, np.array(box))
    if found is not None:
        rows, columns = np.nonzero(found)
        assert columns.min() >= np.floor(box[0]) and columns.max() < np.ceil(box[2])
        assert rows.min() >= np.floor(box[1]) and rows.max() < np.ceil(box[3])


class Painter:
    """A detector that finds what it is told."""

    def __init__(self, box, mask):
        self.found = sv.Detections(xyxy=np.array([box], float), class_id=np.array([0]), mask=mask[None])

    def __call__(self, pictures):
        return [self.found for _ in pictures]


def objects(box, segmentation_of_it=None):
    data = {"segmentation": np.empty(1, object)}
    data["segmentation"][0] = segmentation_of_it
    return sv.Detections(xyxy=np.array([box], np.float32), class_id=np.array([0]), data=data)


def test_the_model_s_mask_is_cut_off_at_the_box():
    pixels, truth, box = scene()
    (drawn,), failed = model.masks(pixels, objects([60, 25, 105, 95]), Painter(box, truth))
    mask = segmentation.mask_of(drawn, SIZE)
    assert failed == 0 and not mask[:, :60].any()
    np.testing.assert_array_equal(mask[:, 60:], truth[:, 60:])


def test_where_the_model_sees_nothing_the_box_is_used_and_counted():
    pixels, truth, box = scene()
    (drawn,), failed = model.masks(pixels, objects([0, 0, 20, 20]), Painter(box, truth))
    assert failed == 1 and segmentation.mask_of(drawn, SIZE).sum() == 400


def test_outlines_that_the_labels_bring_are_taken_as_they_are():
    pixels, truth, box = scene()
    outline = [[0.0, 0.0, 9.0, 0.0, 9.0, 9.0]]
    (drawn,), failed = model.masks(pixels, objects(box, outline), Painter(box, truth))
    assert drawn is outline and failed == 0


@pytest.mark.parametrize("way", ["box", "grabcut"])
def test_a_set_has_as_many_masks_as_objects(tmp_path, way):
    folder = label_files.labelled(
        tmp_path, {"a": [("dog", 10, 20, 30, 40), ("dog", 40, 10, 70, 50)], "b": [], "c": [("dog", 5, 5, 60, 50)]}
    )
    labels = read_labels(folder)
    made = list(making.make(labels.images, way, workers=1))
    assert [len(masks) for masks, _ in made] == [2, 0, 1]
    for image, (masks, _) in zip(labels.images, made, strict=True):
        for box, mask in zip(image.objects.xyxy, masks, strict=True):
            _, extent = segmentation.area_and_box(mask, image.size)
            assert (extent[:2] >= box[:2]).all() and (extent[2:] <= box[2:]).all()


def test_a_model_fills_in_only_where_outlines_are_missing(tmp_path):
    labels = read_labels(label_files.labelled(tmp_path, {"a": [("dog", 10, 20, 30, 40)]}))
    whole = np.ones((60, 80), bool)
    ((masks, failed),) = making.make(labels.images, "model", Painter((8, 18, 32, 42), whole))
    assert segmentation.mask_of(masks[0], (60, 80)).sum() == 400 and failed == 0


def test_segmentations_are_measured():
    square = segmentation.of_box(np.array([10, 20, 30, 40]))
    area, box = segmentation.area_and_box(square, (60, 80))
    assert area == 400 and box.tolist() == [10, 20, 30, 40]
    half = segmentation.of_mask(np.pad(np.ones((20, 10), bool), ((20, 20), (10, 60))))
    assert segmentation.overlap(square, half, (60, 80)) == pytest.approx(0.5)
