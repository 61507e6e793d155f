import keras
import numpy as np
import pytest
from mrcnn_goldens import own_anchors, relative, stored
from uncompiled import uncompiled

from mrcnn.inference import TwoSteps

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def engine(small_network: keras.Model) -> TwoSteps:
    return TwoSteps(small_network)


def inputs(*photos: int) -> list[np.ndarray]:
    rows = [stored(f"small_infer_{photo}") for photo in photos]
    molded, metas = (np.stack([row[name] for row in rows]).astype("float32") for name in ("molded", "image_meta"))
    return [molded, metas, np.tile(own_anchors((256, 256)), (len(photos), 1, 1))]


def test_two_steps_find_what_one_finds_and_draw_the_own_class(
    engine: TwoSteps, answers: list[dict[str, np.ndarray]]
) -> None:
    detections, masks = engine(*inputs(0))
    golden = stored("small_infer_0")
    count = int((golden["detections"][:, 4] > 0).sum())
    assert masks.shape == (1, -(-count // engine.step) * engine.step, 28, 28)
    np.testing.assert_allclose(detections[0, :count], golden["detections"][:count], atol=0.01)
    whole = answers[0]
    class_ids = detections[0, :count, 4].astype(int)
    # Keras' own `predict` does not know the picture's size and convolves directly, `TwoSteps` by tiles: see `winograd`.
    np.testing.assert_allclose(detections[0], whole["detections"], atol=1e-4)
    own = whole["mrcnn_mask"][np.arange(count), :, :, class_ids]
    assert relative(masks[0, :count], own) <= 1e-3


def test_equal_shapes_compile_once(engine: TwoSteps) -> None:
    if keras.backend.backend() == "torch":
        pytest.skip("no compiler")
    for photo in (0, 1, 0, 1):
        engine(*inputs(photo))
    expected = len({-(-n // engine.step) for n in (58, 54)}) if keras.backend.backend() == "jax" else 1
    assert (engine.find.traces, engine.draw.traces) == (1, expected)


def test_nothing_found_draws_nothing(small_network: keras.Model) -> None:
    molded, metas, laid = inputs(0)
    layer = small_network.get_layer("mrcnn_detection")
    before, layer.min_confidence = layer.min_confidence, 1.1
    try:
        with uncompiled():
            detections, masks = TwoSteps(small_network)(molded, metas, laid)
    finally:
        layer.min_confidence = before
    assert not detections.any()
    assert masks.shape[1] == 0
