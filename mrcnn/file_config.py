"""What the shapes of a plain weight file tell about the model that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.errors import UserError
from mrcnn.config import Config

Shapes = Mapping[str, Sequence[tuple[int, ...]]]

CLASS_LAYER = "mrcnn_class_logits"
_CLASS_SCORES = 2  # place of the kernel of "rpn_class_raw" in the RPN's group, after the shared kernel and bias
_USUAL_RATIOS = 3


def class_count(shapes: Shapes, path: str | Path) -> int:
    """Return the number of classes with background.

    Args:
        shapes: of `weight_file.read_shapes`.
        path: names the file in errors.

    Raises:
        UserError: the file has no class head, e.g. a backbone's.
    """
    if CLASS_LAYER not in shapes:
        raise UserError(
            f"{path}: no layer {CLASS_LAYER}: not the weights of a whole Mask R-CNN (of a backbone only?); "
            "give a checkpoint of a trained model"
        )
    return int(shapes[CLASS_LAYER][0][-1])


def config_of(shapes: Shapes, path: str | Path) -> Config:
    """Work out the configuration of a plain weight file.

    Classes, backbone, channels of picture and pyramid, width of the box head and its samples are read from the shapes.
    What shapes do not tell (picture size, anchors' scales and ratios, thresholds) is the original's default.

    Args:
        shapes: of `weight_file.read_shapes`.
        path: names the file in errors.

    Raises:
        UserError: not a whole Mask R-CNN, or one whose settings cannot be guessed.
    """
    settings: dict[str, Any] = {"NUM_CLASSES": class_count(shapes, path), "BACKBONE": _backbone(shapes, path)}
    try:
        settings |= {
            "IMAGE_CHANNEL_COUNT": shapes["conv1"][0][2],
            "TOP_DOWN_PYRAMID_SIZE": shapes["fpn_c5p5"][0][-1],
            "FPN_CLASSIF_FC_LAYERS_SIZE": shapes["mrcnn_class_conv1"][0][-1],
            "POOL_SIZE": shapes["mrcnn_class_conv1"][0][0],
        }
        ratios = shapes["rpn_model"][_CLASS_SCORES][-1] // 2
    except (KeyError, IndexError) as error:
        raise UserError(f"{path}: lacks the layer {error}: not the weights of a whole Mask R-CNN") from error
    if ratios != _USUAL_RATIOS:
        raise UserError(
            f"{path}: has {ratios} anchors a cell, the usual are {_USUAL_RATIOS}: the file does not tell which; "
            "put the model's settings (`Config.save`) beside it as config.json"
        )
    if settings["IMAGE_CHANNEL_COUNT"] != 3:
        raise UserError(
            f"{path}: looks at pictures of {settings['IMAGE_CHANNEL_COUNT']} channels, whose mean the file does not "
            "tell; put the model's settings (`Config.save`) beside it as config.json"
        )
    return type("Config", (Config,), settings)()


def _backbone(shapes: Shapes, path: str | Path) -> str:
    for name, layer in (("resnet101", "res4w_branch2c"), ("resnet50", "res4f_branch2c")):
        if layer in shapes:
            return name
    raise UserError(
        f"{path}: its backbone is neither ResNet-50 nor ResNet-101; put the model's settings (`Config.save`) beside it "
        "as config.json"
    )
