"""The two heads: class and box of a proposal, and its mask.

Legend: B batch, N boxes, S samples along a side of a pooled box, D channels of the pyramid, C classes with background,
U width of the fully connected layers. A head sees its boxes as one batch of B*N; masks have 2S x 2S cells.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers, ops

from mrcnn.chosen_boxes import ChosenPlaces, MergeChosen, SplitChosen
from mrcnn.normalization import BatchNorm


@keras.saving.register_keras_serializable(package="mrcnn")
class MergeBoxes(keras.layers.Layer):
    """(B, N, ...) -> (B*N, ...): boxes become the batch."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, **kwargs})

    def call(self, inputs: Any) -> Any:
        """Merge the first two axes."""
        return ops.reshape(inputs, (-1, *inputs.shape[2:]))

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Return (B*N, ...)."""
        return keras.KerasTensor((None, *inputs.shape[2:]), dtype=inputs.dtype)


@keras.saving.register_keras_serializable(package="mrcnn")
class SplitBoxes(keras.layers.Layer):
    """(B*N, ...) -> (B, N, ...), as many boxes a picture as the second input, (B, N, 4), has."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, **kwargs})

    def call(self, inputs: Any) -> Any:
        """Split the first axis."""
        values, boxes = inputs
        return ops.reshape(values, (-1, ops.shape(boxes)[1], *values.shape[1:]))

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Return (B, N, ...)."""
        values, boxes = inputs
        return keras.KerasTensor((*boxes.shape[:2], *values.shape[1:]), dtype=values.dtype)


@keras.saving.register_keras_serializable(package="mrcnn")
class WholeConv2D(layers.Conv2D):
    """A convolution whose window is all of its input, (B, S, S, D) -> (B, 1, 1, U), as one product of matrices.

    The same weights and sums; a thousand boxes take a fifth less time than in TensorFlow's convolution.
    """

    def call(self, inputs: Any) -> Any:
        """Multiply."""
        flat = ops.reshape(inputs, (-1, math.prod(inputs.shape[1:])))  # (B, S, S, D) -> (B, S*S*D)
        kernel = ops.reshape(self.kernel, (flat.shape[-1], self.filters))
        return ops.reshape(ops.matmul(flat, kernel) + self.bias, (-1, 1, 1, self.filters))


class _Rows:
    """The boxes of a head as one batch, and back.

    Args:
        part: beginning of the layers' names.
        boxes: (B, N, 4) Keras tensor.
        chosen: (B, N) bool Keras tensor, or None for all boxes.
    """

    def __init__(self, part: str, boxes: Any, chosen: Any) -> None:
        self.part, self.boxes = part, boxes
        self.places = None if chosen is None else ChosenPlaces(name=f"{part}_places")(chosen)

    def merged(self, pooled: Any) -> Any:
        """(B, N, ...) -> (B*N, ...), or those of the chosen boxes."""
        if self.places is None:
            return MergeBoxes(name=f"{self.part}_merge")(pooled)
        return MergeChosen(name=f"{self.part}_merge")([pooled, self.places])

    def split(self, values: Any, name: str) -> Any:
        """(B*N, ...) or those of the chosen boxes -> (B, N, ...) float32."""
        if self.places is None:
            return SplitBoxes(name=name, dtype="float32", autocast=True)([values, self.boxes])
        return SplitChosen(name=name, dtype="float32", autocast=True)([values, self.places, self.boxes])


def classifier_head(
    pooled: Any, boxes: Any, num_classes: int, units: int = 1024, train_bn: bool = False, chosen: Any = None
) -> tuple[Any, Any, Any]:
    """Tell the class of every box and correct it.

    Args:
        pooled: (B, N, S, S, D) Keras tensor.
        boxes: (B, N, 4) Keras tensor, only its N is used.
        num_classes: C.
        units: U.
        train_bn: see `BatchNorm`.
        chosen: (B, N) bool Keras tensor, boxes whose answers are needed, see `chosen_boxes`; None: all.

    Returns:
        Class logits (B, N, C), probabilities (B, N, C), deltas (B, N, C, 4); float32.

    Source: arXiv 1703.06870 section 3 and figure 4 right; original `model.fpn_classifier_graph`.
    """
    rows = _Rows("mrcnn_class", boxes, chosen)
    x = rows.merged(pooled)  # (B, N, S, S, D) -> (B*N, S, S, D)
    x = WholeConv2D(units, pooled.shape[2], name="mrcnn_class_conv1")(x)  # (B*N, 1, 1, U): fully connected
    x = BatchNorm(train_bn, name="mrcnn_class_bn1")(x)
    x = layers.Activation("relu", name="mrcnn_class_relu1")(x)
    x = WholeConv2D(units, 1, name="mrcnn_class_conv2")(x)
    x = BatchNorm(train_bn, name="mrcnn_class_bn2")(x)
    x = layers.Activation("relu", name="mrcnn_class_relu2")(x)
    shared = layers.Reshape((units,), name="pool_squeeze")(x)  # (B*N, 1, 1, U) -> (B*N, U)
    logits = layers.Dense(num_classes, name="mrcnn_class_logits", dtype="float32")(shared)
    deltas = layers.Dense(4 * num_classes, name="mrcnn_bbox_fc", dtype="float32")(shared)
    deltas = layers.Reshape((num_classes, 4), name="mrcnn_bbox_flat")(deltas)  # (B*N, 4C) -> (B*N, C, 4)
    logits, deltas = rows.split(logits, "mrcnn_class_logits_split"), rows.split(deltas, "mrcnn_bbox")
    probabilities = layers.Activation("softmax", name="mrcnn_class", dtype="float32")(logits)
    return logits, probabilities, deltas


def mask_head(
    pooled: Any, boxes: Any, num_classes: int, train_bn: bool = False, width: int = 256, chosen: Any = None
) -> Any:
    """Draw the mask of every box, one for each class.

    Args:
        pooled: (B, N, S, S, D) Keras tensor.
        boxes: (B, N, 4) Keras tensor, only its N is used.
        num_classes: C.
        train_bn: see `BatchNorm`.
        width: channels of the four convolutions.
        chosen: as for `classifier_head`.

    Returns:
        (B, N, 2S, 2S, C) float32 probabilities.

    Source: arXiv 1703.06870 section 3 and figure 4 right; original `model.build_fpn_mask_graph`.
    """
    depth, rows = pooled.shape[-1], _Rows("mrcnn_mask", boxes, chosen)
    x = rows.merged(pooled)  # (B, N, S, S, D) -> (B*N, S, S, D)
    for number in (1, 2, 3, 4):
        x = layers.Conv2D(width, 3, padding="same", name=f"mrcnn_mask_conv{number}")(x)
        x = BatchNorm(train_bn, name=f"mrcnn_mask_bn{number}")(x)
        x = layers.Activation("relu", name=f"mrcnn_mask_relu{number}")(x)
    x = layers.Conv2DTranspose(depth, 2, strides=2, activation="relu", name="mrcnn_mask_deconv")(x)
    x = layers.Conv2D(num_classes, 1, activation="sigmoid", name="mrcnn_mask")(x)
    return rows.split(x, "mrcnn_mask_split")
