import numpy as np
import pytest

from mrcnn import postprocess, tf_masks


def test_a_mask_fills_its_box():
    parts = tf_masks.in_boxes(np.ones((1, 3, 3)), np.array([[0.25, 0.5, 0.75, 1.0]]), (8, 10), 0.5)
    dense = postprocess.compacted(parts, (8, 10)).to_dense()[0]
    expected = np.zeros((8, 10), bool)
    expected[2:6, 5:10] = True
    assert np.array_equal(dense, expected)


def test_samples_of_a_mask_lie_on_the_edges_of_its_box():
    """Three columns 0, 1, 1: the half between the first two lies at a quarter of the box, as for `crop_and_resize`."""
    mask = np.array([[[0, 1, 1]] * 3], float)
    ((part, top, left),) = tf_masks.in_boxes(mask, np.array([[0, 0, 1, 1]]), (4, 16), 0.5)
    assert (top, left, part.shape) == (0, 0, (16, 4))
    assert np.flatnonzero(part[:, 0]).tolist() == list(range(4, 16))


def test_masks_agree_with_the_api_up_to_half_a_pixel():
    tensorflow = pytest.importorskip("tensorflow")
    random = np.random.default_rng(5)
    mask = tensorflow.image.resize(random.random((5, 5, 1)), (15, 15)).numpy()[..., 0]
    box = np.array([0.11, 0.2, 0.87, 0.83])
    high, wide = box[2] - box[0], box[3] - box[1]
    whole = [-box[0] / high, -box[1] / wide, (1 - box[0]) / high, (1 - box[1]) / wide]
    expected = tensorflow.image.crop_and_resize(mask[None, ..., None], [whole], [0], (300, 400)).numpy()[0, ..., 0]
    ours = postprocess.compacted(tf_masks.in_boxes(mask[None], box[None], (300, 400), 0.5), (300, 400)).to_dense()[0]
    differing = np.argwhere(ours != (expected >= 0.5))
    assert ours.sum() > 5000
    assert len(differing) < 0.02 * ours.sum()


def test_masks_of_the_whole_picture_are_cut_down_and_scaled():
    frames = np.zeros((2, 4, 5), np.uint8)
    frames[0, 1:3, 2:4] = 1
    compact = postprocess.compacted(tf_masks.of_pictures(frames, (4, 5), 0.5), (4, 5))
    assert np.array_equal(compact.to_dense(), frames.astype(bool))
    doubled = postprocess.compacted(tf_masks.of_pictures(frames[:1], (8, 10), 0.5), (8, 10)).to_dense()[0]
    assert doubled[2:6, 4:8].all() and doubled.sum() == 16


@pytest.mark.parametrize("axis", [1, 3])
def test_of_masks_for_every_class_the_own_one_counts(axis):
    own = np.arange(2 * 4 * 4).reshape(2, 4, 4) / 32
    every = np.zeros((2, 3, 4, 4))
    every[0, 2], every[1, 0] = own
    masks = every if axis == 1 else np.moveaxis(every, 1, 3)
    assert np.array_equal(tf_masks.own_masks(masks, np.array([3, 1])), own)
    with pytest.raises(ValueError, match="3 classes, but an object of class 4"):
        tf_masks.own_masks(masks, np.array([4, 1]))
