"""Every family of trunks in a whole network: a step of training, a checkpoint, detection from it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from squares_set import SquaresSet, prepared
from tiny_training import run_eagerly

from common.errors import UserError
from mrcnn.applications import FAMILIES
from mrcnn.config import Config
from mrcnn.model import MaskRCNN


@pytest.fixture(autouse=True)
def eagerly() -> Iterator[None]:
    """One step does not repay the twenty seconds that TensorFlow takes to compile it."""
    run_eagerly(True)
    yield
    run_eagerly(False)


NAMES = [next(iter(family.members)) for family in FAMILIES.values()]
FAST = "mobilenet_v3_small"


class Small(Config):
    NAME, NUM_CLASSES, IMAGES_PER_GPU, SEED = "small", 2, 1, 1
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (16, 32, 64, 128, 256)
    TOP_DOWN_PYRAMID_SIZE, FPN_CLASSIF_FC_LAYERS_SIZE = 16, 16
    TRAIN_ROIS_PER_IMAGE, POST_NMS_ROIS_TRAINING, POST_NMS_ROIS_INFERENCE = 8, 20, 10
    STEPS_PER_EPOCH = VALIDATION_STEPS = 1


def with_backbone(name: str, **settings: object) -> Config:
    return type("Named", (Small,), {"BACKBONE": name, **settings})()


def stages(model: MaskRCNN) -> dict[int, list[np.ndarray]]:
    """Numbers of the trunk's trainable variables by stage, gamma and beta included."""
    found: dict[int, list[np.ndarray]] = {}
    for layer in model.keras_model.layers:
        if layer.name.startswith("stage"):
            kept = [v for v in layer.weights if not v.name.startswith("moving")]
            found.setdefault(int(layer.name[5]), []).extend(v.numpy() for v in kept)
    return found


def statistics(model: MaskRCNN) -> np.ndarray:
    moving = [v for v in model.keras_model.weights if v.name.startswith("moving")]
    return np.concatenate([v.numpy().ravel() for v in moving])


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n == FAST else pytest.mark.slow) for n in NAMES])
def test_it_learns_and_its_checkpoint_detects(name: str, tmp_path: Path) -> None:
    data = prepared(SquaresSet(), 2, 1)
    config = with_backbone(name)
    model = MaskRCNN("training", config, tmp_path)
    before, frozen = stages(model), statistics(model)
    history = model.train(data, data, learning_rate=0.01, epochs=1, layers="all").history
    assert np.isfinite(history["loss"][0])
    after = stages(model)
    for stage in before:
        moved = [np.any(old != new) for old, new in zip(before[stage], after[stage], strict=True)]
        assert any(moved) or not moved, stage  # a stage of VGG is but a pooling
    np.testing.assert_array_equal(statistics(model), frozen)
    again = MaskRCNN("inference", config, tmp_path)
    report = again.load_weights(model.find_last())
    assert report.not_in_file == report.not_in_model == []
    found = again.detect([data.load_image(0)])[0]
    assert found["masks"].shape == (64, 64, len(found["scores"]))


def test_a_range_of_stages_and_the_statistics_can_be_taught(tmp_path: Path) -> None:
    """TRAIN_BN None is the usual way of batch normalisation: statistics of what is trained move, no others."""
    data = prepared(SquaresSet(), 2, 1)
    model = MaskRCNN("training", with_backbone(FAST, TRAIN_BN=None), tmp_path)
    before = stages(model)
    model.train(data, data, learning_rate=0.01, epochs=1, layers="5+")
    after = stages(model)
    moved = {stage: any(np.any(a != b) for a, b in zip(before[stage], after[stage], strict=True)) for stage in before}
    assert moved == {2: False, 3: False, 4: False, 5: True}
    moved = {}
    for layer in model.keras_model.layers:
        if layer.name.startswith("stage") and layer.name.endswith("bn"):
            mean = layer.moving_mean.numpy()
            moved.setdefault(int(layer.name[5]), []).append(bool(np.any(mean != 0)))
    assert {stage: any(flags) for stage, flags in moved.items()} == {2: False, 3: False, 4: False, 5: True}


def test_the_small_residual_network_learns_stage_by_stage_and_its_checkpoint_detects(tmp_path: Path) -> None:
    data = prepared(SquaresSet(), 2, 1)
    config = with_backbone("resnet18_narrow")
    model = MaskRCNN("training", config, tmp_path)

    def numbers() -> dict[str, np.ndarray]:
        kernels = [layer for layer in model.keras_model.layers if layer.name.startswith(("conv1", "res"))]
        return {layer.name: layer.get_weights()[0] for layer in kernels if layer.weights}

    before = numbers()
    assert before["conv1"].shape == (7, 7, 3, 32)
    assert before["res5b_branch2b"].shape == (3, 3, 256, 256)
    model.train(data, data, learning_rate=0.01, epochs=1, layers="5+")
    moved = {name for name, kernel in numbers().items() if np.any(kernel != before[name])}
    assert moved == {"res5a_branch1", *(f"res5{block}_branch2{part}" for block in "ab" for part in "ab")}
    again = MaskRCNN("inference", config, tmp_path)
    report = again.load_weights(model.find_last())
    assert report.not_in_file == report.not_in_model == []
    found = again.detect([data.load_image(0)])[0]
    assert found["masks"].shape == (64, 64, len(found["scores"]))


def test_no_weights_are_published_for_the_small_residual_network(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no published weights of resnet18_narrow"):
        MaskRCNN("training", with_backbone("resnet18_narrow", BACKBONE_WEIGHTS="imagenet"), tmp_path)
