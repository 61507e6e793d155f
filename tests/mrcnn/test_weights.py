from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from common.errors import UserError
from mrcnn import network, weights


def tiny(classes: int = 3) -> keras.Model:
    """A model with the network's kinds of layers: plain, batch normalisation, nested, transposed, weightless."""
    inner_in = keras.Input((None, None, 4))
    inner = keras.Model(inner_in, keras.layers.Conv2D(2, 1, name="rpn_class_raw")(inner_in), name="rpn_model")
    image = keras.Input((8, 8, 3), name="input_image")
    x = keras.layers.Conv2D(4, 3, name="conv1")(image)
    x = keras.layers.BatchNormalization(name="bn_conv1")(x)
    x = keras.layers.Conv2DTranspose(4, 2, name="deconv")(x)
    x = keras.layers.Flatten(name="flat")(inner(x))
    model = keras.Model(image, keras.layers.Dense(classes, name="logits")(x))
    generator = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(generator.normal(size=variable.shape))
    return model


def values(model: keras.Model) -> list[np.ndarray]:
    return [variable.numpy() for variable in model.weights]


def zeroed(model: keras.Model) -> keras.Model:
    for variable in model.weights:
        variable.assign(np.zeros(variable.shape))
    return model


def contents(path: Path) -> dict[str, bytes]:
    """Every dataset and every list of names of a file, as bytes."""
    found: dict[str, bytes] = {}

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = np.asarray(item).tobytes()
        elif len(item.attrs.get("weight_names", [])):
            found[name] = b" ".join(np.asarray(item.attrs["weight_names"], "S"))

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def test_what_is_saved_loads_again_bit_by_bit(tmp_path: Path) -> None:
    model, path = tiny(), tmp_path / "tiny.h5"
    before = values(model)
    weights.save(model, path)
    report = weights.load(zeroed(model), path)
    for ours, theirs in zip(values(model), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert report.loaded == ["conv1", "bn_conv1", "deconv", "rpn_model", "logits"]
    assert report.arrays == 12
    with h5py.File(path) as file:
        assert file["rpn_model"].attrs["weight_names"].tolist() == [
            b"rpn_class_raw/kernel:0",
            b"rpn_class_raw/bias:0",
        ]


def test_arrays_are_taken_by_place_whatever_their_inner_names(tmp_path: Path) -> None:
    model, path = tiny(), tmp_path / "tiny.h5"
    weights.save(model, path)
    before = values(model)
    with h5py.File(path, "r+") as file:
        group = file["conv1"]
        group["conv1_W"], group["conv1_b"] = group["conv1/kernel:0"][()], group["conv1/bias:0"][()]
        group.attrs["weight_names"] = ["conv1_W", "conv1_b"]  # text instead of bytes, too
    weights.load(zeroed(model), path)
    np.testing.assert_array_equal(values(model)[0], before[0])


def test_files_of_whole_models_and_stray_anchors_are_understood(tmp_path: Path) -> None:
    model, path = tiny(), tmp_path / "tiny.h5"
    weights.save(model, path)
    with h5py.File(path) as plain, h5py.File(tmp_path / "whole.h5", "w") as whole:
        group = whole.create_group("model_weights")
        for name, value in plain.attrs.items():
            group.attrs[name] = value
        for name in plain:
            plain.copy(name, group)
        group.attrs["layer_names"] = np.append(group.attrs["layer_names"], b"anchors")
        stray = group.create_group("anchors")
        stray.attrs["weight_names"] = [b"Variable:0"]
        stray["Variable:0"] = np.zeros((2, 5, 4))
    report = weights.load(zeroed(model), tmp_path / "whole.h5")
    assert report.not_in_model == []
    assert values(model)[0].any()


def test_a_wrong_class_count_is_an_error_that_names_the_layer_and_changes_nothing(tmp_path: Path) -> None:
    weights.save(tiny(5), tmp_path / "five.h5")
    model = zeroed(tiny(3))
    with pytest.raises(UserError, match=r"logits: the file has .*5.*, the model .*3.*number of classes"):
        weights.load(model, tmp_path / "five.h5", by_name=True)
    assert not any(value.any() for value in values(model))
    report = weights.load(model, tmp_path / "five.h5", by_name=True, exclude=["logits"])
    assert report.excluded == ["logits"]
    assert str(report) == "4 layers (10 arrays) loaded; excluded: logits"


def test_missing_layers_are_an_error_unless_loaded_by_name(tmp_path: Path) -> None:
    model, path = tiny(), tmp_path / "tiny.h5"
    weights.save(model, path)
    with h5py.File(path, "r+") as file:
        file.attrs["layer_names"] = [name for name in file.attrs["layer_names"] if name != b"deconv"]
    with pytest.raises(UserError, match=r"lacks 1 layers of the model \(deconv\)"):
        weights.load(model, path)
    assert weights.load(model, path, by_name=True).not_in_file == ["deconv"]


def test_nothing_matched_is_an_error(tmp_path: Path) -> None:
    weights.save(tiny(), tmp_path / "tiny.h5")
    image = keras.Input((3,))
    other = keras.Model(image, keras.layers.Dense(2, name="other")(image))
    with pytest.raises(UserError, match=r"nothing was loaded: none of its layers \(conv1, "):
        weights.load(other, tmp_path / "tiny.h5", by_name=True)


def test_absent_truncated_and_foreign_files_are_clear_errors(tmp_path: Path) -> None:
    model, path = tiny(), tmp_path / "tiny.h5"
    with pytest.raises(UserError, match=r"no such weight file"):
        weights.load(model, path)
    weights.save(model, path)
    (tmp_path / "half.h5").write_bytes(path.read_bytes()[:4000])
    with pytest.raises(UserError, match=r"cannot be read as a weight file"):
        weights.load(model, tmp_path / "half.h5")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(UserError, match=r"not a Keras-2 weight file"):
        weights.load(model, tmp_path / "foreign.h5")


@pytest.fixture(scope="module")
def again(small_network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was loaded from the original's file, saved again."""
    path = tmp_path_factory.mktemp("again") / "again.h5"
    weights.save(small_network, path)
    return path


@pytest.mark.shared
def test_the_originals_file_comes_back_bit_by_bit(again: Path, small_weights: Path) -> None:
    ours, theirs = contents(again), contents(small_weights)
    assert ours.keys() == theirs.keys()
    assert [name for name in theirs if ours[name] != theirs[name]] == []


@pytest.mark.shared
def test_weighted_layers_are_written_in_the_originals_order(again: Path, small_weights: Path) -> None:
    assert list(weights.read_layers(again)) == list(weights.read_layers(small_weights))


@pytest.mark.shared
@pytest.mark.slow
def test_a_file_in_the_shape_of_the_coco_weights_loads(tmp_path: Path) -> None:
    from mrcnn_goldens import build_weights

    path = build_weights("coco_like_r101", tmp_path / "coco.h5")
    model = network.inference_model(network.Architecture(num_classes=81), network.Selection())
    report = weights.load(model, path)
    assert (len(report.loaded), report.arrays, report.not_in_model) == (233, 690, [])
    weights.save(model, tmp_path / "again.h5")
    assert contents(tmp_path / "again.h5") == contents(path)
