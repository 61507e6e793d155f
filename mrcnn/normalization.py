"""Batch normalisation whose statistics can be frozen for good."""

from __future__ import annotations

from typing import Any

import keras

EPSILON = 1e-3  # what the published weights were trained with


@keras.saving.register_keras_serializable(package="mrcnn")
class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation; with `train_statistics=False` it uses its stored mean and variance in training too.

    Batches of one or two pictures give poor statistics. Gamma and beta stay trainable. Keras hands the model's
    `training` down over one given at the call, so the choice is the layer's own.

    Source: original `model.BatchNorm`.
    """

    def __init__(self, train_statistics: bool = False, epsilon: float = EPSILON, **kwargs: Any) -> None:
        super().__init__(epsilon=epsilon, **kwargs)
        self.train_statistics = train_statistics

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise (..., C)."""
        return super().call(inputs, training=bool(training) and self.train_statistics, mask=mask)

    def get_config(self) -> dict[str, Any]:
        """Return what the constructor takes."""
        return {**super().get_config(), "train_statistics": self.train_statistics}
