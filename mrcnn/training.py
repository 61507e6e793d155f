"""Training as the original's code starts it: which layers, how long, where the checkpoints go."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mrcnn import (
    anchors,
    checkpoint,
    examples,
    fitting,
    from_config,
    layer_choice,
    run_folders,
    training_state,
    weights,
)
from mrcnn.batches import TrainingBatches, Truth
from mrcnn.config import Config
from mrcnn.dataset import Dataset
from mrcnn.fitting import Rounds
from mrcnn.optimization import Optimization

logger = logging.getLogger(__name__)

STATE = "state.npz"


def truth_of(config: Config) -> Truth:
    """Numbers for the training's inputs."""
    grid = from_config.anchor_grid(config, (int(config.IMAGE_SHAPE[0]), int(config.IMAGE_SHAPE[1])))
    shapes = anchors.feature_shapes(grid.size, grid.strides)
    laid = anchors.pyramid_anchors(grid.scales, grid.ratios, shapes, grid.strides, grid.anchor_stride)
    return Truth(
        anchors=laid,
        anchors_to_learn=config.RPN_TRAIN_ANCHORS_PER_IMAGE,
        std_dev=tuple(float(value) for value in config.RPN_BBOX_STD_DEV),
        max_objects=config.MAX_GT_INSTANCES,
        mean_pixel=tuple(float(value) for value in config.MEAN_PIXEL),
    )


def resizing_of(config: Config, mini_masks: bool) -> examples.Resizing:
    """Numbers for molding examples."""
    return examples.Resizing(
        min_dim=config.IMAGE_MIN_DIM,
        max_dim=config.IMAGE_MAX_DIM,
        min_scale=config.IMAGE_MIN_SCALE,
        mode=config.IMAGE_RESIZE_MODE,
        border=config.RESIZE_BORDER,
        mini_masks=(int(config.MINI_MASK_SHAPE[0]), int(config.MINI_MASK_SHAPE[1])) if mini_masks else None,
    )


def loader_of(
    dataset: Dataset, config: Config, augmentation: Any = None, plain_sources: Sequence[str] = (), flip: bool = False
) -> Callable[[int], examples.Example]:
    """Make the function that loads a picture's example; pictures of `plain_sources` are not augmented."""
    resizing = resizing_of(config, config.USE_MINI_MASK)
    return examples.Loader(dataset, resizing, config.IMAGE_CHANNEL_COUNT, flip, augmentation, tuple(plain_sources))


