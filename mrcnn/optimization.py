"""How weights are changed: the optimizer, and its rate from step to step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from common.errors import UserError

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("constant", "step", "cosine")
DROPS = (0.6, 0.8)  # shares of the training after which "step" divides the rate by ten
LEAST = 0.01  # share of the rate that "cosine" ends with
NOT_KERNELS = ("bias", "gamma", "beta")


@dataclass(frozen=True)
class Optimization:
    """Numbers of an optimizer.

    Attributes:
        optimizer: one of `OPTIMIZERS`.
        learning_rate: highest rate.
        momentum: of SGD.
        clip_norm: largest norm of the gradient over all variables; None: no limit.
        weight_decay: share of a kernel, times the rate, that every step takes away from it; biases and batch
            normalisation are left alone. 0: none.
        schedule: one of `SCHEDULES`.
        warm_up: steps in which the rate rises from zero.
        steps: steps of the whole training.
        first_step: steps done before this optimizer's first one.
    """

    optimizer: str = "sgd"
    learning_rate: float = 0.001
    momentum: float = 0.9
    clip_norm: float | None = 5.0
    weight_decay: float = 0.0
    schedule: str = "constant"
    warm_up: int = 0
    steps: int = 1
    first_step: int = 0


@keras.saving.register_keras_serializable(package="mrcnn")
class Rate(keras.optimizers.schedules.LearningRateSchedule):
    """The rate of a step: it rises in a line, then stays, drops or follows half a cosine.

    Args:
        learning_rate: highest rate.
        schedule: one of `SCHEDULES`.
        warm_up: steps of the rise.
        steps: steps of the whole training, the rise included.
        first_step: added to the optimizer's own count.
    """

    def __init__(
        self, learning_rate: float, schedule: str = "constant", warm_up: int = 0, steps: int = 1, first_step: int = 0
    ) -> None:
        super().__init__()
        self.learning_rate, self.schedule = float(learning_rate), schedule
        self.warm_up, self.steps, self.first_step = warm_up, steps, first_step

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step, counted from 0."""
        done = ops.cast(step, "float32") + float(self.first_step)
        rise = ops.minimum((done + 1.0) / float(max(self.warm_up, 1)), 1.0)
        passed = ops.clip((done - self.warm_up) / float(max(self.steps - self.warm_up, 1)), 0.0, 1.0)
        return self.learning_rate * rise * self._share(passed)

    def _share(self, passed: Any) -> Any:
        if self.schedule == "cosine":
            return LEAST + (1.0 - LEAST) * 0.5 * (1.0 + ops.cos(math.pi * passed))
        if self.schedule == "step":
            drops = sum(ops.cast(passed >= drop, "float32") for drop in DROPS)
            return ops.power(0.1, drops)
        return 1.0

    def get_config(self) -> dict[str, Any]:
        """Return what the constructor takes."""
        names = ("learning_rate", "schedule", "warm_up", "steps", "first_step")
        return {name: getattr(self, name) for name in names}


def build(numbers: Optimization) -> keras.optimizers.Optimizer:
    """Make an optimizer.

    Raises:
        UserError: no such optimizer or schedule.
    """
    for kind, given, known in (
        ("optimizer", numbers.optimizer, OPTIMIZERS),
        ("schedule", numbers.schedule, SCHEDULES),
    ):
        if given not in known:
            raise UserError(f"no {kind} {given!r}: expected one of {', '.join(known)}")
    rate: Any = numbers.learning_rate
    if numbers.schedule != "constant" or numbers.warm_up:
        rate = Rate(rate, numbers.schedule, numbers.warm_up, numbers.steps, numbers.first_step)
    common = {
        "learning_rate": rate,
        "global_clipnorm": numbers.clip_norm or None,
        "weight_decay": numbers.weight_decay or None,
    }
    made = (
        keras.optimizers.AdamW(**{**common, "weight_decay": numbers.weight_decay})
        if numbers.optimizer == "adamw"
        else keras.optimizers.SGD(momentum=numbers.momentum, **common)
    )
    if numbers.weight_decay:
        made.exclude_from_weight_decay(var_names=list(NOT_KERNELS))
    return made


def rate_of(optimizer: keras.optimizers.Optimizer) -> float:
    """Return the rate of the optimizer's next step."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # float16 wraps it in one that scales the loss
    return float(ops.convert_to_numpy(inner.learning_rate))
