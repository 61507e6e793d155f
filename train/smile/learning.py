"""Teach a classifier: first its head on a frozen trunk, then all of it.

Legend: N crops, S side of a crop.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from common.errors import UserError
from mrcnn import attribute_classifier
from mrcnn.attribute_classifier import LOGITS, TRUNK, AttributeClassifier
from mrcnn.backbone_weights import IMAGENET, trained_network
from train.smile.batches import CropBatches
from train.smile.measures import Measures

HEAD, ALL = "head", "all"
NEW_RATE, FINE_RATE = 1e-3, 1e-4  # of what starts from nothing; of a trunk that has learnt
MOMENTUM = 0.9  # of the batch statistics of a trunk that starts from nothing: 0.999 takes thousands of steps to settle


@dataclass(frozen=True)
class Lesson:
    """How to teach.

    Attributes:
        epochs: of all stages together.
        head_epochs: how many of them the trunk is frozen; all with `layers` "head", none from nothing.
        batch_size: crops of a step.
        learning_rate: of the head, and of a trunk from nothing; one that has learnt gets a tenth of it.
        augment: "none", "light" or "standard".
        seed: of order, augmentation and dropout.
        from_nothing: whether the trunk has drawn weights.
    """

    epochs: int
    head_epochs: int
    batch_size: int = 32
    learning_rate: float = NEW_RATE
    augment: str = "standard"
    seed: int = 0
    from_nothing: bool = False


@dataclass(frozen=True)
class Epoch:
    """What came of an epoch.

    Attributes:
        number: counted from one.
        stage: "head" or "all".
        loss: mean over the epoch's steps, with augmentation and dropout.
        accuracy: the same.
        val: on the pictures that do not teach.
        learning_rate: at its end.
        images_per_second: in its steps.
        seconds: validation included.
        best: whether it is the best so far.
    """

    number: int
    stage: str
    loss: float
    accuracy: float
    val: Measures
    learning_rate: float
    images_per_second: float
    seconds: float
    best: bool


def take_weights(classifier: AttributeClassifier, source: str | Path) -> bool:
    """Give the trunk weights that have learnt something.

    Args:
        classifier: new.
        source: "imagenet"; a classifier's file or run folder, whose head is taken too where it has the same classes;
            a file of the network without its classifier ("notop").

    Returns:
        Whether the head was taken.

    Raises:
        UserError: there is no such file, it cannot be fetched, or it is another network's.
    """
    path = Path(source)
    if str(source) == IMAGENET or not (path.is_dir() or attribute_classifier.is_classifier(path)):
        donor = trained_network(classifier.settings.backbone, source, "--weights")
        classifier.model.get_layer(TRUNK).set_weights(donor.get_weights())
        return False
    taught = attribute_classifier.load(path)
    if taught.settings.backbone != classifier.settings.backbone:
        raise UserError(
            f"--weights {source}: a classifier on {taught.settings.backbone}, not on {classifier.settings.backbone}; "
            "choose its --backbone"
        )
    same = taught.class_names == classifier.class_names
    for name in (TRUNK, LOGITS) if same else (TRUNK,):
        classifier.model.get_layer(name).set_weights(taught.model.get_layer(name).get_weights())
    return same


def teach(
    classifier: AttributeClassifier,
    crops: tuple[np.ndarray, np.ndarray],
    places: tuple[np.ndarray, np.ndarray],
    lesson: Lesson,
    on_epoch: Callable[[Epoch], None],
) -> None:
    """Train a classifier where it is.

    Args:
        classifier: its trunk has learnt, or `lesson.from_nothing`.
        crops: (N, S, S, 3) uint8 RGB and their classes (N,) int32.
        places: which of them teach, and which test.
        lesson: how.
        on_epoch: called after every epoch, with the classifier as it is then.

    Raises:
        UserError: the loss is no number.
    """
    keras.utils.set_random_seed(lesson.seed)
    watch = _Watch(classifier, crops, places, on_epoch)
    for stage, first, last in _stages(lesson):
        steps = -(-len(places[0]) // lesson.batch_size) * (last - first)
        rate = lesson.learning_rate * (FINE_RATE / NEW_RATE if stage == ALL and not lesson.from_nothing else 1.0)
        _thaw(classifier.model, stage, lesson.from_nothing)
        model = _augmented(classifier, lesson)
        model.compile(
            keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps, alpha=0.05), clipnorm=1.0),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            weighted_metrics=[],
            metrics=["accuracy"],
        )
        watch.stage = stage
        model.fit(
            CropBatches(*crops, places[0], lesson.batch_size, lesson.seed, first),
            initial_epoch=first,
            epochs=last,
            callbacks=[watch],
            verbose=0,
        )


def _stages(lesson: Lesson) -> Iterator[tuple[str, int, int]]:
    """Name of each stage, its first epoch and the one after its last."""
    head = 0 if lesson.from_nothing else min(lesson.head_epochs, lesson.epochs)
    if head:
        yield HEAD, 0, head
    if head < lesson.epochs:
        yield ALL, head, lesson.epochs


def _thaw(model: keras.Model, stage: str, from_nothing: bool) -> None:
    """Choose what learns. The batch statistics of a trunk that has learnt stay: small sets would spoil them."""
    trunk = model.get_layer(TRUNK)
    trunk.trainable = stage == ALL
    # Batch normalisation, also inside of nested layers.
    for layer in trunk._flatten_layers(include_self=False, recursive=True):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = stage == ALL and from_nothing
            layer.momentum = min(layer.momentum, MOMENTUM) if from_nothing else layer.momentum


def _augmented(classifier: AttributeClassifier, lesson: Lesson) -> keras.Model:
    """The network behind layers that change pictures in training only."""
    side = classifier.settings.image_size
    x = crops = keras.Input((side, side, 3), name="augmented_crops")
    for layer in _augmentation(lesson.augment, lesson.seed):
        x = layer(x)
    return keras.Model(crops, classifier.model([x]), name="taught")


def _augmentation(recipe: str, seed: int) -> Sequence[keras.layers.Layer]:
    layers, span = keras.layers, (0, 255)
    light = [
        layers.RandomFlip("horizontal", seed=seed),
        layers.RandomBrightness(0.15, value_range=span, seed=seed + 1),
        layers.RandomContrast(0.2, value_range=span, seed=seed + 2),
    ]
    moves = [
        layers.RandomRotation(0.03, fill_mode="nearest", seed=seed + 3),  # 11 degrees
        layers.RandomTranslation(0.06, 0.06, fill_mode="nearest", seed=seed + 4),
        layers.RandomZoom(0.1, fill_mode="nearest", seed=seed + 5),
    ]
    recipes: dict[str, list[Any]] = {"none": [], "light": light, "standard": [*light, *moves]}
    return recipes[recipe]


RECIPES = ("none", "light", "standard")


class _Watch(keras.callbacks.Callback):
    """Measures after every epoch."""

    def __init__(
        self,
        classifier: AttributeClassifier,
        crops: tuple[np.ndarray, np.ndarray],
        places: tuple[np.ndarray, np.ndarray],
        on_epoch: Callable[[Epoch], None],
    ) -> None:
        super().__init__()
        self.classifier, (self.pixels, self.class_ids), self.on_epoch = classifier, crops, on_epoch
        self.taught, self.tested = places
        self.stage, self.began, self.best = "", 0.0, None

    best: Measures | None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self.began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure on the pictures that do not teach.

        Raises:
            UserError: the loss is no number.
        """
        learnt, logs = time.monotonic(), logs or {}
        if not math.isfinite(logs["loss"]):
            raise UserError(f"epoch {epoch + 1}: the loss is no number; choose a smaller --learning-rate")
        val = Measures.of(self.class_ids[self.tested], probabilities(self.classifier, self.pixels, self.tested))
        better = val.better_than(self.best)
        self.best = val if better else self.best
        self.on_epoch(
            Epoch(
                number=epoch + 1,
                stage=self.stage,
                loss=float(logs["loss"]),
                accuracy=float(logs["accuracy"]),
                val=val,
                learning_rate=float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
                images_per_second=len(self.taught) / max(learnt - self.began, 1e-9),
                seconds=time.monotonic() - self.began,
                best=better,
            )
        )


def probabilities(classifier: AttributeClassifier, pixels: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Ask for some of the crops; (N, C) float32. Few at a time are read from their file."""
    parts = [classifier.predict(pixels[places[first : first + 256]]) for first in range(0, len(places), 256)]
    return np.concatenate(parts)
