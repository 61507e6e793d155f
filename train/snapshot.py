"""A model as it stands, to be put back: what a trial changes leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np


@contextmanager
def unchanged(model: keras.Model) -> Iterator[None]:
    """Put weights, optimizer and random numbers back when the block ends.

    Args:
        model: compiled.
    """
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    values = [np.array(variable.numpy()) for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
