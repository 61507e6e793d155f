"""The trunk: ResNet-50 and ResNet-101 with strides where Caffe had them, and the original's layer names.

Beside them small ones of two convolutions a block, for what is learnt from nothing on a CPU: no weights are published
for them.

Legend: B batch, H and W pixels of the molded picture. C1 ... C5 have 1/2, 1/4, 1/8, 1/16, 1/32 of its height and width
and 64, 256, 512, 1024, 2048 channels; in ResNet-18 64, 64, 128, 256, 512, half of that in the narrow one.
"""

from __future__ import annotations

from typing import Any

from keras import layers

from mrcnn.normalization import BatchNorm

BLOCKS = {
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "resnet18": (2, 2, 2, 2),
    "resnet18_narrow": (2, 2, 2, 2),
}
WIDTHS = {"resnet18": 64, "resnet18_narrow": 32}  # channels of C1 and C2 where a block has two convolutions


def resnet(image: Any, architecture: str, stage5: bool = True, train_bn: bool = False) -> list[Any]:
    """Run a residual network and return its stages.

    Args:
        image: (B, H, W, channels) Keras tensor, mean subtracted.
        architecture: "resnet50", "resnet101", "resnet18" or "resnet18_narrow".
        stage5: False leaves out C5 (None in its place).
        train_bn: whether batch statistics are used and learnt in training.

    Returns:
        [C1, C2, C3, C4, C5].

    Raises:
        ValueError: no such architecture.

    Source: arXiv 1512.03385, table 1; original `model.resnet_graph`.
    """
    if architecture not in BLOCKS:
        raise ValueError(f"no backbone {architecture!r}: expected one of {', '.join(BLOCKS)}")
    width = WIDTHS.get(architecture, 64)
    # Under mixed precision pictures and answers stay float32: grey levels and scores have no digits to spare.
    x = layers.ZeroPadding2D(3, name="conv1_pad", dtype="float32")(image)
    x = layers.Conv2D(width, 7, strides=2, name="conv1", dtype="float32")(x)
    x = BatchNorm(train_bn, name="bn_conv1")(x)
    x = layers.Activation("relu", name="conv1_relu")(x)
    stages = [x]
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="pool1")(x)
    for stage, blocks in enumerate(BLOCKS[architecture][: 4 if stage5 else 3], start=2):
        filters = width * 2 ** (stage - 2)
        for block in range(blocks):
            stride, name = 2 if block == 0 and stage > 2 else 1, f"{stage}{chr(ord('a') + block)}"
            if architecture in WIDTHS:
                x = basic(x, filters, name, stride, train_bn)
            else:
                x = bottleneck(x, filters, name, stride, block == 0, train_bn)
        stages.append(x)
    return stages if stage5 else [*stages, None]


def bottleneck(
    x: Any, filters: int, name: str, stride: int, project: bool, train_bn: bool, use_bias: bool = True
) -> Any:
    """1x1, 3x3, 1x1 beside a shortcut; the stride sits in the first 1x1.

    Args:
        x: (B, H, W, C) Keras tensor.
        filters: channels inside; four times as many come out.
        name: of stage and block, "2a".
        stride: 1 or 2.
        project: whether the shortcut is a convolution.
        train_bn: see `BatchNorm`.
        use_bias: whether the convolutions have one.

    Source: arXiv 1512.03385, figure 5 right; original `model.identity_block`, `model.conv_block`.
    """
    shortcut = x
    y = layers.Conv2D(filters, 1, strides=stride, use_bias=use_bias, name=f"res{name}_branch2a")(x)
    y = BatchNorm(train_bn, name=f"bn{name}_branch2a")(y)
    y = layers.Activation("relu", name=f"res{name}_relu2a")(y)
    y = layers.Conv2D(filters, 3, padding="same", use_bias=use_bias, name=f"res{name}_branch2b")(y)
    y = BatchNorm(train_bn, name=f"bn{name}_branch2b")(y)
    y = layers.Activation("relu", name=f"res{name}_relu2b")(y)
    y = layers.Conv2D(4 * filters, 1, use_bias=use_bias, name=f"res{name}_branch2c")(y)
    y = BatchNorm(train_bn, name=f"bn{name}_branch2c")(y)
    if project:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, use_bias=use_bias, name=f"res{name}_branch1")(x)
        shortcut = BatchNorm(train_bn, name=f"bn{name}_branch1")(shortcut)
    y = layers.Add(name=f"res{name}_add")([y, shortcut])
    return layers.Activation("relu", name=f"res{name}_out")(y)


def basic(x: Any, filters: int, name: str, stride: int, train_bn: bool) -> Any:
    """3x3, 3x3 beside a shortcut, which is a convolution where the sizes change.

    Args:
        x: (B, H, W, C) Keras tensor.
        filters: channels inside and of what comes out.
        name: of stage and block, "2a".
        stride: 1 or 2.
        train_bn: see `BatchNorm`.

    Source: arXiv 1512.03385, figure 5 left.
    """
    shortcut, kernels = x, {"use_bias": False, "kernel_initializer": "he_normal"}
    y = layers.Conv2D(filters, 3, strides=stride, padding="same", name=f"res{name}_branch2a", **kernels)(x)
    y = BatchNorm(train_bn, name=f"bn{name}_branch2a")(y)
    y = layers.Activation("relu", name=f"res{name}_relu2a")(y)
    y = layers.Conv2D(filters, 3, padding="same", name=f"res{name}_branch2b", **kernels)(y)
    y = BatchNorm(train_bn, name=f"bn{name}_branch2b")(y)
    if stride > 1 or x.shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, strides=stride, name=f"res{name}_branch1", **kernels)(x)
        shortcut = BatchNorm(train_bn, name=f"bn{name}_branch1")(shortcut)
    y = layers.Add(name=f"res{name}_add")([y, shortcut])
    return layers.Activation("relu", name=f"res{name}_out")(y)
