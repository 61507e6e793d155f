"""Two networks with a part in common: equal answers, and the common part runs once."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from mrcnn import anchors, image_meta, network
from mrcnn.compiled import Compiled
from mrcnn.inference import TwoSteps
from mrcnn.shared_trunk import SharedTrunk, share

SIZE = (64, 128)
CHOOSE = network.Selection(pre_nms_limit=200, proposal_count=40, max_instances=10, min_confidence=0.3)


def backbone(prefix: str) -> Any:
    """Return a small backbone of five stages, whose layers have names of their own."""

    def build(image: Any, stage5: bool = True, train_bn: bool = False) -> list[Any]:
        assert stage5 and not train_bn
        x, stages = image, []
        for stage in range(1, 6):
            x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name=f"{prefix}{stage}")(x)
            stages.append(x)
        return stages

    return build


def build(classes: int, seed: int, prefix: str = "small", **changes: Any) -> keras.Model:
    keras.utils.set_random_seed(seed)
    architecture = network.Architecture(
        num_classes=classes, backbone=backbone(prefix), pyramid_channels=16, fully_connected_units=32
    )
    model = network.inference_model(architecture, replace(CHOOSE, **changes))
    logits = model.get_layer("mrcnn_class_logits")
    logits.kernel.assign(logits.kernel * 40)  # so that it is sure of something
    return model


def copy(source: keras.Model, target: keras.Model, *beginnings: str) -> None:
    """Give the layers whose names begin so the weights of the source's layer at the same place."""
    for ours, theirs in zip(source.layers, target.layers, strict=True):
        if theirs.name.startswith(beginnings):
            theirs.set_weights(ours.get_weights())


