"""Half precision beside single, on a network that has learnt: random weights put every score at the threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tiny_learner import Shapes, TinyConfig, shapes

from common.errors import UserError
from mrcnn import boxes, network, weights
from mrcnn.model import MaskRCNN
from mrcnn.precision import building_in
from mrcnn.training_network import TrainingModel

HALVES = ("float16", "bfloat16")
UNSEEN = 40  # pictures


def with_precision(precision: str | None, **settings: Any) -> TinyConfig:
    return type("Half", (TinyConfig,), {"MIXED_PRECISION": precision, **settings})()


@dataclass
class Learnt:
    """What a network came to: its weight file, and how often its loss was traced in each training."""

    file: Path
    traces: list[int]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Learnt:
    """A network that has seen 1200 pictures."""
    keras.utils.set_random_seed(1)
    model = MaskRCNN("training", TinyConfig(), tmp_path_factory.mktemp("learnt"))
    loss, traced, counts = TrainingModel.compute_loss, [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModel, "compute_loss", lambda *args, **rest: traced.append(1) or loss(*args, **rest))
        for epoch, rate in ((1, 0.02), (2, 0.005)):
            traced.clear()
            model.train(shapes(200), shapes(20, first=1), learning_rate=rate, epochs=epoch, layers="all")
            counts.append(len(traced))
    return Learnt(Path(model.find_last()), counts)


def found_by(config: TinyConfig, learnt: Learnt, pictures: Sequence[np.ndarray]) -> list[dict[str, np.ndarray]]:
    model = MaskRCNN("inference", config, learnt.file.parent)
    weights.load(model.keras_model, learnt.file)
    return model.detect(pictures)


def share(first: list[dict[str, np.ndarray]], second: list[dict[str, np.ndarray]]) -> tuple[float, int]:
    """Share of the first's objects that the second has, of the same class and overlapping by 0.9, and their number."""
    hits = []
    for ours, theirs in zip(first, second, strict=True):
        overlaps = boxes.overlaps(ours["rois"].astype(float), theirs["rois"].astype(float))
        same = (overlaps >= 0.9) & (ours["class_ids"][:, None] == theirs["class_ids"])
        hits.extend(same.any(axis=1))
    return float(np.mean(hits)), len(hits)


@pytest.mark.slow
def test_it_has_learnt_so_that_it_can_be_a_judge(learnt: Learnt) -> None:
    data = shapes(UNSEEN, first=1)
    found = found_by(with_precision(None), learnt, [data.load_image(number) for number in range(UNSEEN)])
    expected, right = truth(data), 0
    for ours, theirs in zip(found, expected, strict=True):
        overlaps = boxes.overlaps(ours["rois"].astype(float), theirs["rois"])
        right += int(((overlaps >= 0.5) & (ours["class_ids"][:, None] == theirs["class_ids"])).any(axis=0).sum())
    things = sum(len(row["class_ids"]) for row in expected)
    assert things >= 60
    assert right >= 0.95 * things
    assert min(row["scores"].min(initial=1) for row in found) >= 0.7


def truth(data: Shapes) -> list[dict[str, np.ndarray]]:
    found = []
    for number in range(UNSEEN):
        masks, class_ids = data.load_mask(number)
        rows = [np.argwhere(masks[..., index]) for index in range(len(class_ids))]
        found.append({"rois": np.array([[*r.min(0), *(r.max(0) + 1)] for r in rows], float), "class_ids": class_ids})
    return found


@pytest.mark.slow
@pytest.mark.parametrize("precision", HALVES)
def test_half_precision_finds_the_same_objects(precision: str, learnt: Learnt) -> None:
    data = shapes(UNSEEN, first=1)
    pictures = [data.load_image(number) for number in range(UNSEEN)]
    single, half = (found_by(with_precision(name), learnt, pictures) for name in (None, precision))
    for first, second in ((single, half), (half, single)):
        same, count = share(first, second)
        assert count >= 60
        assert same >= 0.98
    assert half[0]["scores"].dtype == np.float32


@pytest.mark.slow
@pytest.mark.parametrize("precision", HALVES)
def test_a_network_learns_in_half_precision(precision: str, tmp_path: Path) -> None:
    """Under float16 the loss is scaled up, or small gradients would vanish; weights stay float32."""
    keras.utils.set_random_seed(1)
    model = MaskRCNN("training", with_precision(precision, STEPS_PER_EPOCH=60), tmp_path)
    losses: list[float] = []
    for epoch in (1, 2):
        history = model.train(shapes(200), shapes(20, first=1), learning_rate=0.02, epochs=epoch, layers="all")
        losses += history.history["loss"]
    assert losses[1] < 0.6 * losses[0]
    scaled = isinstance(model.keras_model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (precision == "float16")
    assert {str(variable.dtype) for variable in model.keras_model.trainable_variables} == {"float32"}


@pytest.mark.slow
def test_training_is_traced_once_for_all_its_steps(learnt: Learnt) -> None:
    """Python's own code of the loss runs while a step is compiled: one of training, one of checking, no 150."""
    if keras.backend.backend() == "torch":
        pytest.skip("no compiler")
    assert max(learnt.traces) <= 4


def test_any_number_of_pictures_goes_through_and_equal_numbers_compile_once(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    settings = {"DETECTION_MIN_CONFIDENCE": 0, "DETECTION_MAX_INSTANCES": 8, "IMAGES_PER_GPU": 2}
    model = MaskRCNN("inference", with_precision(None, **settings), tmp_path)
    data = shapes(3)
    pictures = [data.load_image(number) for number in range(3)]
    together = model.detect(pictures)  # two, then one
    alone = [model.detect([picture])[0] for picture in pictures]
    for ours, theirs in zip(together, alone, strict=True):
        np.testing.assert_allclose(ours["rois"], theirs["rois"], atol=1)
        np.testing.assert_array_equal(ours["class_ids"], theirs["class_ids"])
    if keras.backend.backend() != "torch":
        assert model._two_steps is not None
        assert model._two_steps.find.traces == 2  # for two and for one


def test_a_precision_holds_for_what_is_built_in_it_and_unknown_ones_are_named() -> None:
    before = keras.config.dtype_policy().name
    architecture = network.Architecture(2, TinyConfig.BACKBONE, pyramid_channels=8, precision="bfloat16")
    model = network.inference_model(architecture, network.Selection(50, 10, max_instances=5))
    assert keras.config.dtype_policy().name == before == "float32"
    assert model.get_layer("fpn_c5p5").compute_dtype == "bfloat16"
    assert {str(output.dtype) for output in model.outputs} == {"float32"}
    with (
        pytest.raises(UserError, match="no MIXED_PRECISION 'half': expected one of float16, bfloat16"),
        building_in("half"),
    ):
        pass
