"""The region proposal network: one small network that slides over every level of the pyramid.

Legend: B batch, H and W cells of a level, D channels of the pyramid, K anchors a cell, A anchors of all levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from mrcnn.winograd import WinogradConv2D


def rpn_model(channels: int, anchors_per_cell: int, anchor_stride: int = 1, width: int = 512) -> keras.Model:
    """Build the network that all levels share.

    Args:
        channels: D.
        anchors_per_cell: K.
        anchor_stride: 1 looks at every cell, 2 at every second.
        width: channels inside.

    Returns:
        A model named "rpn_model" from (B, H, W, D) to class logits (B, H*W*K, 2), background and object, the same as
        probabilities, and deltas (B, H*W*K, 4).

    Source: arXiv 1506.01497 section 3.1; original `model.build_rpn_model`, `model.rpn_graph`.
    """
    features = keras.Input((None, None, channels), name="input_rpn_feature_map")
    shared = WinogradConv2D(width, 3, padding="same", activation="relu", strides=anchor_stride, name="rpn_conv_shared")(
        features
    )
    raw = layers.Conv2D(2 * anchors_per_cell, 1, name="rpn_class_raw", dtype="float32")(shared)  # (B, H, W, 2K)
    logits = layers.Reshape((-1, 2), name="rpn_class_logits")(raw)  # (B, H, W, 2K) -> (B, H*W*K, 2)
    probabilities = layers.Activation("softmax", name="rpn_class_xxx", dtype="float32")(logits)
    deltas = layers.Conv2D(4 * anchors_per_cell, 1, name="rpn_bbox_pred", dtype="float32")(shared)  # (B, H, W, 4K)
    deltas = layers.Reshape((-1, 4), name="rpn_bbox_flat")(deltas)  # (B, H, W, 4K) -> (B, H*W*K, 4)
    return keras.Model(features, [logits, probabilities, deltas], name="rpn_model")


def propose_everywhere(pyramid: Sequence[Any], model: keras.Model) -> tuple[Any, Any, Any]:
    """Run the network on every level and join the levels in the order of the anchors.

    Args:
        pyramid: [P2, ..., P6] Keras tensors.
        model: from `rpn_model`.

    Returns:
        Logits (B, A, 2), probabilities (B, A, 2), deltas (B, A, 4); float32.
    """
    names = ("rpn_class_logits", "rpn_class", "rpn_bbox")
    by_level = zip(*(model(level) for level in pyramid), strict=True)
    logits, probabilities, deltas = (
        layers.Concatenate(axis=1, name=name, dtype="float32")(list(parts))
        for name, parts in zip(names, by_level, strict=True)
    )
    return logits, probabilities, deltas
