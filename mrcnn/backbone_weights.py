"""Weights of a trunk that was trained on ImageNet, loaded through keras.applications.

The network is built once more as keras.applications builds it, which knows where its files lie and how to read them,
and its arrays are handed to the layers of ours.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from common.errors import UserError
from mrcnn.application_trunk import build_application, plain_names
from mrcnn.applications import FAMILIES, OWN, UNTRAINED, find
from mrcnn.normalization import EPSILON

logger = logging.getLogger(__name__)

IMAGENET = "imagenet"
SETTING = "BACKBONE_WEIGHTS"
BRANCHES = {"0": "branch1", "1": "branch2a", "2": "branch2b", "3": "branch2c"}


def load_backbone(
    model: keras.Model,
    backbone: str | Callable[..., Any],
    source: str | Path | None,
    setting: str = SETTING,
    *,
    own_file: bool = True,
) -> int:
    """Give the trunk of a model the weights of a file.

    Args:
        model: from `network` or `training_network`.
        backbone: the trunk's name.
        source: "imagenet" for what keras.applications fetches and keeps; the path of a file of the network without its
            classifier ("notop", or what `save_weights` wrote); None leaves the model as it is.
        setting: where the source was named, for errors.
        own_file: whether a file can be named there.

    Returns:
        Number of layers that took their arrays.

    Raises:
        UserError: the trunk is a function; the pictures have not three channels; there is no such file, it cannot be
            fetched, or it is another network's.
    """
    if source is None:
        return 0
    if callable(backbone):
        raise UserError(f"{setting} needs a BACKBONE that is named; with a function, load the weights in it")
    channels = model.get_layer("input_image").output.shape[-1]
    if channels != 3:
        raise UserError(
            f"{setting}: published weights are for pictures of 3 channels, not of {channels}; set it to none"
        )
    donor = trained_network(backbone, source, setting, own_file=own_file)
    arrays = _own_arrays(donor) if backbone in OWN else _application_arrays(donor)
    loaded = 0
    for layer in model.layers:
        values = arrays.get(re.sub(r"^stage\d_", "", layer.name)) if layer.weights else None
        if values is not None:
            layer.set_weights(values)
            loaded += 1
    logger.info("%s: %d layers took their weights from %s", backbone, loaded, source)
    return loaded


def _application_arrays(donor: keras.Model) -> dict[str, list[np.ndarray]]:
    names, found = plain_names(donor), {}
    for layer in donor.layers:
        inner = [(part.name, part) for part in layer.layers] if isinstance(layer, keras.Sequential) else []
        for name, part in inner or [(names[id(layer)], layer)]:
            found[name] = part.get_weights()
    return found


def _own_arrays(donor: keras.Model) -> dict[str, list[np.ndarray]]:
    """Arrays of ResNet-50 or ResNet-101 under the original's names.

    keras.applications has the same network; its pictures are blue, green, red, and its batch normalisation adds another
    number to the variance, which goes into gamma.
    """
    found = {}
    for layer in donor.layers:
        if not layer.weights:
            continue
        values = layer.get_weights()
        if layer.name == "conv1_conv":
            values[0] = values[0][:, :, ::-1]
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = values
            values = [gamma * np.sqrt((variance + EPSILON) / (variance + layer.epsilon)), beta, mean, variance]
        found[_original_name(layer.name)] = values
    return found


def _original_name(name: str) -> str:
    """Return "conv3_block2_1_bn" as "bn3b_branch2a"."""
    if name in ("conv1_conv", "conv1_bn"):
        return "conv1" if name == "conv1_conv" else "bn_conv1"
    match = re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(conv|bn)", name)
    assert match is not None, name
    stage, block, branch, kind = match.groups()
    return f"{'res' if kind == 'conv' else 'bn'}{stage}{chr(ord('a') + int(block) - 1)}_{BRANCHES[branch]}"


def trained_network(backbone: str, source: str | Path, setting: str = SETTING, *, own_file: bool = True) -> keras.Model:
    """Build the network as keras.applications does, without its classifier, with the weights of the file.

    Args:
        backbone: the network's name.
        source: "imagenet" or the path of a file.
        setting: where the source was named, for errors.
        own_file: whether a file can be named there.

    Raises:
        UserError: there is no such file, it cannot be fetched, or it is another network's.
    """
    if backbone.lower() in UNTRAINED:
        raise UserError(f"{setting}: there are no published weights of {backbone}; set it to none")
    theirs, family = (f"ResNet{backbone[6:]}", FAMILIES["resnet"]) if backbone.lower() in OWN else find(backbone)
    given = str(source)
    if given != IMAGENET and not Path(given).is_file():
        raise UserError(f"{setting}: no such file {given!r}; expected 'imagenet', the path of a file, or none")
    try:
        return build_application(theirs, family, weights=given)
    except Exception as error:  # keras raises a bare one for a failed download
        if given != IMAGENET:
            raise UserError(
                f"{given}: not weights of {theirs} without its classifier ({error}); give its 'notop' file"
            ) from error
        instead = (
            f"or name a file of your own in {setting}, or set it to none" if own_file else f"or give {setting} none"
        )
        raise UserError(_not_fetched(theirs, str(error), instead)) from error


def _not_fetched(theirs: str, reason: str, instead: str) -> str:
    url = re.search(r"https?://\S+?\.h5", reason)
    if url is None:
        return f"the ImageNet weights of {theirs} could not be loaded: {reason}"
    folder = Path(os.environ.get("KERAS_HOME", "~/.keras")) / "models"
    return (
        f"the ImageNet weights of {theirs} could not be fetched; put {url[0].rsplit('/', 1)[1]} from {url[0]} into "
        f"{folder}, {instead}"
    )
