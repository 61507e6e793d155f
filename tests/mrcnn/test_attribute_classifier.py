import json
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import smiling_faces

from common.errors import UserError
from mrcnn import attribute_classifier, checkpoint
from mrcnn.applications import CAFFE
from mrcnn.attribute_classifier import AttributeClassifier, build, settings_for


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> AttributeClassifier:
    """A classifier of three classes whose trunk is small."""
    monkeypatch.setattr(attribute_classifier, "build_application", smiling_faces.small_trunk)
    keras.utils.set_random_seed(3)
    settings = settings_for(["happy", "sad", "angry"], "ResNet50", 40, 0.25)
    model = build(settings)
    kernel, bias = model.get_layer("logits").get_weights()
    model.get_layer("logits").set_weights([kernel / 100, bias])  # drawn weights are sure of everything otherwise
    return AttributeClassifier(settings, model)


def test_the_file_says_everything_and_gives_the_same_answers(small: AttributeClassifier, tmp_path: Path) -> None:
    crops = np.random.default_rng(1).integers(0, 256, (35, 40, 40, 3), np.uint8)
    before = small.predict(crops)
    attribute_classifier.save(small, tmp_path / "run" / "checkpoints" / "best.h5")
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["best.h5"]
    again = attribute_classifier.load(tmp_path / "run")
    assert again.class_names == ("happy", "sad", "angry")
    assert (again.settings.backbone, again.settings.image_size, again.settings.margin) == ("ResNet50", 40, 0.25)
    assert again.settings.pixels == CAFFE
    after = again.predict(crops)
    assert after.shape == (35, 3) and after.dtype == np.float32
    np.testing.assert_allclose(after.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(after, before, atol=1e-5)
    assert before.std(axis=0).max() > 1e-4  # it does look at the pictures


def test_crops_of_any_size_go_in_and_none_gives_none(small: AttributeClassifier) -> None:
    picture = smiling_faces.draw(5, True, 80)
    wide = np.concatenate([np.zeros((80, 30, 3), np.uint8), picture, np.zeros((80, 30, 3), np.uint8)], axis=1)
    one, other = small.predict([picture, wide])  # its middle is the picture
    np.testing.assert_allclose(one, other, atol=1e-6)
    assert small.predict([]).shape == (0, 3)
    with pytest.raises(ValueError, match=r"expected \(height, width, 3\) uint8"):
        small.predict(picture[None].astype(np.float32))


def test_pixels_are_scaled_as_the_network_was_taught() -> None:
    """ResNet wants blue, green, red less their means; the file's numbers are those of keras.applications."""
    settings = settings_for(["a", "b"], "resnet50", 32, 0.0)
    picture = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype(np.float32)
    theirs = keras.applications.resnet.preprocess_input(picture.copy())
    crops = keras.Input((32, 32, 3))
    ours = keras.Model(crops, attribute_classifier.scaled(crops, settings.pixels, (0.0, 0.0, 0.0)))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours(picture)), theirs, atol=1e-3)


def test_files_of_others_are_named(small: AttributeClassifier, tmp_path: Path) -> None:
    path = tmp_path / "smile.h5"
    attribute_classifier.save(small, path)
    assert attribute_classifier.is_classifier(path)
    with pytest.raises(UserError, match="not the weights of a whole Mask R-CNN"):
        checkpoint.read(path)
    with h5py.File(path, "a") as file:
        text = json.loads(file.attrs[attribute_classifier.ATTRIBUTE])
        file.attrs[attribute_classifier.ATTRIBUTE] = json.dumps({**text, "version": 99})
    with pytest.raises(UserError, match=r"smile\.h5: its settings cannot be read .*another version"):
        attribute_classifier.load(path)
    with h5py.File(path, "a") as file:
        file.attrs[attribute_classifier.ATTRIBUTE] = json.dumps({"version": 1, "class_names": ["a"]})
    with pytest.raises(UserError, match="'pixels' is missing"):
        attribute_classifier.load(path)
    with h5py.File(path, "a") as file:
        del file.attrs[attribute_classifier.ATTRIBUTE]
    with pytest.raises(UserError, match="no classifier of face crops"):
        attribute_classifier.load(path)
    assert not attribute_classifier.is_classifier(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UserError, match="cannot be read as a weight file"):
        attribute_classifier.load(path)
    with pytest.raises(UserError, match="no such file or run folder"):
        attribute_classifier.load(tmp_path / "nothing.h5")


def test_wrong_names_and_sizes_are_named() -> None:
    with pytest.raises(UserError, match="no backbone 'ResNet51'"):
        settings_for(["a", "b"], "ResNet51", 64, 0.0)
    with pytest.raises(UserError, match="32 pixels are too few for InceptionV3"):
        build(settings_for(["a", "b"], "InceptionV3", 32, 0.0))


@pytest.mark.slow
def test_resnet50_is_built_and_stepped_once(tmp_path: Path) -> None:
    settings = settings_for(["no_smile", "smile"], "ResNet50", 32, 0.2)
    classifier = AttributeClassifier(settings, build(settings, dropout=0.0))
    crops, class_ids = smiling_faces.faces(4, size=32)
    optimizer, loss = keras.optimizers.SGD(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Run eagerly: compiling fifty layers for one step takes longer than the step.
    classifier.model.compile(optimizer, loss, run_eagerly=keras.backend.backend() != "jax")
    before = [np.array(weight) for weight in classifier.model.get_layer("trunk").get_weights()]
    assert np.isfinite(classifier.model.train_on_batch([crops.astype(np.float32)], class_ids))
    after = classifier.model.get_layer("trunk").get_weights()
    moved = sum(not np.array_equal(one, other) for one, other in zip(before, after, strict=True))
    assert moved > 300  # of its 318 arrays; a bias in front of batch normalisation teaches nothing
    assert classifier.predict(crops).shape == (4, 2)
