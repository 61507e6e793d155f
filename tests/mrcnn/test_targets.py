import keras
import numpy as np
import pytest
from keras import ops
from mrcnn_goldens import stored, unpacked

from mrcnn import targets


def tensors(*arrays: np.ndarray) -> list:
    return [ops.convert_to_tensor(np.ascontiguousarray(array)) for array in arrays]


def arrays(values: tuple) -> list[np.ndarray]:
    return [ops.convert_to_numpy(value) for value in values]


def scene() -> list:
    """Two objects and a crowd; proposals on each, beside them, and padding."""
    proposals = [[0, 0, 0.4, 0.4], [0.6, 0.6, 1, 1], [0, 0.6, 0.4, 1], [0.5, 0, 0.7, 0.2], [0, 0, 0.4, 0.5], [0] * 4]
    boxes = [[0, 0, 0.4, 0.4], [0.6, 0.6, 1, 1], [0, 0.5, 0.4, 1], [0] * 4]
    class_ids = np.array([[1, 2, -1, 0]], "int32")
    masks = np.zeros((1, 8, 8, 4), bool)
    masks[0, :, :4, 0] = masks[0, :4, :, 1] = True
    return tensors(np.array([proposals], "float32"), class_ids, np.array([boxes], "float32"), masks)


def test_proposals_on_a_crowd_are_neither_positive_nor_negative() -> None:
    positive, negative, best = arrays(targets.classify(*scene()[:3]))
    assert positive[0].tolist() == [True, True, False, False, True, False]
    assert negative[0].tolist() == [False, False, False, True, False, False]
    assert best[0, [0, 1, 4]].tolist() == [0, 1, 0]


def test_targets_stand_in_the_order_positives_negatives_nothing() -> None:
    layer = targets.DetectionTargetLayer(count=8, positive_ratio=0.5, mask_shape=(4, 4), shuffle=False)
    rois, class_ids, deltas, masks = arrays(layer(scene()))
    assert class_ids[0].tolist() == [1, 2, 1, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(rois[0, 3], [0.5, 0, 0.7, 0.2])
    assert not rois[0, 4:].any()
    np.testing.assert_allclose(deltas[0, 2], [0, -1, 0, 5 * np.log(0.8)], atol=1e-5)
    assert not deltas[0, 3:].any()
    assert masks[0, 0].tolist() == [[1, 1, 0, 0]] * 4
    assert masks[0, 1].tolist() == [[1] * 4] * 2 + [[0] * 4] * 2
    assert not masks[0, 3:].any()


def test_negatives_are_limited_by_the_ratio() -> None:
    positive = np.zeros((1, 100), bool)
    positive[0, :2] = True
    priorities = np.linspace(1, 0.1, 100, dtype="float32")[None]
    places, found = arrays(targets.sample(*tensors(positive, ~positive, priorities), count=40, positive_ratio=0.25))
    assert found.tolist() == [2]
    assert places[0].tolist() == [*range(8), *[-1] * 32]


def test_the_seed_decides_over_the_sample() -> None:
    generator = np.random.default_rng(0)
    corners = generator.uniform(0, 0.5, (1, 60, 2))
    proposals = np.concatenate([corners, corners + 0.3], axis=-1).astype("float32")
    given = [*tensors(proposals), *scene()[1:]]

    def draw(seed: int) -> list:
        return arrays(targets.DetectionTargetLayer(count=9, seed=seed)(given))[0].tolist()

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_the_layer_goes_through_its_configuration() -> None:
    layer = targets.DetectionTargetLayer(count=9, mask_shape=(14, 14), mini_masks=False, seed=3)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()


@pytest.mark.shared
@pytest.mark.parametrize("crowd", ["crowd", "nocrowd"])
@pytest.mark.parametrize("stored_masks", ["mini", "full"])
def test_targets_equal_the_originals(stored_masks: str, crowd: str) -> None:
    name, golden = f"dettarget.{stored_masks}.{crowd}.", stored("layers")
    layer = targets.DetectionTargetLayer(mini_masks=stored_masks == "mini", shuffle=False)
    given = [golden[f"{name}{part}"] for part in ("proposals", "gt_class_ids", "gt_boxes")]
    rois, class_ids, deltas, masks = arrays(layer(tensors(*given, unpacked(golden, f"{name}gt_masks"))))
    np.testing.assert_allclose(rois, golden[f"{name}rois"], atol=1e-7)
    np.testing.assert_array_equal(class_ids, golden[f"{name}class_ids"])
    np.testing.assert_allclose(deltas, golden[f"{name}deltas"], atol=2e-5)
    np.testing.assert_array_equal(masks.astype(bool), unpacked(golden, f"{name}masks"))


def test_a_picture_without_positives_gives_negatives() -> None:
    positive, negative = np.zeros((1, 6), bool), np.array([[True, True, False, True, True, True]])
    priorities = np.linspace(1, 0, 6, dtype="float32")[None]
    places, positives = arrays(targets.sample(*tensors(positive, negative, priorities), 6, 0.34))
    assert (places[0].tolist(), positives.tolist()) == ([0, 1, 3, 4, -1, -1], [0])
