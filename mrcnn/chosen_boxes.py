"""Heads that learn from some boxes only and leave the others out of the sum.

Of the places for sampled boxes many hold none, and masks are learnt from positives alone; what is calculated for the
rest changes neither loss nor gradient. Where shapes may change from step to step (TensorFlow, PyTorch) the rest is left
out; under JAX, which compiles once for one shape, everything is calculated.

Legend: B batch, N boxes of a picture, n boxes that are calculated.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

STEP = 8  # n is a multiple of it: libraries of kernels prepare anew for every shape, and one row at least there must be


def choose_places(chosen: Any) -> Any:
    """Number the boxes to calculate.

    Args:
        chosen: (B, N) bool.

    Returns:
        (n,) int32 places in B*N, the chosen ones first; some that are not chosen fill it up.
    """
    flat = ops.reshape(chosen, (-1,))  # (B, N) -> (B*N,)
    total = ops.shape(flat)[0]
    if keras.backend.backend() == "jax":
        return ops.arange(total, dtype="int32")
    count = ops.sum(ops.cast(flat, "int32"))
    count = ops.minimum(ops.maximum((count + STEP - 1) // STEP, 1) * STEP, total)
    order = ops.argsort(ops.where(flat, 0, 1))
    return ops.cast(order[:count], "int32")


class _Unchanged(keras.layers.Layer):
    """A layer that leaves dtypes alone unless it is told."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, **kwargs})


@keras.saving.register_keras_serializable(package="mrcnn")
class ChosenPlaces(_Unchanged):
    """(B, N) bool -> (n,) int32, see `choose_places`."""

    def call(self, inputs: Any) -> Any:
        """Number the boxes."""
        return choose_places(inputs)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Return (n,)."""
        return keras.KerasTensor((None,), dtype="int32")


@keras.saving.register_keras_serializable(package="mrcnn")
class MergeChosen(_Unchanged):
    """(B, N, ...) and places (n,) -> (n, ...): these boxes become the batch."""

    def call(self, inputs: Any) -> Any:
        """Take the rows."""
        values, places = inputs
        return ops.take(ops.reshape(values, (-1, *values.shape[2:])), places, axis=0)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Return (n, ...)."""
        return keras.KerasTensor((None, *inputs[0].shape[2:]), dtype=inputs[0].dtype)


@keras.saving.register_keras_serializable(package="mrcnn")
class SplitChosen(_Unchanged):
    """(n, ...), places (n,) and boxes (B, N, 4) -> (B, N, ...), zeros for what was left out."""

    def call(self, inputs: Any) -> Any:
        """Put the rows back."""
        values, places, boxes = inputs
        batch, count = ops.shape(boxes)[:2]
        rows = ops.scatter(places[:, None], values, (batch * count, *values.shape[1:]))
        return ops.reshape(rows, (-1, count, *values.shape[1:]))

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Return (B, N, ...)."""
        values, _, boxes = inputs
        return keras.KerasTensor((*boxes.shape[:2], *values.shape[1:]), dtype=values.dtype)
