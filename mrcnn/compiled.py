"""A Keras model as a fast function of tensors; how each backend compiles is chosen here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops


class Compiled:
    """Runs a model for inference, compiled once for every set of shapes.

    Args:
        model: any functional model.
        any_size: whether to compile for all sizes at once, where the backend can.

    Attributes:
        traces: how often the model was compiled; equal shapes do not add to it. PyTorch runs without compiling.
        sizes_cost: whether a new set of shapes costs time of its own: a compilation, or a GPU's search for algorithms.
    """

    def __init__(self, model: keras.Model, any_size: bool = False) -> None:
        self.model = model
        self.any_size = any_size
        self.traces = 0
        self.sizes_cost = True
        self._run: Callable[..., Any] = getattr(self, f"_for_{keras.backend.backend()}")()

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Run on arrays or tensors; returns tensors in the model's structure."""
        return self._run(*(ops.convert_to_tensor(value) for value in inputs))

    def _traced(self, inputs: Sequence[Any]) -> Any:
        self.traces += 1
        return self.model(list(inputs), training=False)

    def _for_tensorflow(self) -> Callable[..., Any]:
        import tensorflow as tf

        self.sizes_cost = not self.any_size or bool(tf.config.list_physical_devices("GPU"))
        signature = [tf.TensorSpec(value.shape, value.dtype) for value in self.model.inputs] if self.any_size else None
        return tf.function(lambda *inputs: self._traced(inputs), input_signature=signature)

    def _for_jax(self) -> Callable[..., Any]:
        import jax

        def run(values: list[Any], inputs: tuple[Any, ...]) -> Any:
            mapping = list(zip(self.model.variables, values, strict=True))
            with keras.StatelessScope(state_mapping=mapping):
                return self._traced(inputs)

        jitted = jax.jit(run)
        return lambda *inputs: jitted([variable.value for variable in self.model.variables], inputs)

    def _for_torch(self) -> Callable[..., Any]:
        import torch

        self.sizes_cost = torch.cuda.is_available()

        def run(*inputs: Any) -> Any:
            with torch.inference_mode():
                return self.model(list(inputs), training=False)

        return run
