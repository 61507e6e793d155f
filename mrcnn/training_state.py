"""What a training needs besides its weights to go on as if it had not been interrupted.

One file: the optimizer's variables, the state of the network's random numbers, and a text that says what it belongs to.
It names the checkpoint with the weights and is written after it, so that both always fit.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from common.errors import UserError
from common.staging import staged

ABOUT, OPTIMIZER, RANDOM = "about", "optimizer", "random"


@dataclass(frozen=True)
class TrainingState:
    """Where a training stands.

    Attributes:
        epoch: epochs done.
        checkpoint: name of the file with the weights.
        trained: paths of the trained variables.
        extra: what else the writer wants to know, plain JSON.
        optimizer: the optimizer's variables in its order.
        random: state of the network's random numbers.
    """

    epoch: int
    checkpoint: str
    trained: tuple[str, ...]
    extra: dict[str, Any] = field(default_factory=dict)
    optimizer: tuple[np.ndarray, ...] = ()
    random: tuple[np.ndarray, ...] = ()


def random_variables(model: keras.Model) -> list[Any]:
    """Return the variables of a model's random numbers, which no weight file holds."""
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def trained_paths(model: keras.Model) -> tuple[str, ...]:
    """Return where the trained variables stand: layer and name."""
    return tuple("/".join(variable.path.split("/")[-2:]) for variable in model.trainable_variables)


def state_of(model: keras.Model, epoch: int, checkpoint: str, extra: dict[str, Any] | None = None) -> TrainingState:
    """Read the state of a compiled model."""
    return TrainingState(
        epoch,
        checkpoint,
        trained_paths(model),
        extra or {},
        tuple(np.asarray(variable.numpy()) for variable in model.optimizer.variables),
        tuple(np.asarray(variable.numpy()) for variable in random_variables(model)),
    )


def write(path: str | Path, state: TrainingState) -> None:
    """Write a state; a file of that name is whole at every moment.

    Raises:
        UserError: it cannot be written.
    """
    about = {
        "epoch": state.epoch,
        "checkpoint": state.checkpoint,
        "trained": state.trained,
        "extra": state.extra,
        OPTIMIZER: len(state.optimizer),
        RANDOM: len(state.random),
    }
    arrays = {f"{OPTIMIZER}_{place}": array for place, array in enumerate(state.optimizer)}
    arrays |= {f"{RANDOM}_{place}": array for place, array in enumerate(state.random)}
    with staged(Path(path), overwrite=True) as unfinished, unfinished.open("wb") as file:
        np.savez(file, allow_pickle=False, **{ABOUT: np.array(json.dumps(about))}, **arrays)


def read(path: str | Path) -> TrainingState | None:
    """Read a state, None where there is none.

    Raises:
        UserError: the file is damaged.
    """
    if not Path(path).is_file():
        return None
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            about = json.loads(str(stored[ABOUT]))
            optimizer, random = (
                tuple(stored[f"{kind}_{place}"] for place in range(about[kind])) for kind in (OPTIMIZER, RANDOM)
            )
        trained = tuple(about["trained"])
        return TrainingState(int(about["epoch"]), str(about["checkpoint"]), trained, about["extra"], optimizer, random)
    # An empty file is one that ends too soon, a lone array is no archive.
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: cannot be read ({error}); remove it to go on from the weights alone") from error


def fits(state: TrainingState, model: keras.Model) -> bool:
    """Whether a state belongs to the layers that a compiled model trains, and to its optimizer."""
    _build(model)
    slots = [tuple(variable.shape) for variable in model.optimizer.variables]
    return (
        state.trained == trained_paths(model)
        and slots == [array.shape for array in state.optimizer]
        and len(state.random) == len(random_variables(model))
    )


def restore(state: TrainingState, model: keras.Model) -> None:
    """Put a state that fits into a compiled model; its weights are loaded elsewhere."""
    _build(model)
    for variable, array in zip(model.optimizer.variables, state.optimizer, strict=True):
        if variable.name != "learning_rate":  # whoever compiles chooses it
            variable.assign(array)
    restore_random(state, model)


def _build(model: keras.Model) -> None:
    """Make the optimizer's variables, once: a `LossScaleOptimizer` that is built again has them in another order."""
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def restore_random(state: TrainingState, model: keras.Model) -> None:
    """Put the random numbers back alone, for a stage that begins with another optimizer."""
    for variable, array in zip(random_variables(model), state.random, strict=True):
        variable.assign(array)
