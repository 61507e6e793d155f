"""Keras layers as ONNX nodes, and 8 bits in place of 32."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from keras import layers

from common.errors import UserError
from common.onnx_runtime import load
from mrcnn import network
from mrcnn.onnx_export.agreement import compare
from mrcnn.onnx_export.calibrate import find_ranges
from mrcnn.onnx_export.graph import Graph
from mrcnn.onnx_export.quantize import plan, quantize
from mrcnn.onnx_export.walk import Walk


def written(model: keras.Model, opset: int = 17) -> onnx.ModelProto:
    """A network from (B, H, W, C) to (B, C', H', W')."""
    graph = Graph(opset)
    image = graph.input("image", np.float32, ["batch", "height", "width", model.inputs[0].shape[-1]])
    turned = graph.add("Transpose", image, perm=[0, 3, 1, 2], name="pixels")
    outputs = Walk(graph, model, {model.inputs[0].name: turned}).names(model.outputs)
    named = [(graph.rename(name, f"out{place}"), [None] * 4) for place, name in enumerate(outputs)]
    return graph.model(named, {"precision": "float32"})


def answer(model: onnx.ModelProto, picture: np.ndarray) -> list[np.ndarray]:
    session = load().InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [value.transpose(0, 2, 3, 1) for value in session.run(None, {"image": picture})]


def noise(channels: int = 3, height: int = 12, width: int = 20) -> np.ndarray:
    return np.random.default_rng(7).normal(0, 1, (2, height, width, channels)).astype(np.float32)


def shaken(model: keras.Model) -> keras.Model:
    """Batch statistics that are not zero and one."""
    dice = np.random.default_rng(1)
    for layer in model.layers:
        layer.set_weights([weight + dice.uniform(0.1, 0.5, weight.shape) for weight in layer.get_weights()])
    return model


KINDS: dict[str, Callable[[Any], Any]] = {
    "convolution": lambda x: layers.Conv2D(5, 3, padding="same", activation="relu")(x),
    "strided": lambda x: layers.Conv2D(5, 3, strides=2, padding="same", use_bias=False)(x),
    "dilated": lambda x: layers.Conv2D(4, 3, dilation_rate=2, padding="same")(x),
    "grouped": lambda x: layers.Conv2D(6, 3, groups=3)(x),
    "normalised": lambda x: layers.BatchNormalization()(layers.Conv2D(4, 1)(x)),
    "normalised behind an activation": lambda x: layers.BatchNormalization()(layers.Activation("tanh")(x)),
    "depthwise": lambda x: layers.BatchNormalization()(layers.DepthwiseConv2D(3, depth_multiplier=2)(x)),
    "separable": lambda x: layers.BatchNormalization()(layers.SeparableConv2D(5, 3, padding="same")(x)),
    "padded": lambda x: layers.Conv2D(4, 3, strides=2)(layers.ZeroPadding2D(((0, 1), (2, 1)))(x)),
    "padded and shared": lambda x: layers.Concatenate()([layers.Conv2D(2, 3)(p := layers.ZeroPadding2D(1)(x)),
                                                         layers.MaxPooling2D(3, strides=1)(p)]),
    "pooled": lambda x: layers.Concatenate()([layers.MaxPooling2D(3, strides=2, padding="same")(x),
                                              layers.AveragePooling2D(2)(x)]),
    "padded and pooled": lambda x: layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x - 5.0)),
    "averaged": lambda x: layers.AveragePooling2D(3, strides=1, padding="same")(x),
    "upsampled": lambda x: layers.Add()([layers.UpSampling2D(2)(layers.MaxPooling2D(2)(x)), x]),
    "weighed": lambda x: layers.Multiply()([x, layers.Reshape((1, 1, 3))(
        layers.Dense(3, activation="sigmoid")(layers.GlobalAveragePooling2D()(x)))]),
    "layer norm": lambda x: layers.LayerNormalization(epsilon=1e-4)(x),
    "pixels": lambda x: layers.Rescaling([1.0, 2.0, 3.0], [0.5, 0.0, -1.0])(keras.ops.flip(x, axis=-1)),
    "arithmetic": lambda x: layers.ReLU(6.0)(x * 4.0 + 3.0) / 6.0,
    **{name: lambda x, name=name: layers.Activation(name)(x) for name in ("silu", "hard_silu", "hard_sigmoid", "gelu")},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_layers_answer_alike(kind: str) -> None:
    if kind == "averaged" and keras.backend.backend() == "torch":
        pytest.skip("Keras counts the padding in the mean there")
    keras.utils.set_random_seed(2)
    image = keras.Input((None, None, 3))
    model = shaken(keras.Model(image, KINDS[kind](image)))
    expected = keras.ops.convert_to_numpy(model(noise()))
    np.testing.assert_allclose(answer(written(model), noise())[0], expected, rtol=1e-4, atol=1e-5)


