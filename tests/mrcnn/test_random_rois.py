import numpy as np
import pytest
from mrcnn_goldens import stored, unpacked

from mrcnn import random_rois
from mrcnn.config import Config
from mrcnn.model import build_detection_targets, generate_random_rois


class SmallConfig(Config):
    NUM_CLASSES = 4
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 256
    RESIZE_BORDER = "constant"


def test_most_boxes_lie_around_the_objects() -> None:
    drawn = random_rois.draw((100, 200), 50, np.array([[40, 50, 50, 70]]), np.random.RandomState(0))
    assert np.all(drawn[:45] >= [30, 30, 30, 30])
    assert np.all(drawn[:45] < [60, 90, 60, 90])
    assert np.all(drawn[:, 2:] > drawn[:, :2])
    assert drawn[45:, 3].max() > 90


def test_targets_stand_under_their_class() -> None:
    masks = np.zeros((64, 64, 1), bool)
    masks[:32, :32] = True
    truth = (np.array([2]), np.array([[0, 0, 32, 32]]), masks)
    numbers = random_rois.HeadTargets(4, 0.5, 3, (8, 8), (0.1, 0.1, 0.2, 0.2), (64, 64), mini_masks=False)
    rois = np.array([[0, 0, 32, 40], [40, 40, 60, 60]])
    dice = np.random.RandomState(0)
    taken, class_ids, deltas, drawn = random_rois.build_targets(rois, truth, numbers, dice)
    assert taken.tolist() == [rois[place].tolist() for place in (0, 1, 1, 1)]
    assert class_ids.tolist() == [2, 0, 0, 0]
    np.testing.assert_allclose(deltas[0, 2], [0, -1, 0, 5 * np.log(0.8)], atol=1e-5)
    assert drawn[0, :, :, 2].mean() == 0.75
    assert not drawn[1].any()


@pytest.mark.shared
@pytest.mark.parametrize("image_id", [0, 1, 2])
def test_drawn_boxes_and_their_targets_equal_the_originals(image_id: int) -> None:
    parts = stored("utils")
    example = f"load_image_gt.square_mini.{image_id}"
    class_ids, boxes = parts[f"{example}.class_ids"], parts[f"{example}.bbox"]
    np.random.seed(4)  # noqa: NPY002  (the goldens' stream)
    golden = parts[f"generate_random_rois.{image_id}.out"]
    np.testing.assert_array_equal(generate_random_rois((256, 256, 3), 100, class_ids, boxes), golden)
    if f"build_detection_targets.{image_id}.rois" not in parts:
        return
    np.random.seed(5)  # noqa: NPY002
    masks = unpacked(parts, f"{example}.mask", ".")
    found = build_detection_targets(golden, class_ids, boxes, masks, SmallConfig())
    golden_name = f"build_detection_targets.{image_id}"
    np.testing.assert_array_equal(found[0], parts[f"{golden_name}.rois"])
    np.testing.assert_array_equal(found[1], parts[f"{golden_name}.class_ids"])
    np.testing.assert_allclose(found[2], parts[f"{golden_name}.bboxes"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[3].sum(axis=(1, 2)), parts[f"{golden_name}.masks_sum"], rtol=1e-5, atol=1e-4)
