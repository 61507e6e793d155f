import json
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from common.errors import UserError
from mrcnn import checkpoint, network, weights
from mrcnn.class_names import COCO
from mrcnn.config import Config
from mrcnn.training import OriginalCheckpoint

LAYERS = {
    "conv1": [(7, 7, 3, 64), (64,)],
    "res4w_branch2c": [(1, 1, 256, 1024), (1024,)],
    "fpn_c5p5": [(1, 1, 2048, 256), (256,)],
    "rpn_model": [(3, 3, 256, 512), (512,), (1, 1, 512, 6), (6,), (1, 1, 512, 12), (12,)],
    "mrcnn_class_conv1": [(7, 7, 256, 1024), (1024,)],
}


class DogConfig(Config):
    NAME = "dog"
    NUM_CLASSES = 1 + 1
    BACKBONE = "resnet18_narrow"
    FPN_CLASSIF_FC_LAYERS_SIZE = 16
    TOP_DOWN_PYRAMID_SIZE = 16
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)


class BreederConfig(DogConfig):
    DOGS_OF_MINE = ("Rex", object())


def plain_file(path: Path, classes: int, layers: dict[str, list[tuple[int, ...]]] = LAYERS, **attributes: str) -> Path:
    """A weight file of the original, as far as its layout goes: datasets without content take no room."""
    layers = layers | {"mrcnn_class_logits": [(1024, classes), (classes,)]}
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([name.encode() for name in layers])
        file.attrs.update(attributes)
        for name, shapes in layers.items():
            parts = [f"{name}/{number}:0" for number in range(len(shapes))]
            file.create_group(name).attrs["weight_names"] = np.array([part.encode() for part in parts])
            for part, shape in zip(parts, shapes, strict=True):
                file[name].create_dataset(part, shape=shape)
    return path


@pytest.fixture(scope="module")
def dog_model() -> keras.Model:
    config = DogConfig()
    architecture = network.Architecture(2, "resnet18_narrow", pyramid_channels=16, fully_connected_units=16)
    model = network.inference_model(architecture, network.Selection())
    assert config.NUM_CLASSES == 2
    return model


def test_a_checkpoint_carries_settings_and_names(dog_model: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "run" / "dog.h5"
    checkpoint.save(dog_model, path, BreederConfig(), ["dog"])
    info = checkpoint.read(path)
    assert info.class_names == ("BG", "dog")
    assert (info.config.IMAGE_MAX_DIM, info.config.RPN_ANCHOR_SCALES) == (128, [8, 16, 32, 64, 128])
    assert [each.name for each in path.parent.iterdir()] == ["dog.h5"]
    model, opened = checkpoint.open_model(path, {"DETECTION_MIN_CONFIDENCE": 0.25})
    assert (opened.config.DETECTION_MIN_CONFIDENCE, opened.config.NUM_CLASSES) == (0.25, 2)
    for ours, theirs in zip(model.weights, dog_model.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    # Who knows nothing of the two attributes reads the same file.
    assert weights.load(dog_model, path).arrays == len(dog_model.weights)


@pytest.mark.parametrize(("names", "carries"), [(["BG", "dog"], True), (["BG", "dog", "cat"], False)])
def test_training_writes_checkpoints(names: list[str], carries: bool, dog_model: keras.Model, tmp_path: Path) -> None:
    callback = OriginalCheckpoint(str(tmp_path / "dog_{epoch:04d}.h5"), DogConfig(), names)
    callback.set_model(dog_model)
    callback.on_epoch_end(6)
    with h5py.File(tmp_path / "dog_0007.h5") as file:
        assert ("config" in file.attrs) is carries
    assert weights.load(dog_model, tmp_path / "dog_0007.h5").arrays == len(dog_model.weights)
    if carries:
        assert checkpoint.read(tmp_path / "dog_0007.h5").class_names == ("BG", "dog")


def test_a_failing_save_leaves_the_old_file(dog_model: keras.Model, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "dog.h5"
    path.write_bytes(b"old")

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights, "save", fail)
    with pytest.raises(UserError, match=r"dog\.h5: cannot be written .*No space left"):
        checkpoint.save(dog_model, path, DogConfig(), ["dog"])
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["dog.h5"]


def test_what_a_plain_file_is_shows_in_its_shapes(tmp_path: Path) -> None:
    info = checkpoint.read(plain_file(tmp_path / "coco.h5", 81))
    assert (info.config.BACKBONE, info.config.NUM_CLASSES, info.config.POOL_SIZE) == ("resnet101", 81, 7)
    assert info.class_names == ("BG", *COCO)
    layers = {name: shapes for name, shapes in LAYERS.items() if name != "res4w_branch2c"}
    layers |= {"res4f_branch2c": [(1, 1, 256, 1024), (1024,)], "fpn_c5p5": [(1, 1, 2048, 128), (128,)]}
    info = checkpoint.read(plain_file(tmp_path / "dog.h5", 2, layers), "dog")
    assert (info.config.BACKBONE, info.config.TOP_DOWN_PYRAMID_SIZE) == ("resnet50", 128)
    assert info.class_names == ("BG", "dog")


def test_names_come_with_the_file_or_are_given(tmp_path: Path) -> None:
    path = plain_file(tmp_path / "pets.h5", 3)
    with pytest.raises(UserError, match=r'pets\.h5: carries no class names; it finds 2 classes .*--classes "BG,dog"'):
        checkpoint.read(path)
    lines, listed = tmp_path / "names.txt", tmp_path / "names.json"
    lines.write_text("BG\ndog\ncat\n")
    listed.write_text(json.dumps(["dog", "cat"]))
    for given in ("dog, cat", "BG,dog,cat", ["background", "dog", "cat"], lines, str(listed)):
        assert checkpoint.read(path, given).class_names == ("BG", "dog", "cat")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("dog", r"finds 2 classes besides background, but 1 name was given \(dog\)"),
        ("BG,a,b,c", "but 3 names were given"),
        ("dog,dog", "'dog' comes twice"),
        (" , ", "no class name given"),
    ],
)
def test_names_that_do_not_fit(given: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=complaint):
        checkpoint.read(plain_file(tmp_path / "pets.h5", 3), given)


