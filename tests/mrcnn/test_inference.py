import keras
import numpy as np
import pytest
from mrcnn_goldens import relative, stored

from mrcnn import anchors
from mrcnn.inference import TwoSteps

pytestmark = pytest.mark.shared


def inputs(*photos: int) -> list[np.ndarray]:
    rows = [stored(f"small_infer_{photo}") for photo in photos]
    laid = anchors.normalized_anchors((256, 256), (32, 64, 128, 256, 512), (0.5, 1, 2), (4, 8, 16, 32, 64))
    molded, metas = (np.stack([row[name] for row in rows]).astype("float32") for name in ("molded", "image_meta"))
    return [molded, metas, np.tile(laid, (len(photos), 1, 1))]


def test_two_steps_find_what_one_finds_and_draw_the_own_class(small_network: keras.Model) -> None:
    run = TwoSteps(small_network)
    detections, masks = run(*inputs(0))
    golden = stored("small_infer_0")
    count = int((golden["detections"][:, 4] > 0).sum())
    assert masks.shape == (1, -(-count // run.step) * run.step, 28, 28)
    np.testing.assert_allclose(detections[0, :count], golden["detections"][:count], atol=0.01)
    whole = small_network.predict_on_batch(inputs(0))
    class_ids = detections[0, :count, 4].astype(int)
    # Keras' own `predict` does not know the picture's size and convolves directly, `TwoSteps` by tiles: see `winograd`.
    np.testing.assert_allclose(detections[0], whole[0][0], atol=1e-4)
    own = np.asarray(whole[3])[0, np.arange(count), :, :, class_ids]
    assert relative(masks[0, :count], own) <= 1e-3


def test_equal_shapes_compile_once(small_network: keras.Model) -> None:
    if keras.backend.backend() == "torch":
        pytest.skip("no compiler")
    run = TwoSteps(small_network)
    for photo in (0, 1, 0, 1):
        run(*inputs(photo))
    expected = len({-(-n // run.step) for n in (58, 54)}) if keras.backend.backend() == "jax" else 1
    assert (run.find.traces, run.draw.traces) == (1, expected)


def test_nothing_found_draws_nothing(small_network: keras.Model) -> None:
    molded, metas, laid = inputs(0)
    layer = small_network.get_layer("mrcnn_detection")
    before, layer.min_confidence = layer.min_confidence, 1.1
    try:
        detections, masks = TwoSteps(small_network)(molded, metas, laid)
    finally:
        layer.min_confidence = before
    assert not detections.any()
    assert masks.shape[1] == 0
