"""A network of keras.applications as the trunk: cut into stages, named by them, fed what it was trained on.

Legend: B batch, H and W pixels of the molded picture. C2 ... C5 have 1/4, 1/8, 1/16, 1/32 of its height and width.

The network's layers become layers of the whole, none is nested: `stage3_block3a_expand_conv` belongs to stage 3. So a
weight file has them one by one, and what trains "4+" can be told by name. Three things are changed on the way:
batch normalisation becomes `BatchNorm`, whose statistics can be frozen; dropout is left out, since a trunk that is not
trained must answer the same twice; and where a network does without padding, it gets some (`Family.pads`).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers, ops

from mrcnn.applications import Family, Pixels, find
from mrcnn.normalization import BatchNorm

FIRST_STAGE, LAST_STAGE = 2, 5


def application_stages(
    image: Any, name: str, train_bn: bool = False, mean_pixel: Sequence[float] = (0.0, 0.0, 0.0)
) -> list[Any]:
    """Run a network of keras.applications and return its stages.

    Args:
        image: (B, H, W, channels) Keras tensor, `mean_pixel` subtracted; H and W multiples of 32.
        name: see `applications.find`.
        train_bn: whether batch statistics are used and learnt in training.
        mean_pixel: what was subtracted from the picture. It is added again before the picture is scaled as the network
            expects, so that nothing but the name changes for whoever chooses another trunk.

    Returns:
        [None, C2, C3, C4, C5].

    Raises:
        UserError: there is none of that name.
    """
    theirs, family = find(name)
    network = build_application(theirs, family, image.shape[-1])
    clone = _Clone(network, family, train_bn)
    keras.models.clone_model(
        clone.cut,
        input_tensors=scaled(image, family.pixels, mean_pixel),
        clone_function=lambda layer: layer,  # a layer is made anew where it is called: its stage is known only there
        call_function=clone.call,
    )
    return [None, *(clone.stages[stage] for stage in range(FIRST_STAGE, LAST_STAGE + 1))]


def build_application(theirs: str, family: Family, channels: int = 3, weights: Any = None) -> keras.Model:
    """Build a network of keras.applications for pictures of any size, without its classifier.

    Args:
        theirs: its name in keras.applications.
        family: its family.
        channels: of a picture.
        weights: None, "imagenet" or the path of a file.
    """
    options = {"include_preprocessing": False} if family.bare else {}
    build = getattr(keras.applications, theirs)
    return build(include_top=False, weights=weights, input_shape=(None, None, channels), **options)


def scaled(image: Any, pixels: Pixels, mean_pixel: Sequence[float]) -> Any:
    """Turn a molded picture (B, H, W, channels) into what a family expects.

    A picture that has not three channels has the mean scale and offset on each.
    """
    channels, scale, offset = image.shape[-1], list(pixels.scale), list(pixels.offset)
    mean = [float(value) for value in mean_pixel]
    if channels != len(scale):
        scale, offset = [sum(scale) / len(scale)] * channels, [sum(offset) / len(offset)] * channels
    elif pixels.turned:
        image, mean = ops.flip(image, axis=-1), mean[::-1]
    offset = [shift + factor * subtracted for shift, factor, subtracted in zip(offset, scale, mean, strict=True)]
    # Under mixed precision pictures stay float32: grey levels have no digits to spare.
    return layers.Rescaling(scale, offset, name="backbone_pixels", dtype="float32")(image)


def plain_names(network: keras.Model) -> dict[int, str]:
    """Names of the operations as in a fresh process, by id: keras numbers nameless ones through all networks."""
    kinds: dict[str, list[tuple[int, Any]]] = {}
    found = {}
    for operation in network.operations:
        kind = _snake(type(operation).__name__)
        if match := re.fullmatch(rf"{kind}(?:_(\d+))?", operation.name):
            kinds.setdefault(kind, []).append((int(match[1] or 0), operation))
        found[id(operation)] = operation.name
    for kind, numbered in kinds.items():
        for place, (_, operation) in enumerate(sorted(numbered, key=lambda pair: pair[0])):
            found[id(operation)] = f"{kind}_{place}" if place else kind
    return found


def _snake(name: str) -> str:
    """Return "MaxPooling2D" as "max_pooling2d", the way keras names layers."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


class _Clone:
    """Layers made anew while `keras.models.clone_model` walks a network.

    Attributes:
        cut: the network up to C5.
        stages: number of a stage to its Keras tensor, filled on the way.
    """

    def __init__(self, network: keras.Model, family: Family, train_bn: bool) -> None:
        self.family, self.train_bn = family, train_bn
        self.names = plain_names(network)
        tensors = [self._entering(network, door) for door in family.doors]
        self.cut = keras.Model(network.input, tensors)
        self.ends = {id(tensor): stage for stage, tensor in enumerate(tensors, start=FIRST_STAGE)}
        self.stages: dict[int, Any] = {}
        self.stage_of: dict[int, int] = {}  # id of a new tensor to the stage of what it feeds
        self.at_pixels = True  # up to the first convolution

    def _entering(self, network: keras.Model, door: str | None) -> Any:
        if door is None:
            return network.output
        return [o for o in network.operations if re.fullmatch(door, self.names[id(o)])][-1].input

    def call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a new layer in place of an old one."""
        given = [value for value in keras.tree.flatten((args, kwargs)) if isinstance(value, keras.KerasTensor)]
        stage = max((self.stage_of.get(id(tensor), FIRST_STAGE) for tensor in given), default=FIRST_STAGE)
        result = self._renewed(operation, stage)(*args, **kwargs)
        self.stage_of[id(result)] = stage
        end = self.ends.get(id(operation.output))
        if end is not None:
            self.stages[end] = result
            self.stage_of[id(result)] = end + 1
        return result

    def _renewed(self, operation: Any, stage: int) -> Callable[..., Any]:
        if not isinstance(operation, layers.Layer):
            return operation
        if isinstance(operation, layers.Dropout):
            return lambda x, training=None: x
        prefix = f"stage{stage}_"
        if isinstance(operation, keras.Sequential):
            return _chain([self._copy(layer, prefix + layer.name) for layer in operation.layers])
        if self.at_pixels and isinstance(operation, layers.Rescaling | layers.Normalization):
            return _chain([])  # `scaled` has done it
        return self._copy(operation, prefix + self.names[id(operation)])

    def _copy(self, layer: layers.Layer, name: str) -> layers.Layer:
        """Make a layer anew, without its weights."""
        settings = {**layer.get_config(), "name": name}
        if isinstance(layer, layers.BatchNormalization):
            kept = ("axis", "momentum", "epsilon", "center", "scale", "name", "dtype")
            return BatchNorm(self.train_bn, **{key: settings[key] for key in kept})
        if self.family.pads and settings.get("padding") == "valid":
            settings["padding"] = "same"
        if self.at_pixels:
            settings["dtype"] = "float32"  # see `scaled`
            self.at_pixels = not isinstance(layer, layers.Conv2D)
        return type(layer).from_config(settings)


def _chain(parts: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    return lambda x, **ignored: functools.reduce(lambda value, part: part(value), parts, x)
