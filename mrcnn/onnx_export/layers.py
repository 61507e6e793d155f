"""How each kind of Keras layer is written as ONNX nodes.

Legend: B batch, H and W cells, C channels. Keras holds (B, H, W, C), the graph (B, C, H, W); what is (B, C) in Keras is
(B, C, 1, 1) here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from common.errors import UserError
from mrcnn.onnx_export.graph import Graph

ERF, GELU = 9, 20  # versions of the operator set that brought them


@dataclass(frozen=True)
class Call:
    """One call of a layer.

    Attributes:
        graph: to write into.
        layer: the Keras layer or operation.
        inputs: names in the graph of the tensors that go in.
        sources: the same as Keras tensors.
        arguments: everything that was said at the call, tensors among it, in order.
        only_user: the layer that uses the result, where there is exactly one.
    """

    graph: Graph
    layer: Any
    inputs: list[str]
    sources: list[Any]
    arguments: list[Any]
    only_user: Any

    def operands(self) -> list[Any]:
        """Return names and numbers in the order in which they were given."""
        names = iter(self.inputs)
        given = [next(names) if isinstance(each, keras.KerasTensor) else each for each in self.arguments]
        return [each for each in given if isinstance(each, str | int | float) and not isinstance(each, bool)]


def arrays(layer: Any) -> dict[str, np.ndarray]:
    """Return a layer's weights by their own names ("kernel", "bias", "gamma" ...), float32."""
    return {each.name: np.asarray(keras.ops.convert_to_numpy(each), np.float32) for each in layer.weights}


def scale_and_shift(norm: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return what batch normalisation with its stored statistics multiplies by and adds, (C,) float64 each."""
    held = {name: value.astype(np.float64) for name, value in arrays(norm).items()}
    scale = held.get("gamma", 1.0) / np.sqrt(held["moving_variance"] + norm.epsilon)
    return scale, held.get("beta", 0.0) - held["moving_mean"] * scale


def folded(layer: Any, norm: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Return kernel and bias of a convolution as ONNX has them, with the batch normalisation behind it folded in.

    Args:
        layer: Conv2D or DepthwiseConv2D.
        norm: batch normalisation of its result, or None.

    Returns:
        (out, in of a group, h, w) and (out,) float32.
    """
    held = arrays(layer)
    (kernel,) = (value for value in held.values() if value.ndim == 4)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        kernel = kernel.reshape(*kernel.shape[:2], 1, -1)  # (h, w, C, m) -> (h, w, 1, C * m)
    kernel = kernel.transpose(3, 2, 0, 1)
    bias = held.get("bias", np.zeros(len(kernel), np.float32))
    if norm is not None:
        scale, shift = scale_and_shift(norm)
        kernel, bias = kernel * scale[:, None, None, None], bias * scale + shift
    return np.ascontiguousarray(kernel, np.float32), bias.astype(np.float32)


def convolution(graph: Graph, x: str, layer: Any, norm: Any = None) -> str:
    """Write a Conv2D or DepthwiseConv2D; one that is called several times has its arrays once in the graph.

    Args:
        graph: to write into.
        x: (B, C, H, W).
        layer: the convolution.
        norm: batch normalisation to fold into it, or None.
    """
    if id(layer) not in graph.weights:
        kernel, bias = folded(layer, norm)
        names = graph.constant(kernel, f"{layer.name}/kernel"), graph.constant(bias, f"{layer.name}/bias")
        graph.weights[id(layer)] = names
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    x, pads = graph.padded.pop(x, (x, None))
    return graph.add(
        "Conv",
        x,
        *graph.weights[id(layer)],
        name=layer.name,
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.strides),
        dilations=list(layer.dilation_rate),
        group=int(layer.input_spec.axes[-1]) if depthwise else int(layer.groups),
        **padding(layer, layer.kernel_size, pads),
    )


