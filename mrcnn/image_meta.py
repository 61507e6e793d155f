"""The layer that reads what the network is told about a molded picture, see `picture_meta`.

Legend: B batch, C classes with background.
"""

from __future__ import annotations

from typing import Any

import keras

from mrcnn.picture_meta import FIELDS, FIXED_LENGTH, compose, parse

__all__ = ["FIELDS", "FIXED_LENGTH", "MetaFields", "compose", "parse"]


@keras.saving.register_keras_serializable(package="mrcnn")
class MetaFields(keras.layers.Layer):
    """(B, 12 + C) -> windows (B, 4) and molded sizes (B, 2), float32 pixels."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", "trainable": False, **kwargs})

    def call(self, inputs: Any) -> tuple[Any, Any]:
        """Pick the columns."""
        fields = parse(inputs)
        return fields["window"], fields["image_shape"][:, :2]
