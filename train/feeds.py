"""The batches of a training: made ahead by processes, the same ones whenever an epoch is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mrcnn.batches import TrainingBatches
from mrcnn.config import Config
from mrcnn.feeding import Feed, Workers
from mrcnn.fitting import Rounds
from mrcnn.folder_examples import FolderLoader
from mrcnn.training import resizing_of, truth_of
from train.pictures import Pictures


def batches_of(
    pictures: Pictures, config: Config, augmentation: Any = None, shuffle: bool = True, negatives: bool = False
) -> TrainingBatches:
    """Make the batches of pictures.

    Args:
        pictures: what to learn.
        config: settings of the model.
        augmentation: see `FolderLoader`.
        shuffle: whether every epoch has another order.
        negatives: whether pictures that show nothing are learnt from; otherwise they have no place in an epoch.
    """
    loader = FolderLoader(
        pictures.dataset, resizing_of(config, config.USE_MINI_MASK), config.IMAGE_CHANNEL_COUNT, augmentation
    )
    drawn = 0 if config.USE_RPN_ROIS else config.POST_NMS_ROIS_TRAINING
    ids = pictures.ids if negatives else pictures.showing
    return TrainingBatches(
        loader, np.asarray(ids), truth_of(config), config.BATCH_SIZE, shuffle, config.SEED, drawn, negatives
    )


class LearningFeed:
    """Batches of a training, by number and as a stream.

    Args:
        batches: of the pictures.
        workers: who makes them ahead.
        steps: batches of an epoch; None: every picture once.

    Attributes:
        rounds: the same batches by epoch and step, made where they are asked for.
        feed: makes them ahead; a context manager.
    """

    def __init__(self, batches: TrainingBatches, workers: Workers, steps: int | None) -> None:
        self.rounds = Rounds(batches, steps or len(batches))
        self.feed = Feed(batches, workers)

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self.rounds)

    def stream(self, epoch: int) -> Iterator[Any]:
        """Give batch after batch from the beginning of an epoch, counted from 0."""
        return self.feed.stream(*divmod(epoch * len(self.rounds), len(self.feed)))
