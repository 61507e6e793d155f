"""Networks of a few small layers that think as the large ones do."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import layers

from mrcnn import network

CHOOSE = network.Selection(pre_nms_limit=60, proposal_count=30, max_instances=10, min_confidence=0.3)


def backbone(prefix: str) -> Any:
    """Return a small backbone of five stages, whose layers have names of their own."""

    def build(image: Any, stage5: bool = True, train_bn: bool = False) -> list[Any]:
        assert stage5 and not train_bn
        x, stages = image, []
        for stage in range(1, 6):
            x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name=f"{prefix}{stage}")(x)
            stages.append(x)
        return stages

    return build


def architecture(classes: int, prefix: str = "small") -> network.Architecture:
    return network.Architecture(
        num_classes=classes, backbone=backbone(prefix), pyramid_channels=16, fully_connected_units=32
    )


def draw_weights(model: keras.Model, seed: int) -> None:
    """Give a network the same weights on every backend, which draw differently from one seed."""
    random = np.random.default_rng(seed)
    for layer in model.layers:
        for part in layer.layers if isinstance(layer, keras.Model) else [layer]:
            kernel = getattr(part, "kernel", None)
            if hasattr(kernel, "assign"):
                fan = int(np.prod(kernel.shape[:-1])), int(np.prod(kernel.shape[:-2])) * kernel.shape[-1]
                kernel.assign(random.uniform(-1, 1, kernel.shape).astype("float32") * (6 / sum(fan)) ** 0.5)


def build(classes: int, seed: int, prefix: str = "small", **changes: Any) -> keras.Model:
    model = network.inference_model(architecture(classes, prefix), replace(CHOOSE, **changes))
    draw_weights(model, seed)
    logits = model.get_layer("mrcnn_class_logits")
    logits.kernel.assign(logits.kernel * 40)  # so that it is sure of something
    return model


def copy(source: keras.Model, target: keras.Model, *beginnings: str) -> None:
    """Give the layers whose names begin so the weights of the source's layer at the same place."""
    for ours, theirs in zip(source.layers, target.layers, strict=True):
        if theirs.name.startswith(beginnings):
            theirs.set_weights(ours.get_weights())


BACKBONE, PYRAMID, RPN = ("small", "other"), "fpn_", "rpn_model"
