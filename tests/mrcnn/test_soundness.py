"""A network that computes what is no number says so; it does not say that there is nothing."""

from pathlib import Path

import keras
import numpy as np
import pytest
import small_networks

from mrcnn import anchors, image_meta
from mrcnn.inference import TwoSteps
from mrcnn.onnx_engine import OnnxEngine
from mrcnn.onnx_export.network import to_onnx
from mrcnn.onnx_export.selection import AnchorNumbers
from mrcnn.onnx_names import CONFIG

SIZE = (64, 64)
NUMBERS = AnchorNumbers((8, 16, 32, 64, 128), (0.5, 1, 2), (4, 8, 16, 32, 64), 1)
LAYERS = ["fpn_c5p5", "mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"]


def question() -> list[np.ndarray]:
    pictures = np.random.default_rng(0).normal(0, 60, (1, *SIZE, 3)).astype("float32")
    row = image_meta.compose(0, (*SIZE, 3), (*SIZE, 3), (0, 0, *SIZE), 1.0, [0] * 3).astype("float32")
    laid = anchors.normalized_anchors(SIZE, NUMBERS.scales, NUMBERS.ratios, NUMBERS.strides)
    return [pictures, row[None], laid[None].astype("float32")]


def damage(model: keras.Model, name: str) -> np.ndarray:
    """Return the kernel as it was."""
    kernel = model.get_layer(name).kernel
    before = keras.ops.convert_to_numpy(kernel).copy()
    kernel.assign(np.full(kernel.shape, np.nan, "float32"))
    return before


@pytest.fixture(scope="module")
def engine() -> TwoSteps:
    """Compiled once for all layers that are damaged in turn: later changes of weights count."""
    return TwoSteps(small_networks.build(3, seed=1))


@pytest.mark.parametrize("layer", LAYERS)
def test_keras_says_so(layer: str, engine: TwoSteps) -> None:
    found, _ = engine(*question())
    assert (found[..., 5] > 0).any()  # masks are drawn at all
    before = damage(engine.model, layer)
    try:
        with pytest.raises(FloatingPointError, match="no number"):
            engine(*question())
    finally:
        engine.model.get_layer(layer).kernel.assign(before)


@pytest.mark.parametrize("layer", LAYERS)
def test_onnx_runtime_says_so(layer: str, tmp_path: Path) -> None:
    from mrcnn.config import Config

    model = small_networks.build(3, seed=1)
    damage(model, layer)
    architecture = small_networks.architecture(3)
    graph = to_onnx(model, architecture, small_networks.CHOOSE, NUMBERS, metadata={CONFIG: Config().to_json()})
    (tmp_path / "damaged.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(FloatingPointError, match="no number"):
        OnnxEngine(tmp_path / "damaged.onnx", "cpu")(*question())