class OriginalCheckpoint(keras.callbacks.Callback):
    """Writes a checkpoint after every epoch: the original's layout, with settings and class names where a file can.

    Beside it lies the state of the last epoch's optimizer, so that training goes on where it ended.

    Args:
        template: path with "{epoch:04d}" in it.
        config: settings of the model.
        class_names: of the data set, background first.
    """

    def __init__(self, template: str, config: Config, class_names: Sequence[str]) -> None:
        super().__init__()
        self.template, self.config, self.class_names = template, config, list(class_names)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write "..._{epoch:04d}.h5", counted from one."""
        path = Path(self.template.format(epoch=epoch + 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        # A backbone that is a function fits into no file, and some train a model of more classes than their set has.
        named = len(set(self.class_names)) == len(self.class_names) == self.config.NUM_CLASSES
        if named and not callable(self.config.BACKBONE):
            checkpoint.save(self.model, path, self.config, self.class_names)
        else:
            weights.save(self.model, path)
        if self.model.compiled:
            state = training_state.state_of(self.model, epoch + 1, path.name)
            training_state.write(path.parent / STATE, state)


class Training:
    """The part of `MaskRCNN` that learns."""

    keras_model: keras.Model
    config: Config
    mode: str
    epoch: int
    log_dir: Path
    checkpoint_path: str

    def compile(self, learning_rate: float, momentum: float) -> None:
        """Choose SGD with the gradient's global norm clipped; compiling again changes nothing else.

        Source: original `MaskRCNN.compile`, where a second call adds the losses again.
        """
        fitting.compile_with(self.keras_model, self._numbers(learning_rate, momentum))

    def _numbers(self, learning_rate: float, momentum: float) -> Optimization:
        clip_norm = self.config.GRADIENT_CLIP_NORM
        return Optimization(learning_rate=learning_rate, momentum=momentum, clip_norm=clip_norm)

    def set_trainable(
        self, layer_regex: str, keras_model: keras.Model | None = None, indent: int = 0, verbose: int = 1
    ) -> None:
        """Train the layers whose whole names match, and no others; layers of nested models count by their own names."""
        layer_choice.set_trainable(keras_model or self.keras_model, layer_regex, verbose, indent)

    def find_trainable_layer(self, layer: Any) -> Any:
        """Return the layer itself, or what a wrapper holds."""
        while hasattr(layer, "layer"):
            layer = layer.layer
        return layer

    def get_trainable_layers(self) -> list[Any]:
        """Return the layers that have weights."""
        return [self.find_trainable_layer(layer) for layer in self.keras_model.layers if layer.weights]

    def batches(self, dataset: Dataset, augmentation: Any, plain_sources: Sequence[str], shuffle: bool) -> Any:
        """Make the batches of a data set; pictures of `plain_sources` are not augmented."""
        config = self.config
        load = loader_of(dataset, config, augmentation, plain_sources)
        drawn = 0 if config.USE_RPN_ROIS else config.POST_NMS_ROIS_TRAINING
        ids = np.asarray(dataset.image_ids)
        return TrainingBatches(load, ids, truth_of(config), config.BATCH_SIZE, shuffle, config.SEED, drawn)

    def train(
        self,
        train_dataset: Dataset,
        val_dataset: Dataset | None,
        learning_rate: float,
        epochs: int,
        layers: str,
        augmentation: Any = None,
        custom_callbacks: Sequence[Any] | None = None,
        no_augmentation_sources: Sequence[str] | None = None,
    ) -> Any:
        """Train up to an epoch.

        Args:
            train_dataset: prepared.
            val_dataset: prepared, or None for no validation; every epoch looks at its first VALIDATION_STEPS batches.
            learning_rate: of SGD.
            epochs: epochs in all, those done before included: 40, then 120 trains 80 more.
            layers: "heads", "3+", "4+", "5+", "all", or a regular expression for whole names.
            augmentation: an imgaug augmenter.
            custom_callbacks: further Keras callbacks.
            no_augmentation_sources: sources whose pictures are not augmented.

        Returns:
            Keras' history, or None when `epochs` are done already.
        """
        if self.mode != "training":
            raise ValueError("train needs a model in mode 'training'")
        if epochs <= self.epoch:
            logger.warning(
                "nothing to train: %d of %d epochs are done; epochs is a total: ask for more, or start from 0 with "
                "set_log_dir()",
                self.epoch,
                epochs,
            )
            return None
        fitting.prepare(self.keras_model, layers, self._numbers(learning_rate, self.config.LEARNING_MOMENTUM))
        plain = no_augmentation_sources or ()
        batches = self.batches(train_dataset, augmentation, plain, True)
        if not self.epoch:
            self.log_dir, self.checkpoint_path = run_folders.claimed(self.log_dir, self.checkpoint_path)
        self._take_up()
        validation = None
        if val_dataset is not None and self.config.VALIDATION_STEPS:
            validation = Rounds(self.batches(val_dataset, None, plain, False), self.config.VALIDATION_STEPS, True)
        history = fitting.fit(
            self.keras_model,
            Rounds(batches, self.config.STEPS_PER_EPOCH),
            epochs,
            self.epoch,
            validation,
            [
                OriginalCheckpoint(self.checkpoint_path, self.config, train_dataset.class_names),
                *(custom_callbacks or ()),
            ],
        )
        self.epoch = max(self.epoch, epochs)
        return history

    def _take_up(self) -> None:
        """Go on with the optimizer of the epoch before, where it trained the same layers."""
        state = training_state.read(Path(self.log_dir) / STATE)
        if state is not None and state.epoch == self.epoch and training_state.fits(state, self.keras_model):
            training_state.restore(state, self.keras_model)
            logger.info("the optimizer goes on from epoch %d", self.epoch)