def test_settings_beside_a_plain_file_count(tmp_path: Path) -> None:
    DogConfig().save(tmp_path / "config.json")
    assert checkpoint.read(plain_file(tmp_path / "dog.h5", 2), "dog").config.IMAGE_MAX_DIM == 128
    (tmp_path / "checkpoints").mkdir()
    assert checkpoint.read(plain_file(tmp_path / "checkpoints" / "dog.h5", 2), "dog").config.IMAGE_MAX_DIM == 128


def test_what_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    whole = plain_file(tmp_path / "whole.h5", 81)
    (tmp_path / "cut.h5").write_bytes(whole.read_bytes()[:-500])
    (tmp_path / "text.h5").write_text("not HDF5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["numbers"] = np.zeros(3)
    odd = LAYERS | {"rpn_model": [(3, 3, 256, 512), (512,), (1, 1, 512, 10), (10,)]}
    cases = {
        "absent": (tmp_path / "absent.h5", "no such weight file"),
        "truncated": (tmp_path / "cut.h5", "cannot be read as a weight file .*download or copy it again"),
        "not HDF5": (tmp_path / "text.h5", "cannot be read as a weight file"),
        "other HDF5": (tmp_path / "other.h5", "not a Keras-2 weight file"),
        "other classes": (
            plain_file(tmp_path / "wrong.h5", 5, config=DogConfig().to_json(), class_names='["BG", "dog"]'),
            "its configuration says 2 classes, its weights have 5",
        ),
        "settings": (plain_file(tmp_path / "json.h5", 2, config="{"), "its configuration cannot be read"),
        "five ratios": (plain_file(tmp_path / "odd.h5", 2, odd), "5 anchors a cell, .*config.json"),
        "grey": (plain_file(tmp_path / "grey.h5", 2, LAYERS | {"conv1": [(7, 7, 1, 64), (64,)]}), "1 channels"),
        "trunk": (
            plain_file(tmp_path / "trunk.h5", 2, {k: v for k, v in LAYERS.items() if k != "res4w_branch2c"}),
            "neither ResNet-50 nor ResNet-101",
        ),
    }
    for name, (path, complaint) in cases.items():
        with pytest.raises(UserError, match=complaint) as caught:
            checkpoint.read(path, "dog")
        assert "\n" not in str(caught.value), name


def test_a_backbone_alone_is_no_detector(tmp_path: Path) -> None:
    path = tmp_path / "resnet50_notop.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([b"conv1"])
        file.create_group("conv1").attrs["weight_names"] = np.array([b"kernel:0"])
        file["conv1"].create_dataset("kernel:0", shape=(7, 7, 3, 64))
    with pytest.raises(UserError, match="no layer mrcnn_class_logits: not the weights of a whole Mask R-CNN"):
        checkpoint.read(path)
