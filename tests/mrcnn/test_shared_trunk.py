"""Two networks with a part in common: equal answers, and the common part runs once."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest
from small_networks import BACKBONE, PYRAMID, RPN, build, copy
from uncompiled import uncompiled

from mrcnn import anchors, image_meta
from mrcnn.inference import TwoSteps
from mrcnn.shared_trunk import SharedTrunk, share

SIZE = (64, 64)


@pytest.fixture
def eager() -> Iterator[None]:
    """Compiling takes seconds for each of these small networks."""
    with uncompiled():
        yield


def question(model: keras.Model, seed: int = 1, pictures: int = 1) -> list[np.ndarray]:
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
    """Check that both find, on P2 to P5 too, what they find alone; return what they share."""
    models = (first, second)
    apart = [TwoSteps(model).find(question(model)) for model in models]
    engines = [TwoSteps(model) for model in models]
    trunk = share(engines)
    for alone, engine, model in zip(apart, engines, models, strict=True):
        assert (keras.ops.convert_to_numpy(alone[0])[..., 4] > 0).any()
        for before, after in zip(alone, engine.find(question(model)), strict=True):
            np.testing.assert_allclose(*map(keras.ops.convert_to_numpy, (after, before)), atol=1e-5)
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
    alone = [TwoSteps(first), TwoSteps(second)]
    for seed, place in ((1, 0), (2, 1), (2, 0)):
        asked = question(alone[place].model, seed)
        np.testing.assert_allclose(engines[place](*asked)[0], alone[place](*asked)[0], atol=1e-5)
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
