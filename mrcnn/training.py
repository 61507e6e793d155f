"""Training as the original's code starts it: which layers, how long, where the checkpoints go."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mrcnn import anchors, checkpoint, examples, from_config, run_folders, weights
from mrcnn.batches import TrainingBatches, Truth
from mrcnn.config import Config
from mrcnn.dataset import Dataset

logger = logging.getLogger(__name__)

HEADS = r"(mrcnn\_.*)|(rpn\_.*)|(fpn\_.*)"
STAGES = {
    "heads": HEADS,
    "3+": r"(res3.*)|(bn3.*)|(res4.*)|(bn4.*)|(res5.*)|(bn5.*)|(stage[345]_.*)|" + HEADS,
    "4+": r"(res4.*)|(bn4.*)|(res5.*)|(bn5.*)|(stage[45]_.*)|" + HEADS,
    "5+": r"(res5.*)|(bn5.*)|(stage5_.*)|" + HEADS,
    "all": ".*",
}


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

    def load(image_id: int) -> examples.Example:
        extra = None if dataset.image_info[image_id]["source"] in plain_sources else augmentation
        return examples.load(dataset, image_id, resizing, config.IMAGE_CHANNEL_COUNT, flip, extra)

    return load


class OriginalCheckpoint(keras.callbacks.Callback):
    """Writes a checkpoint after every epoch: the original's layout, with settings and class names where a file can.

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
        optimizer = keras.optimizers.SGD(
            learning_rate=learning_rate, momentum=momentum, global_clipnorm=self.config.GRADIENT_CLIP_NORM
        )
        # TensorFlow's crop operator is not XLA's.
        jit = False if keras.backend.backend() == "tensorflow" else "auto"
        self.keras_model.compile(optimizer=optimizer, jit_compile=jit)

    def set_trainable(
        self, layer_regex: str, keras_model: keras.Model | None = None, indent: int = 0, verbose: int = 1
    ) -> None:
        """Train the layers whose whole names match, and no others; layers of nested models count by their own names."""
        model = keras_model or self.keras_model
        model.trainable = True
        for layer in model.layers:
            if isinstance(layer, keras.Model):
                self.set_trainable(layer_regex, layer, indent + 4, verbose)
            elif layer.weights:
                layer.trainable = bool(re.fullmatch(layer_regex, layer.name))
                if layer.trainable and verbose:
                    logger.info("%s%-20s (%s)", " " * indent, layer.name, type(layer).__name__)

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
        self.set_trainable(STAGES.get(layers, layers))
        self.compile(learning_rate, self.config.LEARNING_MOMENTUM)
        plain = no_augmentation_sources or ()
        batches = self.batches(train_dataset, augmentation, plain, True)
        if not self.epoch:
            self.log_dir, self.checkpoint_path = run_folders.claimed(self.log_dir, self.checkpoint_path)
        validation = None
        if val_dataset is not None and self.config.VALIDATION_STEPS:
            validation = _Repeated(self.batches(val_dataset, None, plain, False), self.config.VALIDATION_STEPS, True)
        history = self.keras_model.fit(
            _Repeated(batches, self.config.STEPS_PER_EPOCH),
            initial_epoch=self.epoch,
            epochs=epochs,
            steps_per_epoch=self.config.STEPS_PER_EPOCH,
            validation_data=validation,
            validation_steps=self.config.VALIDATION_STEPS if validation is not None else None,
            callbacks=[
                OriginalCheckpoint(self.checkpoint_path, self.config, train_dataset.class_names),
                *(custom_callbacks or ()),
            ],
        )
        self.epoch = max(self.epoch, epochs)
        return history


class _Repeated(keras.utils.PyDataset):
    """Batches round and round, in epochs of as many steps as are asked for.

    Args:
        batches: of the whole set.
        steps: batches of an epoch.
        from_start: whether every epoch starts at the first batch, instead of where the last one ended.
    """

    def __init__(self, batches: TrainingBatches, steps: int, from_start: bool = False) -> None:
        super().__init__()
        self.batches, self.steps, self.from_start, self.served = batches, steps, from_start, 0

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> Any:
        if self.from_start:
            return self.batches[index % len(self.batches)]
        place = self.served % len(self.batches)
        if self.served and place == 0:
            self.batches.on_epoch_end()
        self.served += 1
        return self.batches[place]
