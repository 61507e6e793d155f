"""A data set's pictures as examples, and what the proposals are to learn from them, beside the original's numbers."""

import random

import numpy as np
import pytest
from mrcnn_goldens import stored, unpacked
from squares_set import SquaresSet, prepared

from mrcnn import examples, rpn_targets
from mrcnn.batches import TrainingBatches, Truth
from mrcnn.config import Config
from mrcnn.dataset import Dataset
from mrcnn.model import build_rpn_targets, load_image_gt


class GoldenSet(Dataset):
    """The three pictures of the goldens."""

    def load_image(self, image_id: int) -> np.ndarray:
        return stored("utils")[f"toy.{image_id}.image"]

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        parts = stored("utils")
        return unpacked(parts, f"toy.{image_id}.mask", "."), parts[f"toy.{image_id}.class_ids"]


class SmallConfig(Config):
    NAME, NUM_CLASSES = "small", 4
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 256
    RESIZE_BORDER = "constant"


def test_a_data_set_numbers_classes_and_pictures() -> None:
    dataset = Dataset()
    dataset.add_class("coco", 18, "dog, hound")
    dataset.add_class("own", 1, "cat")
    dataset.add_class("own", 1, "again")
    dataset.add_image("own", "a", "/a.jpg", width=7)
    dataset.prepare()
    assert dataset.class_names == ["BG", "dog", "cat"]
    assert dataset.source_class_ids == {"": [0], "coco": [0, 1], "own": [0, 2]}
    assert (dataset.map_source_class_id("coco.18"), dataset.get_source_class_id(2, "own")) == (1, 1)
    assert dataset.image_ids.tolist() == [0]
    assert (dataset.image_info[0]["width"], dataset.source_image_link(0)) == (7, "/a.jpg")
    with pytest.raises(ValueError, match="is of the source 'coco', not 'own'"):
        dataset.get_source_class_id(1, "own")
    with pytest.raises(ValueError, match="holds a dot"):
        dataset.add_class("a.b", 1, "x")


def test_grey_pictures_become_examples_and_flipping_takes_the_masks_along() -> None:
    dataset = prepared(SquaresSet(), 1)
    resizing = examples.Resizing(min_dim=64, max_dim=64)
    random.seed(3)
    drawn = [examples.load(dataset, 0, resizing, flip=True) for _ in range(8)]
    boxes = {tuple(example.boxes[0].tolist()) for example in drawn}
    assert boxes == {(0, 10, 24, 40), (0, 24, 24, 54)}
    for example in drawn:
        assert example.image.shape == (64, 64, 3)
        np.testing.assert_array_equal(example.image[..., 0] == 250, example.masks[..., 0])


def test_every_picture_comes_once_an_epoch_and_empty_ones_are_replaced() -> None:
    dataset = prepared(SquaresSet(), 6)
    resizing = examples.Resizing(min_dim=64, max_dim=64, mini_masks=(28, 28))
    truth = Truth(np.array([[0.0, 0, 32, 32], [32, 32, 64, 64]]), 4, (0.1, 0.1, 0.2, 0.2), 5, (1.0, 2.0, 3.0))
    served: list[int] = []

    def load(image_id: int) -> examples.Example:
        served.append(image_id)
        return examples.load(dataset, image_id, resizing)

    batches = TrainingBatches(load, dataset.image_ids, truth, batch_size=2, shuffle=False)
    inputs, _ = batches[0]
    assert {name: value.shape for name, value in inputs.items()} == {
        "input_image": (2, 64, 64, 3),
        "input_image_meta": (2, 16),
        "input_rpn_match": (2, 2, 1),
        "input_rpn_bbox": (2, 4, 4),
        "input_gt_class_ids": (2, 5),
        "input_gt_boxes": (2, 5, 4),
        "input_gt_masks": (2, 28, 28, 5),
    }
    assert len(batches) == 3
    batches[1]
    assert served == [0, 1, 2, 3, 4]
    empty = TrainingBatches(load, np.array([2, 5]), truth, batch_size=2)
    with pytest.raises(ValueError, match="no picture of the data set holds an object"):
        empty[0]


def test_an_object_with_little_overlap_gets_its_best_anchor() -> None:
    anchors = np.array([[0, 0, 10, 10], [0, 6, 10, 16], [50, 50, 60, 60], [90, 90, 100, 100]], float)
    boxes, class_ids = np.array([[0, 8, 10, 30], [90, 90, 95, 95]]), np.array([1, -1])
    match, best = rpn_targets.match_anchors(anchors, class_ids, boxes)
    assert match.tolist() == [-1, 1, -1, 0]
    assert best.tolist() == [0, 0, 0, 0]


@pytest.mark.shared
@pytest.mark.parametrize("image_id", [0, 1, 2])
@pytest.mark.parametrize(
    ("name", "mode", "side", "mini"),
    [
        ("square_mini", "square", 256, True),
        ("square_full", "square", 256, False),
        ("pad64_mini", "pad64", 256, True),
        ("crop_full", "crop", 128, False),
        ("none_full", "none", 256, False),
    ],
)
def test_examples_equal_the_originals(name: str, mode: str, side: int, mini: bool, image_id: int) -> None:
    config, parts = SmallConfig(), stored("utils")
    config.IMAGE_RESIZE_MODE, config.IMAGE_MIN_DIM = mode, side
    random.seed(image_id)
    found = load_image_gt(prepared(GoldenSet(), 3), config, image_id, use_mini_mask=mini)
    golden = f"load_image_gt.{name}.{image_id}"
    for part, value in zip(("image", "meta", "class_ids", "bbox"), found[:4], strict=True):
        np.testing.assert_allclose(value, parts[f"{golden}.{part}"], rtol=1e-12)
    np.testing.assert_array_equal(found[4], unpacked(parts, f"{golden}.mask", "."))


@pytest.mark.shared
@pytest.mark.parametrize("image_id", [0, 1, 2])
def test_what_the_anchors_learn_equals_the_originals(image_id: int) -> None:
    config, parts, anchors = SmallConfig(), stored("utils"), stored("anchors_256")["anchors_px"]
    given = [parts[f"build_rpn_targets.{image_id}.{name}"] for name in ("class_ids", "bbox")]
    np.random.seed(3)  # noqa: NPY002  (the goldens' stream)
    match, deltas = build_rpn_targets((256, 256, 3), anchors, *given, config)
    np.testing.assert_array_equal(match, parts[f"build_rpn_targets.{image_id}.rpn_match"])
    np.testing.assert_allclose(deltas, parts[f"build_rpn_targets.{image_id}.rpn_bbox"], rtol=1e-5, atol=1e-9)
    config.RPN_TRAIN_ANCHORS_PER_IMAGE = 40000
    match, deltas = build_rpn_targets((256, 256, 3), anchors, *given, config)
    np.testing.assert_array_equal(match, parts[f"build_rpn_targets.{image_id}.nosubsample.rpn_match"])
    golden = parts[f"build_rpn_targets.{image_id}.nosubsample.rpn_bbox"]
    np.testing.assert_allclose(deltas[: len(golden)], golden, rtol=1e-5, atol=1e-9)
