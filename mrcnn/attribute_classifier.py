"""A classifier of face crops, e.g. smile or no smile: a network of keras.applications under a new head, and its file.

The file is an .h5 file as those of `weights`, whose root carries an attribute `attribute_classifier` (JSON): class
names in their order, network, size and scaling of its pixels, and how much margin its crops have.

Legend: N crops, S side of a crop, C classes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from common.errors import UserError
from common.face_crop import middle_square
from common.staging import temporary_folder
from mrcnn import weights
from mrcnn.application_trunk import build_application, scaled
from mrcnn.applications import FAMILIES, OWN, Family, Pixels, find
from mrcnn.choice import choose
from mrcnn.compiled import Compiled
from mrcnn.weight_file import opened

ATTRIBUTE = "attribute_classifier"
VERSION = 1
TRUNK, LOGITS = "trunk", "logits"
BATCH = 32


@dataclass(frozen=True)
class ClassifierSettings:
    """What a file says about its network.

    Attributes:
        class_names: in the order of the answers.
        backbone: name in keras.applications.
        image_size: S.
        margin: share of a face's longer side that its crop has around it; see `face_crop.crop_face`.
        pixels: how they are scaled before they enter the network.
    """

    class_names: tuple[str, ...]
    backbone: str
    image_size: int
    margin: float
    pixels: Pixels

    def to_json(self) -> str:
        """Write for `from_json`."""
        return json.dumps({"version": VERSION, **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> ClassifierSettings:
        """Read what `to_json` wrote.

        Raises:
            ValueError: something else.
        """
        given = json.loads(text)
        try:
            if given.pop("version") != VERSION:
                raise ValueError("it is of another version of this program")
            pixels = given.pop("pixels")
            made = cls(**given, pixels=Pixels(tuple(pixels["scale"]), tuple(pixels["offset"]), bool(pixels["turned"])))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{error} is missing or unknown") from error
        return replace(made, class_names=tuple(made.class_names))


def settings_for(class_names: Sequence[str], backbone: str, image_size: int, margin: float) -> ClassifierSettings:
    """Choose the settings of a new classifier.

    Args:
        class_names: two or more, in their order.
        backbone: as keras.applications writes it or as `BACKBONE` does: "ResNet50", "mobilenet_v3_small".
        image_size: S.
        margin: see `ClassifierSettings`.

    Raises:
        UserError: there is no such network.
    """
    name, family = application(backbone)
    return ClassifierSettings(tuple(class_names), name, image_size, margin, family.pixels)


def application(name: str) -> tuple[str, Family]:
    """Look up a network: its name in keras.applications and its family.

    Raises:
        UserError: there is none of that name; the nearest are named.
    """
    plain = name.lower().replace("_", "").replace("-", "")
    return (f"ResNet{plain[6:]}", FAMILIES["resnet"]) if plain in OWN else find(name)


def build(settings: ClassifierSettings, dropout: float = 0.2) -> keras.Model:
    """Build the network, with drawn weights.

    Args:
        settings: see `ClassifierSettings`.
        dropout: share of the trunk's features that are left out in training.

    Returns:
        A model from (N, S, S, 3) pixels 0 to 255 RGB to logits (N, C) float32. Its trunk is its layer `TRUNK`.

    Raises:
        UserError: the pictures are too small for this network.
    """
    name, family = application(settings.backbone)
    trunk = build_application(name, family)
    trunk.name = TRUNK
    crops = keras.Input((settings.image_size, settings.image_size, 3), name="crops")
    try:
        features = trunk(scaled(crops, settings.pixels, (0.0, 0.0, 0.0)))
    except ValueError as error:
        raise UserError(
            f"{settings.image_size} pixels are too few for {name}; choose a larger image size, or another backbone"
        ) from error
    features = keras.layers.GlobalAveragePooling2D(name="mean")(features)
    features = keras.layers.Dropout(dropout, name="dropout")(features)
    logits = keras.layers.Dense(len(settings.class_names), dtype="float32", name=LOGITS)(features)
    return keras.Model([crops], logits, name="attribute_classifier")


class AttributeClassifier:
    """Says of face crops which class they are.

    Args:
        settings: of the file.
        model: from `build`; trained further, it is this classifier still.

    Attributes:
        settings: of the file.
        model: the network.
    """

    def __init__(self, settings: ClassifierSettings, model: keras.Model) -> None:
        self.settings, self.model = settings, model
        self._run = Compiled(model)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names in the order of the answers."""
        return self.settings.class_names

    def predict(self, crops: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        """Look at crops.

        Args:
            crops: (N, H, W, 3) uint8 RGB, or a sequence of (H, W, 3) whose sizes may differ. What is not S x S is
                scaled, what is not square is cut to its middle.

        Returns:
            (N, C) float32 probabilities; each row sums to 1.

        Raises:
            ValueError: something is no (H, W, 3) uint8.
        """
        found = [np.zeros((0, len(self.class_names)), np.float32)]
        for first in range(0, len(crops), BATCH):
            batch = [self._prepared(crop) for crop in crops[first : first + BATCH]]
            filled = np.stack(batch + batch[:1] * (BATCH - len(batch)))  # one shape, one compilation
            logits = keras.ops.convert_to_numpy(self._run([filled.astype(np.float32)]))[: len(batch)]
            found.append(_softmax(logits))
        return np.concatenate(found)

    def _prepared(self, crop: np.ndarray) -> np.ndarray:
        if crop.dtype != np.uint8 or crop.ndim != 3 or crop.shape[2] != 3 or 0 in crop.shape:
            raise ValueError(f"a crop is {crop.shape} {crop.dtype}; expected (height, width, 3) uint8 RGB")
        return middle_square(crop, self.settings.image_size)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def save(classifier: AttributeClassifier, path: str | Path) -> None:
    """Write a classifier. A file that carries the name is whole: what is under way has another one.

    Args:
        classifier: any.
        path: the .h5 file; an existing one is replaced, its folder is made.

    Raises:
        UserError: it cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(path.parent) as folder:
        unfinished = folder / path.name
        try:
            weights.save(classifier.model, unfinished)
            with h5py.File(unfinished, "a") as file:
                file.attrs[ATTRIBUTE] = classifier.settings.to_json()
            with unfinished.open("rb") as written:
                os.fsync(written.fileno())
            unfinished.replace(path)
        except OSError as error:
            raise UserError(f"{path}: cannot be written ({error}); free some space or choose another place") from error


def is_classifier(path: str | Path) -> bool:
    """Tell whether a file is one of `save`; False for every other file, damaged ones too."""
    try:
        with h5py.File(path, "r") as file:
            return ATTRIBUTE in file.attrs
    except OSError:
        return False


def read_settings(path: str | Path) -> ClassifierSettings:
    """Read what a file says about its network, without its weights.

    Args:
        path: an .h5 file, or a run folder, see `choice.choose`.

    Raises:
        UserError: there is none, or it is something else.
    """
    path = choose(path).checkpoint
    if path.suffix == ".onnx":
        raise UserError(f"{path}: an exported model; give the .h5 file that `python -m train smile` wrote")
    with opened(path) as file:
        stored: Any = file.attrs.get(ATTRIBUTE)
    if stored is None:
        raise UserError(
            f"{path}: no classifier of face crops (a Mask R-CNN, or weights alone?); give the .h5 file or the run "
            "folder that `python -m train smile` wrote"
        )
    try:
        return ClassifierSettings.from_json(stored.decode() if isinstance(stored, bytes) else str(stored))
    except ValueError as error:
        raise UserError(f"{path}: its settings cannot be read ({error}); train it again") from error


def load(path: str | Path) -> AttributeClassifier:
    """Open a classifier.

    Args:
        path: an .h5 file, or a run folder: the checkpoint that it chose, else the best, else the last.

    Raises:
        UserError: as `read_settings`; or the file is damaged.
    """
    settings = read_settings(path)
    model = build(settings)
    weights.load(model, choose(path).checkpoint)
    return AttributeClassifier(settings, model)