BACKBONE, PYRAMID, RPN = ("small", "other"), "fpn_", "rpn_model"


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run networks without compiling them: seconds for each of these small ones."""
    name = f"_for_{keras.backend.backend()}"
    monkeypatch.setattr(Compiled, name, lambda self: lambda *inputs: self._traced(inputs))


def question(model: keras.Model, seed: int = 1, pictures: int = 2) -> list[np.ndarray]:
    """Return pictures, meta and anchors."""
    random = np.random.default_rng(seed)
    molded = random.normal(0, 60, (pictures, *SIZE, 3)).astype("float32")
    classes = model.inputs[1].shape[1] - 12
    row = image_meta.compose(0, (*SIZE, 3), (*SIZE, 3), (0, 0, *SIZE), 1.0, [0] * classes).astype("float32")
    laid = anchors.normalized_anchors(SIZE, (8, 16, 32, 64, 128), (0.5, 1, 2), (4, 8, 16, 32, 64))
    laid = np.tile(laid, (pictures, 1, 1)).astype("float32")
    # The small backbone halves five times, so that C2 is at 1/4.
    return [molded, np.tile(row, (pictures, 1)), laid]


def apart_and_together(first: keras.Model, second: keras.Model) -> SharedTrunk | None:
    """Check that both answer as if they were alone; return what they share."""
    models = (first, second)
    apart = [TwoSteps(model)(*question(model)) for model in models]
    engines = [TwoSteps(model) for model in models]
    trunk = share(engines)
    for alone, engine, model in zip(apart, engines, models, strict=True):
        assert (alone[0][..., 4] > 0).any()
        for before, after in zip(alone, engine(*question(model)), strict=True):
            np.testing.assert_allclose(after, before, atol=1e-5)
    return trunk


@pytest.mark.parametrize(
    ("equal", "reach"),
    [
        ((*BACKBONE, PYRAMID, RPN), "up to the proposals"),
        ((*BACKBONE, PYRAMID), "up to P6"),
        (BACKBONE, "up to C5"),
        (("small1", "small2"), "the first part of the backbone"),
    ],
)
@pytest.mark.usefixtures("eager")
def test_what_is_equal_runs_once_and_the_answers_stay(equal: tuple[str, ...], reach: str) -> None:
    first, second = build(3, 1), build(4, 2)
    copy(first, second, *equal)
    trunk = apart_and_together(first, second)
    assert trunk is not None
    assert trunk.reach == reach
    assert all(name.startswith(equal) for name in trunk.layers)
    assert trunk.runs == 1


@pytest.mark.usefixtures("eager")
def test_proposals_of_another_number_share_up_to_the_rpn() -> None:
    first, second = build(3, 1), build(4, 2, proposal_count=20)
    copy(first, second, *BACKBONE, PYRAMID, RPN)
    trunk = apart_and_together(first, second)
    assert trunk is not None and trunk.reach == "up to the RPN"


@pytest.mark.usefixtures("eager")
def test_weights_count_not_names() -> None:
    first, second, third = build(3, 1), build(4, 2, prefix="other"), build(3, 3)
    copy(first, second, *BACKBONE, PYRAMID, RPN)
    trunk = apart_and_together(first, second)
    assert trunk is not None and trunk.reach == "up to the proposals"
    assert share([TwoSteps(first), TwoSteps(third)]) is None  # equal names, other weights


@pytest.mark.usefixtures("eager")
def test_one_number_that_differs_ends_what_is_shared() -> None:
    first, second = build(3, 1), build(3, 2)
    copy(first, second, *BACKBONE, PYRAMID, RPN)
    kernel = second.get_layer("small4").kernel
    changed = keras.ops.convert_to_numpy(kernel).copy()
    changed[0, 0, 0, 0] += 1e-6
    kernel.assign(changed)
    trunk = apart_and_together(first, second)
    assert trunk is not None and set(trunk.layers) == {"small1", "small2", "small3", "fpn_c2p2", "fpn_c3p3"}


@pytest.mark.usefixtures("eager")
def test_two_heads_of_the_same_file_and_three_heads() -> None:
    models = [build(3, 1), build(3, 1), build(5, 2)]
    copy(models[0], models[2], *BACKBONE)
    trunk = apart_and_together(models[0], models[1])
    assert trunk is not None and trunk.weighted == len(trunk.layers)
    engines = [TwoSteps(model) for model in models]
    three = share(engines)
    assert three is not None and len(three.layers) == 5
    for model, engine in zip(models, engines, strict=True):
        alone = TwoSteps(model)(*question(model))
        for before, after in zip(alone, engine(*question(model)), strict=True):
            np.testing.assert_allclose(after, before, atol=1e-5)
    assert three.runs == 1


def test_compiled_too_another_picture_is_looked_at_anew() -> None:
    first, second = build(3, 1), build(4, 2)
    copy(first, second, *BACKBONE, PYRAMID, RPN)
    engines = [TwoSteps(first), TwoSteps(second)]
    trunk = share(engines)
    assert trunk is not None
    for seed, model, engine in ((1, first, engines[0]), (2, second, engines[1]), (2, first, engines[0])):
        asked = question(model, seed)
        np.testing.assert_allclose(engine(*asked)[0], TwoSteps(model)(*asked)[0], atol=1e-5)
    assert trunk.runs == 2
    molded, metas, laid = question(second, 2)
    molded[0, 0, 0, 0] += 1  # the same array, changed in place, is another picture
    engines[1](molded, metas, laid)
    assert trunk.runs == 3


@pytest.mark.usefixtures("eager")
def test_padding_beside_the_picture_counts() -> None:
    first, second = build(3, 1), build(4, 2)
    copy(first, second, *BACKBONE, PYRAMID, RPN)
    engines = [TwoSteps(first), TwoSteps(second)]
    share(engines)
    engines[0](*question(first))
    molded, metas, laid = question(second)
    metas[:, 7:11] = (0, 0, 32, 64)  # the window: boxes are cut to it
    found, _ = engines[1](molded, metas, laid)
    assert found[..., 2].max() <= 31 / 63 + 1e-6
    np.testing.assert_allclose(found, TwoSteps(second)(molded, metas, laid)[0], atol=1e-5)
