"""Trunks from keras.applications: their stages fit the pyramid, and they see what they were trained on."""

import inspect
import re

import keras
import numpy as np
import pytest

from common.errors import UserError
from mrcnn import applications, network
from mrcnn.application_trunk import application_stages, plain_names
from mrcnn.normalization import BatchNorm

MEAN = (123.7, 116.8, 103.9)
ONE_OF_EACH = [next(iter(family.members)) for family in applications.FAMILIES.values()]
SMALL = ["mobilenet_v3_small", "vgg16"]
LARGE = [name for name in ONE_OF_EACH if name not in SMALL]


def trunk(name: str, channels: int = 3, train_bn: bool = False) -> keras.Model:
    image = keras.Input((None, None, channels), name="input_image")
    mean = MEAN if channels == 3 else MEAN[:1] * channels
    return keras.Model(image, application_stages(image, name, train_bn, mean)[1:])


def slow(names: list[str]) -> list:
    return [pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", [*SMALL, "inception_v3", *slow([n for n in LARGE if n != "inception_v3"])])
def test_stages_have_a_quarter_to_a_thirty_second_of_every_size(name: str) -> None:
    """Also of networks that come without padding, whose own stages are odd."""
    model = trunk(name)
    sizes = range(64, 641, 64)
    for height, width in zip(sizes, reversed(sizes), strict=True):  # a side does not hang on the other one
        stages = model.compute_output_spec(keras.KerasTensor((1, height, width, 3)))
        assert [stage.shape[1:3] for stage in stages] == [(height // s, width // s) for s in (4, 8, 16, 32)]


def test_every_trunk_that_keras_has_is_offered_but_nasnet() -> None:
    offered = {theirs for family in applications.FAMILIES.values() for theirs in family.members.values()}
    built = {name for name, item in inspect.getmembers(keras.applications, inspect.isfunction) if name[0].isupper()}
    assert built - offered == {"ResNet50", "ResNet101", "NASNetLarge", "NASNetMobile"}  # two are `backbone`'s own


def theirs(name: str) -> list[np.ndarray]:
    """What keras.applications' own preparation and network make of a picture, up to C2 ... C5, weights all alike."""
    their_name, family = applications.find(name)
    build = getattr(keras.applications, their_name)
    model = build(include_top=False, weights=None, input_shape=(None, None, 3))
    names = plain_names(model)
    for layer in model.layers:
        for variable in layer.weights:
            if not isinstance(layer, keras.layers.Normalization):
                variable.assign(alike(variable))
    doors = [[o for o in model.operations if door and re.fullmatch(door, names[id(o)])] for door in family.doors]
    taps = keras.Model(model.input, [found[-1].input if found else model.output for found in doors])
    module = inspect.getmodule(inspect.unwrap(build))
    return answers(taps, module.preprocess_input(picture().copy()))


def answers(model: keras.Model, pictures: np.ndarray) -> list[np.ndarray]:
    """Without compiling, which takes longer than one picture does."""
    return [keras.ops.convert_to_numpy(answer) for answer in model(pictures)]


def picture() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (1, 64, 64, 3)).astype("float32")


def alike(variable) -> np.ndarray:
    """Numbers that hang on the name and shape of a variable alone."""
    generator = np.random.default_rng(variable.shape[-1])
    scale = 1 / np.sqrt(max(np.prod(variable.shape[:-1]), 1))
    if variable.name in ("moving_variance", "gamma"):
        return generator.uniform(0.5, 1.5, variable.shape)
    return generator.normal(0, scale if variable.name == "kernel" else 0.1, variable.shape)


@pytest.mark.parametrize(
    "name",
    [
        *SMALL,
        *slow(
            ["convnext_tiny", "mobilenet_v2", "efficientnet_v2_b0", "efficientnet_v2_s", "resnet50_v2", "densenet121"]
        ),
    ],
)
def test_the_network_sees_what_it_would_without_us(name: str) -> None:
    """The mean that molding subtracts is added again before the picture is scaled as the network was taught."""
    model = trunk(name)
    for layer in model.layers:
        for variable in layer.weights:
            variable.assign(alike(variable))
    ours = answers(model, picture() - np.float32(MEAN))
    for found, expected in zip(ours, theirs(name), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_names_are_the_same_whatever_was_built_before() -> None:
    keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3), keras.layers.BatchNormalization()])
    first, second = trunk("xception"), trunk("xception")
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]
    assert "stage3_batch_normalization_1" in {layer.name for layer in first.layers}


def test_statistics_are_frozen_unless_they_are_to_be_learnt() -> None:
    for train_bn in (False, True):
        layers = [layer for layer in trunk("mobilenet_v3_small", train_bn=train_bn).layers if "bn" in layer.name]
        assert {type(layer) for layer in layers} == {BatchNorm}
        assert {layer.train_statistics for layer in layers} == {train_bn}
    with_dropout = [layer.name for layer in trunk("efficientnet_b0").layers if isinstance(layer, keras.layers.Dropout)]
    assert with_dropout == []


def test_grey_pictures_and_such_with_depth_go_through() -> None:
    for channels in (1, 4):
        stages = answers(trunk("mobilenet_v3_small", channels), np.zeros((1, 64, 64, channels), "float32"))
        assert stages[3].shape[1:3] == (2, 2)


def test_unknown_names_are_met_with_the_nearest_ones() -> None:
    with pytest.raises(UserError, match=r"no backbone 'mobilenetv3': did you mean .*mobilenet_v3_"):
        applications.find("mobilenetv3")
    with pytest.raises(UserError, match=r"no backbone 'zzz': There are resnet50, resnet101, resnet18.*, mobilenet"):
        network.trunk(keras.Input((64, 64, 3)), network.Architecture(2, backbone="zzz"))
    assert applications.find("MobileNetV3Small") == applications.find("mobilenet_v3_small")