def test_a_layer_that_cannot_be_written_is_named() -> None:
    image = keras.Input((None, None, 3))
    with pytest.raises(UserError, match="layer 'odd' of kind SpectralNormalization cannot be written as ONNX; known"):
        written(keras.Model(image, layers.SpectralNormalization(layers.Conv2D(3, 1), name="odd")(image)))
    with pytest.raises(UserError, match="activation 'selu'"):
        written(keras.Model(image, layers.Conv2D(3, 1, activation="selu")(image)))


@pytest.mark.parametrize(
    "name", ["mobilenet_v3_small", *(pytest.param(name, marks=pytest.mark.slow) for name in ("resnet50", "xception",
    "efficientnet_b0", "efficientnet_v2_b0", "convnext_tiny", "densenet121", "inception_resnet_v2"))]
)  # fmt: skip
def test_backbones_answer_alike(name: str) -> None:
    keras.utils.set_random_seed(2)
    image = keras.Input((None, None, 3))
    model = keras.Model(image, network.trunk(image, network.Architecture(3, name, pyramid_channels=16)))
    picture = 100 * noise(height=64, width=128)
    for ours, theirs in zip(answer(written(model), picture), model(picture), strict=True):
        theirs = keras.ops.convert_to_numpy(theirs)
        np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


def small_trunk() -> onnx.ModelProto:
    """What ResNets are made of."""
    keras.utils.set_random_seed(4)
    image = keras.Input((None, None, 3))
    x = layers.Activation("relu")(
        layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same", name="conv1")(image))
    )
    x = layers.MaxPooling2D(2)(x)
    y = layers.Activation("relu", name="mid")(layers.Conv2D(16, 3, padding="same", name="inner")(x))
    y = layers.Conv2D(16, 1, name="last")(y)
    return written(shaken(keras.Model(image, layers.Activation("relu")(layers.Add()([x, y])))))


def pictures() -> Iterator[dict[str, np.ndarray]]:
    yield {"image": noise()}
    yield {"image": 0.5 * noise()[::-1]}


def test_eight_bits_are_near_and_smaller() -> None:
    model = small_trunk()
    chosen = plan(model)
    ranges = find_ranges(model, chosen.tensors, pictures(), threads=1)
    small = quantize(model, chosen, ranges)
    onnx.checker.check_model(small)
    weights = {each.name: each for each in small.graph.initializer}
    held = [weights[node.input[0]].data_type for node in small.graph.node if "kernel" in node.name]
    assert held == [onnx.TensorProto.INT8] * 3
    assert "Relu" not in [node.op_type for node in small.graph.node]  # a range that begins at zero does the same
    expected, found = answer(model, noise())[0], answer(small, noise())[0]
    assert 0 < np.abs(found - expected).max() <= 0.03 * np.abs(expected).max()


def test_ranges_are_those_of_all_pictures() -> None:
    model = small_trunk()
    low, high = find_ranges(model, ["pixels"], pictures(), threads=1)["pixels"]
    assert (low, high) == (pytest.approx(noise().min()), pytest.approx(noise().max()))


def test_what_is_left_in_float_is_not_touched() -> None:
    model = small_trunk()
    assert "conv1" in plan(model).nodes
    chosen = plan(model, leave=("conv1", "inner"))
    assert "conv1" not in chosen.nodes
    assert {name for name in chosen.nodes if name.startswith(("conv", "inner", "last"))} == {"last"}
    small = quantize(model, chosen, find_ranges(model, chosen.tensors, pictures(), threads=1))
    whole = [node for node in small.graph.node if node.op_type == "Conv" and "int8" not in node.input[1]]
    assert [node.name for node in whole] == ["conv1", "inner"]


def test_objects_are_counted() -> None:
    """Two sure ones, one of which is lost; a weak one does not count; one is new."""

    def rows(*objects: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
        """Objects as (left edge, class, score), a fifth of the picture wide and high."""
        found = np.array([(0.1, left, 0.3, left + 0.2, kind, score) for left, kind, score in objects], np.float32)
        masks = np.ones((len(objects), 4, 4), bool)
        masks[:, :, 3] = found[:, None, 5] > 0.85
        return found, masks

    reference = rows((0.0, 1, 0.9), (0.4, 1, 0.8), (0.7, 2, 0.4))
    other = rows((0.02, 1, 0.8), (0.41, 2, 0.9), (0.7, 2, 0.9))
    found = compare([reference], [other], sure=0.7)
    assert (found.objects, found.found, found.new, found.share) == (2, 1, 1, 0.5)
    assert found.mask_overlap == pytest.approx(0.75)
    assert str(found) == "1 of 2 objects (50.0%) found again, 1 new, masks overlap by 0.75"
    assert compare([], [], sure=0.7).share == 1.0
