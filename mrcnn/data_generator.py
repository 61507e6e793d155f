"""Training batches under the original's names, for code that looks at them itself.

Legend: B batch, A anchors, G objects with padding, R drawn boxes, T sampled ones, C classes with background, M side of
a mask.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from mrcnn import random_rois as drawn_rois
from mrcnn.batches import TrainingBatches
from mrcnn.config import Config
from mrcnn.dataset import Dataset
from mrcnn.training import loader_of, truth_of


def head_targets_of(config: Config) -> drawn_rois.HeadTargets:
    """Numbers for what the heads are to answer to drawn boxes."""
    return drawn_rois.HeadTargets(
        count=config.TRAIN_ROIS_PER_IMAGE,
        positive_ratio=config.ROI_POSITIVE_RATIO,
        num_classes=config.NUM_CLASSES,
        mask_shape=(int(config.MASK_SHAPE[0]), int(config.MASK_SHAPE[1])),
        std_dev=tuple(float(value) for value in config.BBOX_STD_DEV),
        size=(int(config.IMAGE_SHAPE[0]), int(config.IMAGE_SHAPE[1])),
        mini_masks=config.USE_MINI_MASK,
        border=config.RESIZE_BORDER,
    )


class DataGenerator(keras.utils.PyDataset):
    """Batches by number: every picture once an epoch, another order in the next.

    Batch `index` is (inputs, outputs): inputs are pictures, meta, rpn_match (B, A, 1), rpn_bbox, class ids (B, G),
    boxes (B, G, 4) and masks, and drawn boxes (B, R, 4) if asked for; outputs are empty, or with `detection_targets`
    class ids (B, T, 1), deltas (B, T, C, 4) and masks (B, T, M, M, C), the boxes they belong to being the last input.

    Args:
        dataset: prepared.
        config: settings; BATCH_SIZE says how many pictures a batch has.
        shuffle: whether every epoch has another order.
        augmentation: an imgaug augmenter.
        random_rois: R; 0: none.
        detection_targets: whether the heads' targets are made.
        batch_size: instead of the settings'.
        augment: whether pictures are mirrored half of the time.
        no_augmentation_sources: sources whose pictures are not augmented.

    Source: the name is that of the original's ports, whose generator served some pictures twice and others never.
    """

    def __init__(  # noqa: PLR0913  (the original's signature)
        self,
        dataset: Dataset,
        config: Config,
        shuffle: bool = True,
        augmentation: Any = None,
        random_rois: int = 0,
        detection_targets: bool = False,
        batch_size: int | None = None,
        augment: bool = False,
        no_augmentation_sources: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.config, self.random_rois, self.detection_targets = config, random_rois, detection_targets
        load = loader_of(dataset, config, augmentation, no_augmentation_sources or (), augment)
        size = batch_size or config.BATCH_SIZE
        ids = np.asarray(dataset.image_ids)
        self.batches = TrainingBatches(load, ids, truth_of(config), size, shuffle, config.SEED, random_rois)

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        inputs = list(self.batches[index][0].values())
        if not (self.random_rois and self.detection_targets):
            return inputs, []
        class_ids, boxes, masks, drawn = inputs[4:]
        rows = zip(drawn, class_ids, boxes, masks, strict=True)
        made = [self._targets(rois, (ids, of_one, drawings)) for rois, ids, of_one, drawings in rows]
        rois, target_ids, deltas, target_masks = (np.stack(part) for part in zip(*made, strict=True))
        return [*inputs, rois], [target_ids[..., None], deltas, target_masks]

    def _targets(self, rois: np.ndarray, truth: tuple[np.ndarray, np.ndarray, np.ndarray]) -> tuple[np.ndarray, ...]:
        numbers = head_targets_of(self.config)
        return drawn_rois.build_targets(rois, truth, numbers, np.random)

    def on_epoch_end(self) -> None:
        """Shuffle."""
        self.batches.set_epoch(self.batches.epoch + 1)


def data_generator(  # noqa: PLR0913  (the original's signature)
    dataset: Dataset,
    config: Config,
    shuffle: bool = True,
    augment: bool = False,
    augmentation: Any = None,
    random_rois: int = 0,
    batch_size: int = 1,
    detection_targets: bool = False,
    no_augmentation_sources: Sequence[str] | None = None,
) -> Iterator[tuple[list[np.ndarray], list[np.ndarray]]]:
    """Yield a `DataGenerator`'s batches, epoch after epoch, for ever."""
    generator = DataGenerator(
        dataset,
        config,
        shuffle,
        augmentation,
        random_rois,
        detection_targets,
        batch_size,
        augment,
        no_augmentation_sources,
    )
    while True:
        for index in range(len(generator)):
            yield generator[index]
        generator.on_epoch_end()
