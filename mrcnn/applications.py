"""Which networks of keras.applications can be the trunk, as data: where their stages begin and what pixels they expect.

C2 ... C5 have 1/4, 1/8, 1/16, 1/32 of the picture's height and width. A stage is found by its *door*, the first layer
of the next stage: C2 is what enters the door of stage 3. So one row serves every width and depth of a family.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from common.errors import UserError

OWN = ("resnet50", "resnet101")  # those of `backbone`, with the original's layer names
UNTRAINED = ("resnet18", "resnet18_narrow")  # those of `backbone` for which no weights are published

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_MEAN = (103.939, 116.779, 123.68)  # blue, green, red


@dataclass(frozen=True)
class Pixels:
    """What a family was trained on: `scale` times the pixel, 0 to 255 in RGB, plus `offset`, for each channel.

    Attributes:
        scale: three numbers, red, green, blue (in the order after turning).
        offset: three numbers.
        turned: whether the channels are turned round to blue, green, red first.
    """

    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    turned: bool = False


UNIT = Pixels((1 / 127.5,) * 3, (-1.0,) * 3)
POWER = Pixels((1 / 128,) * 3, (-1.0,) * 3)
CAFFE = Pixels((1.0,) * 3, tuple(-mean for mean in CAFFE_MEAN), turned=True)  # type: ignore[arg-type]
STANDARD = Pixels(
    tuple(1 / (255 * std) for std in IMAGENET_STD),  # type: ignore[arg-type]
    tuple(-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)),  # type: ignore[arg-type]
)


@dataclass(frozen=True)
class Family:
    """Networks that are built alike.

    Attributes:
        members: our name to the name in keras.applications.
        doors: four regular expressions for whole names of layers; the last layer that matches the k-th is entered by
            C(k+2). None: the network's output. Names are those of the only network built in a process.
        pixels: see `Pixels`.
        pads: whether convolutions and poolings without padding get some. Without it the stages' sizes are odd and
            the pyramid's do not fit. TensorFlow's Object Detection API does the same to these networks
            ("align_feature_maps"); the weights stay what they are.
        bare: whether keras.applications can be told to leave out its own scaling of pixels.
    """

    members: dict[str, str]
    doors: tuple[str | None, str | None, str | None, str | None]
    pixels: Pixels
    pads: bool = False
    bare: bool = False


def _numbered(ours: str, theirs: str, numbers: str) -> dict[str, str]:
    return {f"{ours}{number.lower()}": f"{theirs}{number}" for number in numbers.split()}


FAMILIES = {
    "mobilenet": Family({"mobilenet": "MobileNet"}, ("conv_pad_4", "conv_pad_6", "conv_pad_12", None), pixels=UNIT),
    "mobilenet_v2": Family(
        {"mobilenet_v2": "MobileNetV2"},
        ("block_3_expand", "block_6_expand", "block_13_expand", "Conv_1"),
        pixels=UNIT,
    ),
    "mobilenet_v3_small": Family(
        {"mobilenet_v3_small": "MobileNetV3Small"},
        ("expanded_conv_1_expand", "expanded_conv_3_expand", "expanded_conv_8_expand", "conv_1"),
        pixels=UNIT,
        bare=True,
    ),
    "mobilenet_v3_large": Family(
        {"mobilenet_v3_large": "MobileNetV3Large"},
        ("expanded_conv_3_expand", "expanded_conv_6_expand", "expanded_conv_12_expand", "conv_1"),
        pixels=UNIT,
        bare=True,
    ),
    "efficientnet": Family(
        _numbered("efficientnet_", "EfficientNet", "B0 B1 B2 B3 B4 B5 B6 B7"),
        ("block3a_expand_conv", "block4a_expand_conv", "block6a_expand_conv", "top_conv"),
        pixels=STANDARD,  # its files hold the deviation as the variance; keras.applications divides by the root twice
    ),
    "efficientnet_v2_b": Family(
        _numbered("efficientnet_v2_", "EfficientNetV2", "B0 B1 B2 B3"),
        ("block3a_expand_conv", "block4a_expand_conv", "block6a_expand_conv", "top_conv"),
        pixels=STANDARD,
        bare=True,
    ),
    "efficientnet_v2": Family(
        _numbered("efficientnet_v2_", "EfficientNetV2", "S M L"),
        ("block3a_expand_conv", "block4a_expand_conv", "block6a_expand_conv", "top_conv"),
        pixels=POWER,
        bare=True,
    ),
    "convnext": Family(
        _numbered("convnext_", "ConvNeXt", "Tiny Small Base Large XLarge"),
        (".*_downsampling_block_0", ".*_downsampling_block_1", ".*_downsampling_block_2", "layer_normalization"),
        pixels=STANDARD,
        bare=True,
    ),
    "resnet": Family(
        {"resnet152": "ResNet152"},
        ("conv3_block1_1_conv", "conv4_block1_1_conv", "conv5_block1_1_conv", None),
        pixels=CAFFE,
    ),
    "resnet_v2": Family(
        {"resnet50_v2": "ResNet50V2", "resnet101_v2": "ResNet101V2", "resnet152_v2": "ResNet152V2"},
        (r"conv2_block\d+_1_conv", r"conv3_block\d+_1_conv", r"conv4_block\d+_1_conv", None),
        pixels=UNIT,
    ),
    "densenet": Family(
        _numbered("densenet", "DenseNet", "121 169 201"),
        ("pool2_conv", "pool3_conv", "pool4_conv", None),
        pixels=STANDARD,
    ),
    "vgg": Family(
        {"vgg16": "VGG16", "vgg19": "VGG19"}, ("block3_pool", "block4_pool", "block5_pool", None), pixels=CAFFE
    ),
    "xception": Family({"xception": "Xception"}, ("conv2d_1", "conv2d_2", "conv2d_3", None), pixels=UNIT, pads=True),
    "inception_v3": Family(
        {"inception_v3": "InceptionV3"},
        ("max_pooling2d_1", "max_pooling2d_2", "max_pooling2d_3", None),
        pixels=UNIT,
        pads=True,
    ),
    "inception_resnet_v2": Family(
        {"inception_resnet_v2": "InceptionResNetV2"},
        ("max_pooling2d_1", "max_pooling2d_2", "max_pooling2d_3", None),
        pixels=UNIT,
        pads=True,
    ),
}


def names() -> list[str]:
    """Return the names of every trunk, those of `backbone` first."""
    return [*OWN, *UNTRAINED, *(name for family in FAMILIES.values() for name in family.members)]


def find(name: str) -> tuple[str, Family]:
    """Look up a network.

    Args:
        name: "mobilenet_v3_small", or as keras.applications writes it, "MobileNetV3Small".

    Returns:
        Its name in keras.applications, and its family.

    Raises:
        UserError: there is none of that name; the nearest are named.
    """
    for family in FAMILIES.values():
        for ours, theirs in family.members.items():
            if _key(name) in (_key(ours), _key(theirs)):
                return theirs, family
    near = difflib.get_close_matches(name.lower(), names(), n=4, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UserError(f"no backbone {name!r}: {hint}There are {', '.join(names())}")


def _key(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