def padding(layer: Any, size: Sequence[int], pads: Sequence[int] | None = None) -> dict[str, Any]:
    """Return attributes for the zeros round what a window of `size` slides over."""
    if layer.padding == "valid":
        return {"pads": list(pads)} if pads is not None else {}
    dilation = getattr(layer, "dilation_rate", (1, 1))
    if tuple(layer.strides) != (1, 1):  # depends on whether the number of cells is odd
        return {"auto_pad": "SAME_UPPER"}
    spans = [(cells - 1) * step for cells, step in zip(size, dilation, strict=True)]
    return {"pads": [*(span // 2 for span in spans), *(span - span // 2 for span in spans)]}


def activation(graph: Graph, x: str, name: str) -> str:
    """Write an activation by Keras' name.

    Raises:
        KeyError: not known.
    """
    return ACTIVATIONS[name](graph, x)


def _gelu(graph: Graph, x: str) -> str:
    if graph.opset >= GELU:
        return graph.add("Gelu", x)
    error = graph.add("Erf", graph.add("Mul", x, 1 / math.sqrt(2)))
    return graph.add("Mul", graph.add("Mul", x, 0.5), graph.add("Add", error, 1.0))


ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "linear": lambda graph, x: x,
    "relu": lambda graph, x: graph.add("Relu", x),
    "relu6": lambda graph, x: graph.add("Clip", x, 0.0, 6.0),
    "sigmoid": lambda graph, x: graph.add("Sigmoid", x),
    "tanh": lambda graph, x: graph.add("Tanh", x),
    "silu": lambda graph, x: graph.add("Mul", x, graph.add("Sigmoid", x)),
    "hard_sigmoid": lambda graph, x: graph.add("HardSigmoid", x, alpha=1 / 6, beta=0.5),
    "hard_silu": lambda graph, x: graph.add("HardSwish", x),
    "gelu": _gelu,
}


def _activated(call: Call, x: str, function: Any) -> str:
    name = getattr(function, "__name__", str(function))
    try:
        return activation(call.graph, x, name)
    except KeyError:
        raise UserError(
            f"layer {call.layer.name!r} has the activation {name!r}, which cannot be written as ONNX; "
            f"known are {', '.join(ACTIVATIONS)}"
        ) from None


def _folds(call: Call) -> Any:
    """Return the batch normalisation that alone uses the result, where it can be folded into the weights."""
    after = call.only_user
    linear = call.layer.activation is keras.activations.linear
    return after if linear and isinstance(after, keras.layers.BatchNormalization) else None


def _conv(call: Call) -> str:
    norm = _folds(call)
    x = convolution(call.graph, call.inputs[0], call.layer, norm)
    if norm is not None:
        call.graph.folded.add(x)
    return _activated(call, x, call.layer.activation)


def _separable(call: Call) -> str:
    """A depthwise convolution and a 1 x 1 one."""
    layer, graph, held = call.layer, call.graph, arrays(call.layer)
    depthwise = held["depthwise_kernel"]
    kernel = depthwise.reshape(*depthwise.shape[:2], 1, -1).transpose(3, 2, 0, 1)
    attributes = {"strides": list(layer.strides), "dilations": list(layer.dilation_rate), "group": depthwise.shape[2]}
    x = graph.add(
        "Conv",
        call.inputs[0],
        graph.constant(np.ascontiguousarray(kernel), f"{layer.name}/depthwise"),
        name=f"{layer.name}_depthwise",
        **attributes,
        **padding(layer, kernel.shape[2:]),
    )
    pointwise = held["pointwise_kernel"].transpose(3, 2, 0, 1)
    bias = held.get("bias", np.zeros(len(pointwise), np.float32)).astype(np.float64)
    norm = _folds(call)
    if norm is not None:
        scale, shift = scale_and_shift(norm)
        pointwise, bias = (pointwise * scale[:, None, None, None]).astype(np.float32), bias * scale + shift
    x = graph.add(
        "Conv",
        x,
        graph.constant(pointwise, f"{layer.name}/pointwise"),
        graph.constant(bias.astype(np.float32), f"{layer.name}/bias"),
        name=layer.name,
    )
    if norm is not None:
        graph.folded.add(x)
    return _activated(call, x, layer.activation)


def _batch_norm(call: Call) -> str:
    x = call.inputs[0]
    if x in call.graph.folded:
        call.graph.folded.discard(x)
        return x
    scale, shift = (value.astype(np.float32).reshape(1, -1, 1, 1) for value in scale_and_shift(call.layer))
    return call.graph.add("Add", call.graph.add("Mul", x, scale), shift, name=call.layer.name)


def _zero_padding(call: Call) -> str:
    (top, bottom), (left, right) = call.layer.padding
    pads = (top, left, bottom, right)
    after = call.only_user
    if isinstance(after, keras.layers.Conv2D | keras.layers.DepthwiseConv2D) and after.padding == "valid":
        name = call.graph.unique(call.layer.name)
        call.graph.padded[name] = (call.inputs[0], pads)
        return name
    amounts = np.array([0, 0, top, left, 0, 0, bottom, right])
    # Not quite zero: ONNX Runtime joins a padding with zeros to the maximum pooling behind it, where they then count
    # less than negative numbers (seen with 1.31).
    return call.graph.add("Pad", call.inputs[0], amounts, np.float32(1e-30), name=call.layer.name)


def _max_pooling(call: Call) -> str:
    return _pooling(call, "MaxPool")


def _average_pooling(call: Call) -> str:
    return _pooling(call, "AveragePool")


def _pooling(call: Call, kind: str) -> str:
    layer = call.layer
    return call.graph.add(
        kind,
        call.inputs[0],
        name=layer.name,
        kernel_shape=list(layer.pool_size),
        strides=list(layer.strides),
        **padding(layer, layer.pool_size),
    )


def _upsampling(call: Call) -> str:
    layer = call.layer
    if layer.interpolation != "nearest":
        raise UserError(f"layer {layer.name!r}: UpSampling2D can be written as ONNX with interpolation 'nearest' only")
    scales = np.array([1, 1, *layer.size], np.float32)
    return call.graph.add(
        "Resize",
        call.inputs[0],
        None,
        scales,
        name=layer.name,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _chained(kind: str) -> Callable[[Call], str]:
    def write(call: Call) -> str:
        first, *others = call.operands()
        for other in others:
            first = call.graph.add(kind, first, other, name=call.layer.name)
        return first

    return write


def _concatenate(call: Call) -> str:
    if call.layer.axis not in (-1, 3):
        raise UserError(f"layer {call.layer.name!r}: Concatenate can be written as ONNX along the channels only")
    return call.graph.add("Concat", *call.inputs, name=call.layer.name, axis=1)


def _relu(call: Call) -> str:
    layer = call.layer
    if layer.negative_slope or layer.threshold:
        raise UserError(f"layer {layer.name!r}: ReLU can be written as ONNX without slope and threshold only")
    if layer.max_value is None:
        return call.graph.add("Relu", call.inputs[0], name=layer.name)
    return call.graph.add("Clip", call.inputs[0], 0.0, float(layer.max_value), name=layer.name)


def _rescaling(call: Call) -> str:
    scale, offset = (
        np.asarray(value, np.float32).reshape(1, -1, 1, 1) for value in (call.layer.scale, call.layer.offset)
    )
    return call.graph.add("Add", call.graph.add("Mul", call.inputs[0], scale), offset, name=call.layer.name)


def _flip(call: Call) -> str:
    """Channels turned round."""
    if call.layer.axis not in (-1, 3):
        raise UserError(f"layer {call.layer.name!r}: a flip can be written as ONNX along the channels only")
    order = np.arange(call.sources[0].shape[-1])[::-1]
    return call.graph.add("Gather", call.inputs[0], order, name=call.layer.name, axis=1)


def _global_average(call: Call) -> str:
    return call.graph.add("GlobalAveragePool", call.inputs[0], name=call.layer.name)


def _reshape(call: Call) -> str:
    channels = call.sources[0].shape[-1]
    if len(call.sources[0].shape) != 2 or tuple(call.layer.target_shape) != (1, 1, channels):
        raise UserError(f"layer {call.layer.name!r}: Reshape can be written as ONNX from (C,) to (1, 1, C) only")
    return call.inputs[0]


def _dense(call: Call) -> str:
    """A 1 x 1 convolution."""
    held = arrays(call.layer)
    kernel = np.ascontiguousarray(held["kernel"].T)[:, :, None, None]
    bias = call.graph.constant(held["bias"], f"{call.layer.name}/bias") if "bias" in held else None
    x = call.graph.add(
        "Conv", call.inputs[0], call.graph.constant(kernel, f"{call.layer.name}/kernel"), bias, name=call.layer.name
    )
    return _activated(call, x, call.layer.activation)


def _layer_norm(call: Call) -> str:
    """Normalisation over the channels."""
    if tuple(np.atleast_1d(call.layer.axis)) not in ((-1,), (3,)):
        raise UserError(f"layer {call.layer.name!r}: LayerNormalization can be written along the channels only")
    x, held = call.graph.add("Transpose", call.inputs[0], perm=[0, 2, 3, 1]), arrays(call.layer)
    x = call.graph.add(
        "LayerNormalization",
        x,
        held["gamma"],
        held.get("beta"),
        name=call.layer.name,
        axis=-1,
        epsilon=float(call.layer.epsilon),
    )
    return call.graph.add("Transpose", x, perm=[0, 3, 1, 2])


def _layer_scale(call: Call) -> str:
    (gamma,) = arrays(call.layer).values()
    return call.graph.add("Mul", call.inputs[0], gamma.reshape(1, -1, 1, 1), name=call.layer.name)


def _custom_scale(call: Call) -> str:
    """Inception-ResNet's residual: the first plus the second times a number."""
    scaled = call.graph.add("Mul", call.inputs[1], float(call.layer.scale))
    return call.graph.add("Add", call.inputs[0], scaled, name=call.layer.name)


CONVERSIONS: dict[str, Callable[[Call], str]] = {
    "Activation": lambda call: _activated(call, call.inputs[0], call.layer.activation),
    "Add": _chained("Add"),
    "AveragePooling2D": _average_pooling,
    "BatchNormalization": _batch_norm,
    "Concatenate": _concatenate,
    "Conv2D": _conv,
    "CustomScaleLayer": _custom_scale,
    "Dense": _dense,
    "DepthwiseConv2D": _conv,
    "Dropout": lambda call: call.inputs[0],
    "Flip": _flip,
    "GlobalAveragePooling2D": _global_average,
    "LayerNormalization": _layer_norm,
    "LayerScale": _layer_scale,
    "MaxPooling2D": _max_pooling,
    "Multiply": _chained("Mul"),
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "Reshape": _reshape,
    "SeparableConv2D": _separable,
    "StochasticDepth": lambda call: call.inputs[0],
    "Subtract": _chained("Sub"),
    "TrueDivide": _chained("Div"),
    "UpSampling2D": _upsampling,
    "ZeroPadding2D": _zero_padding,
}
