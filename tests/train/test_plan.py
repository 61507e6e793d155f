"""Which layers learn when, at what rate, and how the optimizer changes them."""

import keras
import numpy as np
import pytest
from keras import ops

from common.errors import UserError
from mrcnn import layer_choice, optimization
from mrcnn.optimization import Optimization, Rate
from train.plan import Stage, stages, warm_up_warning
from train.settings import resolve


def test_a_schedule_is_the_heads_then_the_upper_stages_then_all_at_a_tenth_of_the_rate() -> None:
    assert stages("schedule", 160) == [Stage("heads", 0, 40), Stage("4+", 40, 120), Stage("all", 120, 160, 0.1)]
    assert stages("schedule", 1) == [Stage("4+", 0, 1)]
    assert stages("5+", 7) == [Stage("5+", 0, 7)]


@pytest.mark.parametrize("epochs", range(1, 9))
def test_no_epoch_of_a_schedule_is_left_out(epochs: int) -> None:
    plan = stages("schedule", epochs)
    assert [stage.first for stage in plan] == [0, *(stage.until for stage in plan[:-1])]
    assert plan[-1].until == epochs


def rates(asked: range, **numbers: object) -> list[float]:
    rate = Rate(1.0, **numbers)  # type: ignore[arg-type]
    return [float(ops.convert_to_numpy(rate(step))) for step in asked]


def test_the_rate_rises_then_stays_drops_or_falls_like_a_cosine() -> None:
    assert rates(range(0, 6), warm_up=4, steps=10) == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])
    assert rates(range(0, 10, 3), schedule="step", steps=10) == pytest.approx([1, 1, 0.1, 0.01])
    falling = rates(range(0, 101, 50), schedule="cosine", steps=100)
    assert falling == pytest.approx([1, 0.505, 0.01], abs=1e-6)
    # A stage that begins later goes on where the one before ended.
    assert rates(range(1), schedule="cosine", steps=100, first_step=50) == pytest.approx([0.505])


def test_a_rise_that_does_not_end_is_warned_of() -> None:
    settings = resolve({"data": "set", "epochs": 3, "warm_up": 12})
    assert warm_up_warning(settings, 4) is None
    assert warm_up_warning(settings, 3) == (
        "warning: the rate rises over 12 steps and there are 9: it ends at 75% of --learning-rate; give a shorter "
        "--warm-up or more --epochs"
    )


def layer_with_gradient(numbers: Optimization, gradient: float) -> list[np.ndarray]:
    """Kernel and bias of a layer, all ones, after one step on a gradient."""
    layer = keras.layers.Dense(2, kernel_initializer="ones", bias_initializer="ones")
    layer.build((1, 2))
    optimizer = optimization.build(numbers)
    optimizer.apply([ops.full(v.shape, gradient) for v in layer.trainable_variables], layer.trainable_variables)
    return [variable.numpy() for variable in layer.trainable_variables]


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_weight_decay_shrinks_kernels_and_nothing_else(name: str) -> None:
    kernel, bias = layer_with_gradient(Optimization(name, learning_rate=0.1, weight_decay=0.5), 0.0)
    np.testing.assert_allclose(kernel, 0.95)
    np.testing.assert_allclose(bias, 1.0)


def test_the_gradient_is_clipped_by_its_norm_over_all_variables() -> None:
    kernel, bias = layer_with_gradient(Optimization(learning_rate=1.0, clip_norm=1.0), 10.0)
    change = np.concatenate([1 - kernel.ravel(), 1 - bias])
    assert np.linalg.norm(change) == pytest.approx(1.0, rel=1e-5)
    kernel, _ = layer_with_gradient(Optimization(learning_rate=1.0, clip_norm=None), 10.0)
    np.testing.assert_allclose(kernel, -9.0)


def test_names_that_there_are_not_are_told() -> None:
    with pytest.raises(UserError, match="no optimizer 'lion': expected one of sgd, adamw"):
        optimization.build(Optimization("lion"))
    with pytest.raises(UserError, match="no schedule 'linear'"):
        optimization.build(Optimization(schedule="linear"))
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, name="mrcnn_one")])
    with pytest.raises(UserError, match=r"names no layers .* regular expression"):
        layer_choice.set_trainable(model, "res(")
    assert layer_choice.set_trainable(model, "mrcnn") == ["mrcnn_one"]
    assert layer_choice.set_trainable(model, "res.*") == []
