"""`MaskRCNN.train`: what the original lost between two calls stays."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from quick_config import QuickConfig
from squares_set import SquaresSet, prepared
from tiny_training import run_eagerly

from mrcnn import losses, training_state
from mrcnn.fitting import Rounds
from mrcnn.model import MaskRCNN


@pytest.fixture(autouse=True)
def eagerly() -> Iterator[None]:
    """A few steps do not repay the seconds that TensorFlow takes to compile them."""
    run_eagerly(True)
    yield
    run_eagerly(False)


def learner(folder: Path) -> MaskRCNN:
    keras.utils.set_random_seed(4)
    return MaskRCNN("training", QuickConfig(), folder)


def train(model: MaskRCNN, epochs: int, layers: str = "all") -> list[float]:
    return model.train(prepared(SquaresSet(), 5), None, 0.01, epochs, layers, custom_callbacks=[]).history["loss"]


def test_a_second_call_goes_on_with_optimizer_order_and_chances(tmp_path: Path) -> None:
    """In the original the momentum is lost, and the order begins again."""
    unbroken = train(learner(tmp_path / "unbroken"), 2)
    model = learner(tmp_path / "broken")
    first = train(model, 1)
    # Another process: only what lies in the folder is left.
    again = learner(tmp_path / "broken")
    again.load_weights(again.find_last())
    assert again.epoch == 1
    assert first + train(again, 2) == pytest.approx(unbroken, rel=1e-5)


def test_other_layers_begin_with_an_optimizer_of_their_own(tmp_path: Path) -> None:
    model = learner(tmp_path)
    train(model, 1, "heads")
    state = training_state.read(Path(model.log_dir) / "state.npz")
    assert state is not None and state.epoch == 1
    assert training_state.fits(state, model.keras_model)
    train(model, 2, "all")
    assert not training_state.fits(state, model.keras_model)
    assert int(ops.convert_to_numpy(model.keras_model.optimizer.iterations)) == QuickConfig.STEPS_PER_EPOCH


def test_rounds_come_in_the_same_order_whenever_an_epoch_is_asked_for() -> None:
    class Numbers:
        order = 0

        def set_epoch(self, epoch: int) -> None:
            self.order = epoch

        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> Any:
            return self.order, index

    rounds = Rounds(Numbers(), 4)
    unbroken = []
    for epoch in range(3):
        rounds.set_epoch(epoch)
        unbroken.append([rounds[step] for step in range(4)])
    assert [batch for epoch in unbroken for batch in epoch] == [
        (number, place) for number in range(4) for place in range(3)
    ]
    again = Rounds(Numbers(), 4)
    again.set_epoch(2)
    assert [again[step] for step in range(4)] == unbroken[2]


def test_padding_is_no_background_unless_asked_for() -> None:
    """In the original rows of zeros among the sampled boxes teach the class head that nothing is background."""
    logits = ops.convert_to_tensor(np.array([[[0.0, 2.0], [5.0, 0.0], [0.0, 9.0]]], "float32"))
    class_ids, active = np.array([[1, 0, 0]], "int32"), np.ones((1, 2), "int32")
    real = np.array([[True, True, False]])

    def loss(**more: Any) -> float:
        return float(ops.convert_to_numpy(losses.class_loss(class_ids, logits, active, **more)))

    of_each = [np.log1p(np.exp(-2)), np.log1p(np.exp(-5)), np.log1p(np.exp(9))]
    assert loss(real=real) == pytest.approx(np.mean(of_each[:2]), rel=1e-5)
    assert loss() == pytest.approx(np.mean(of_each), rel=1e-5)


def test_an_optimizer_that_scales_the_loss_goes_on_where_it_was() -> None:
    models = [keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]) for _ in range(2)]
    for model in models:
        inner = keras.optimizers.SGD(0.1, momentum=0.9)
        model.compile(optimizer=keras.optimizers.LossScaleOptimizer(inner), loss="mse")
        model.optimizer.build(model.trainable_variables)
    first, second = models
    first.fit(np.ones((4, 3)), np.ones((4, 2)), epochs=2, verbose=0)
    state = training_state.state_of(first, 2, "last.h5")
    state = dataclasses.replace(state, trained=training_state.trained_paths(second))  # other names, the same layers
    assert training_state.fits(state, second)
    training_state.restore(state, second)
    ours, theirs = (model.optimizer.variables for model in models)
    assert len(ours) == len(theirs) > 4
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
