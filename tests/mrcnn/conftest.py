from pathlib import Path

import keras
import pytest
from mrcnn_goldens import build_weights

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
