from pathlib import Path

import keras
import numpy as np
import pytest
from mrcnn_goldens import LEVELS, OUTPUTS, STAGES, build_weights, own_anchors, stored

from mrcnn import network, weights


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weight file of the golden ResNet-50 with four classes."""
    return build_weights("small_r50", tmp_path_factory.mktemp("weights") / "small_r50.h5")


@pytest.fixture(scope="session")
def small_network(small_weights: Path) -> keras.Model:
    """The golden network for inference with the original's defaults."""
    model = network.inference_model(network.Architecture(num_classes=4, backbone="resnet50"), network.Selection())
    weights.load(model, small_weights)
    return model


@pytest.fixture(scope="session")
def answers(small_network: keras.Model) -> list[dict[str, np.ndarray]]:
    """Every intermediate and output of it for the two golden photographs, which go through as one batch."""
    names = {**STAGES, **LEVELS}
    inner = [small_network.get_layer(layer).output for layer in names.values()]
    model = keras.Model(small_network.inputs, inner + small_network.outputs)
    photos = [stored(f"small_infer_{photo}") for photo in (0, 1)]
    molded, metas = (np.stack([photo[name] for photo in photos]).astype("float32") for name in ("molded", "image_meta"))
    laid = own_anchors(molded.shape[1:3])
    values = model.predict_on_batch([molded, metas, np.broadcast_to(laid, (2, *laid.shape))])
    named = dict(zip([*names, *OUTPUTS], values, strict=True))
    return [{name: value[photo] for name, value in named.items()} for photo in (0, 1)]
