"""Which layers a training changes: the original's names for ranges of layers, and expressions of one's own."""

from __future__ import annotations

import logging
import re

import keras

from common.errors import UserError

logger = logging.getLogger(__name__)

HEADS = r"(mrcnn\_.*)|(rpn\_.*)|(fpn\_.*)"
STAGES = {
    "mrcnn": r"mrcnn\_.*",
    "heads": HEADS,
    "3+": r"(res3.*)|(bn3.*)|(res4.*)|(bn4.*)|(res5.*)|(bn5.*)|(stage[345]_.*)|" + HEADS,
    "4+": r"(res4.*)|(bn4.*)|(res5.*)|(bn5.*)|(stage[45]_.*)|" + HEADS,
    "5+": r"(res5.*)|(bn5.*)|(stage5_.*)|" + HEADS,
    "all": ".*",
}


def set_trainable(model: keras.Model, layers: str, verbose: int = 1, indent: int = 0) -> list[str]:
    """Train the layers whose whole names match, and no others; layers of nested models count by their own names.

    Args:
        model: of `training_network`.
        layers: a key of `STAGES`, or a regular expression.
        verbose: 0 leaves the names out of the log.
        indent: of the log's lines.

    Returns:
        Names of the layers that are trained.

    Raises:
        UserError: no regular expression.

    Source: original `MaskRCNN.set_trainable`.
    """
    try:
        pattern = re.compile(STAGES.get(layers, layers))
    except re.error as error:
        raise UserError(
            f"{layers!r} names no layers ({error}): expected one of {', '.join(STAGES)}, or a regular expression"
        ) from error
    chosen: list[str] = []
    model.trainable = True
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            chosen += set_trainable(layer, pattern.pattern, verbose, indent + 4)
        elif layer.weights:
            layer.trainable = bool(pattern.fullmatch(layer.name))
            if layer.trainable:
                chosen.append(layer.name)
            if layer.trainable and verbose:
                logger.info("%s%-20s (%s)", " " * indent, layer.name, type(layer).__name__)
    return chosen
