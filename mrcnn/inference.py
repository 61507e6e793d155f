"""The network for inference in two steps, so that the mask head draws only what was found.

Legend: B batch, H and W pixels of the molded picture, A anchors, K detections with padding, N most detections of a
picture of the batch, rounded up where a new number costs time, C classes with background, D channels, M side of a mask.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from mrcnn.compiled import Compiled
from mrcnn.soundness import check_numbers

STEP = 8  # N is a multiple of it where a new number compiles a new mask step
LEVELS = ("fpn_p2", "fpn_p3", "fpn_p4", "fpn_p5")


@keras.saving.register_keras_serializable(package="mrcnn")
class OwnClassMask(keras.layers.Layer):
    """The last step of the mask head for one class a box instead of all.

    Inputs: what the head drew (B*N, M, M, D), class ids (B, N), the all-class kernel (1, 1, D, C) and bias (C,) being
    those of the layer given. Output: (B, N, M, M) float32 probabilities.

    Args:
        layer: the 1 x 1 convolution whose weights are used; they stay its own.
    """

    def __init__(self, layer: keras.layers.Conv2D, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", "trainable": False, **kwargs})
        self._borrowed = [layer]  # in a list: not a sublayer, its weights are counted once

    def call(self, inputs: Any) -> Any:
        """Draw each box's own class."""
        drawn, class_ids = inputs
        flat = ops.reshape(ops.cast(class_ids, "int32"), (-1,))  # (B, N) -> (B*N,)
        layer = self._borrowed[0]
        kernels = ops.take(ops.cast(layer.kernel, "float32")[0, 0], flat, axis=1)  # (D, B*N)
        biases = ops.take(ops.cast(layer.bias, "float32"), flat, axis=0)
        logits = ops.einsum("nijd,dn->nij", ops.cast(drawn, "float32"), kernels) + biases[:, None, None]
        side = drawn.shape[1]
        return ops.sigmoid(ops.reshape(logits, (-1, ops.shape(class_ids)[1], side, side)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return (B, N, M, M)."""
        drawn, class_ids = input_shape
        return (*class_ids, drawn[1], drawn[1])


class TwoSteps:
    """Runs a network of `network.inference_model` in two steps.

    Args:
        model: with its weights; later changes of them count.

    Attributes:
        model: the whole network.
        find: first step, compiled: pictures, meta and anchors to detections and P2 ... P5.
        draw: second step, compiled: meta, boxes, class ids and P2 ... P5 to masks.
        step: N is a multiple of it.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        levels = [model.get_layer(name).output for name in LEVELS]
        detections = model.get_layer("mrcnn_detection").output
        meta, boxes = model.get_layer("input_image_meta").output, model.get_layer("detection_boxes").output
        self.find = Compiled(keras.Model(model.inputs, [detections, *levels]))
        class_ids = keras.Input((None,), name="input_class_ids")
        last = model.get_layer("mrcnn_mask")
        drawn = keras.Model([meta, boxes, *levels], model.get_layer("mrcnn_mask_deconv").output)
        inputs = [keras.Input(tensor.shape[1:], dtype=tensor.dtype) for tensor in (meta, boxes, *levels)]
        own = OwnClassMask(last, name="own_class_mask")([drawn(inputs), class_ids])
        self.draw = Compiled(keras.Model([*inputs, class_ids], own), any_size=True)
        self.step = STEP if self.draw.sizes_cost else 1

    def __call__(self, pictures: np.ndarray, metas: np.ndarray, anchors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find objects.

        Args:
            pictures: (B, H, W, channels) float32, mean subtracted.
            metas: (B, 12 + C) float32.
            anchors: (B, A, 4) float32, normalised.

        Returns:
            Detections (B, K, 6) and masks (B, N, M, M) of their own classes, float32; N is 0 where nothing was found.

        Raises:
            FloatingPointError: the network computed what is no number, so that its answer says nothing.
        """
        detections, *levels = self.find([pictures, metas, anchors])
        found = ops.convert_to_numpy(detections)
        check_numbers(found, features_sound=all(bool(ops.all(ops.isfinite(level))) for level in levels))
        most = int((found[..., 4] > 0).sum(axis=1).max(initial=0))
        if not most:
            return found, np.zeros((len(found), 0, 1, 1), np.float32)
        count = min(-(-most // self.step) * self.step, found.shape[1])
        boxes, class_ids = np.ascontiguousarray(found[:, :count, :4]), np.ascontiguousarray(found[:, :count, 4])
        masks = ops.convert_to_numpy(self.draw([metas, boxes, *levels, class_ids]))
        check_numbers(masks)
        return found, masks
