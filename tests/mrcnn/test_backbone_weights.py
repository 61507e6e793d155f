"""Weights that a network of keras.applications was trained to, in our trunk."""

from pathlib import Path

import keras
import numpy as np
import pytest

from common.errors import UserError
from mrcnn import network, weights
from mrcnn.application_trunk import application_stages, build_application
from mrcnn.applications import CAFFE_MEAN, FAMILIES, find
from mrcnn.backbone import resnet
from mrcnn.backbone_weights import load_backbone

MEAN = (123.7, 116.8, 103.9)


def trunk(name: str) -> keras.Model:
    image = keras.Input((None, None, 3), name="input_image")
    return keras.Model(image, application_stages(image, name, mean_pixel=MEAN)[1:])


def shaken(model: keras.Model) -> keras.Model:
    """The model with other numbers in every variable; variances stay above zero."""
    generator = np.random.default_rng(5)
    for variable in model.weights:
        value = variable.numpy()
        variable.assign(np.abs(value + generator.normal(0, 0.02, value.shape)))
    return model


def numbers(model: keras.Model) -> dict[str, list[np.ndarray]]:
    return {layer.name.split("_", 1)[1]: layer.get_weights() for layer in model.layers if layer.weights}


@pytest.mark.parametrize("file", ["notop.weights.h5", "notop.h5"])
def test_a_file_of_keras_applications_becomes_our_trunk(file: str, tmp_path: Path) -> None:
    """In Keras 3's layout and in the one of the files that keras.applications fetches."""
    donor = shaken(build_application(*find("mobilenet_v3_small")))
    if file.endswith(".weights.h5"):
        donor.save_weights(tmp_path / file)
    else:
        weights.save(donor, tmp_path / file)
    model = trunk("mobilenet_v3_small")
    loaded = load_backbone(model, "mobilenet_v3_small", tmp_path / file)
    ours, theirs = numbers(model), {layer.name: layer.get_weights() for layer in donor.layers}
    assert loaded == len(ours) == 84
    for name, arrays in ours.items():
        for found, expected in zip(arrays, theirs[name], strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_nested_layers_and_nameless_ones_are_found(tmp_path: Path) -> None:
    for name in ("convnext_tiny", "inception_v3"):
        donor = shaken(build_application(*find(name)))
        donor.save_weights(tmp_path / "notop.weights.h5")
        model = trunk(name)
        assert load_backbone(model, name, tmp_path / "notop.weights.h5") == len(numbers(model))
        ours = sorted(float(np.sum(array)) for arrays in numbers(model).values() for array in arrays)
        theirs = sorted(float(np.sum(variable)) for variable in donor.get_weights())
        assert [value for value in theirs if value not in set(ours)][2:] == []  # but the last normalisation's two


def test_our_own_resnet_takes_them_though_colours_and_normalisation_differ(tmp_path: Path) -> None:
    donor = shaken(build_application("ResNet50", FAMILIES["resnet"]))
    donor.save_weights(tmp_path / "notop.weights.h5")
    image = keras.Input((None, None, 3), name="input_image")
    model = keras.Model(image, resnet(image, "resnet50")[4])
    assert load_backbone(model, "resnet50", tmp_path / "notop.weights.h5") == 53 * 2
    picture = np.random.default_rng(1).integers(0, 256, (1, 64, 64, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(donor(keras.applications.resnet.preprocess_input(picture.copy())))
    found = keras.ops.convert_to_numpy(model(picture - np.float32(CAFFE_MEAN[::-1])))
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_weights_that_cannot_be_had_are_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, name = trunk("mobilenet_v3_small"), "mobilenet_v3_small"
    assert load_backbone(model, name, None) == 0
    with pytest.raises(UserError, match="no such file"):
        load_backbone(model, name, tmp_path / "none.h5")
    with pytest.raises(UserError, match="a BACKBONE that is named"):
        load_backbone(model, resnet, "imagenet")
    build_application(*find("mobilenet")).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(UserError, match="not weights of MobileNetV3Small without its classifier"):
        load_backbone(model, name, tmp_path / "other.weights.h5")
    grey = keras.Input((None, None, 1), name="input_image")
    with pytest.raises(UserError, match="for pictures of 3 channels, not of 1"):
        load_backbone(keras.Model(grey, keras.layers.Conv2D(2, 1)(grey)), name, "imagenet")

    def unreachable(*args: object, **kwargs: object) -> None:
        raise Exception("URL fetch failure on https://host/folder/weights_small_no_top.h5: None -- no such host")

    monkeypatch.setattr(keras.applications, "MobileNetV3Small", unreachable)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    expected = rf"could not be fetched; put weights_small_no_top.h5 from https://host/.* into {tmp_path}/models, or"
    with pytest.raises(UserError, match=expected):
        load_backbone(model, name, "imagenet")


def test_a_whole_network_comes_back_from_its_file(tmp_path: Path) -> None:
    """In the original's layout, layer by layer."""
    sizes = {"pyramid_channels": 16, "fully_connected_units": 16}
    built = network.Architecture(num_classes=3, backbone="mobilenet_v3_small", **sizes)
    model, again = (network.inference_model(built, network.Selection()) for _ in range(2))
    weights.save(shaken(model), tmp_path / "whole.h5")
    report = weights.load(again, tmp_path / "whole.h5")
    assert {"stage2_conv", "stage3_expanded_conv_1_expand", "fpn_c2p2", "rpn_model"} <= set(report.loaded)
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
