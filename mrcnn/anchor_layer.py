"""The anchors as a layer: a constant of the network, neither a weight nor an input.

Legend: B batch, A anchors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.anchors import normalized_anchors


@keras.saving.register_keras_serializable(package="mrcnn")
class AnchorLayer(keras.layers.Layer):
    """Anything of a batch of B -> (B, A, 4) float32 normalised anchors.

    Args:
        size: (height, width) of the molded pictures.
        scales: one a level.
        ratios: width divided by height.
        strides: pixels a cell, one a level.
        anchor_stride: 1 puts anchors on every cell.
    """

    def __init__(
        self,
        size: Sequence[int],
        scales: Sequence[float],
        ratios: Sequence[float],
        strides: Sequence[int],
        anchor_stride: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", "trainable": False, **kwargs})
        self.size = (int(size[0]), int(size[1]))
        self.scales, self.ratios, self.strides = tuple(scales), tuple(ratios), tuple(strides)
        self.anchor_stride = anchor_stride
        self.anchors = normalized_anchors(self.size, self.scales, self.ratios, self.strides, anchor_stride)

    def call(self, inputs: Any) -> Any:
        """Repeat the anchors for every picture."""
        anchors = ops.convert_to_tensor(self.anchors, "float32")
        return ops.broadcast_to(anchors[None], (ops.shape(inputs)[0], *self.anchors.shape))

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Return (B, A, 4)."""
        return keras.KerasTensor((inputs.shape[0], *self.anchors.shape), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Return what the constructor takes."""
        names = ("size", "scales", "ratios", "strides", "anchor_stride")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
