"""Face crops in batches: every picture once an epoch, in a new order each time.

Legend: N crops of the set, B batch, S side of a crop.
"""

from __future__ import annotations

import keras
import numpy as np


class CropBatches(keras.utils.PyDataset):
    """Batches of crops, classes and weights; the last one is filled up from the start of the order.

    Args:
        pixels: (M, S, S, 3) uint8 RGB.
        class_ids: (M,) int32.
        places: (N,) which of them are served.
        batch_size: B.
        seed: of the order.
        epoch: of the first order, so that a later stage does not repeat that of an earlier one.
    """

    def __init__(
        self,
        pixels: np.ndarray,
        class_ids: np.ndarray,
        places: np.ndarray,
        batch_size: int,
        seed: int,
        epoch: int = 0,
    ) -> None:
        super().__init__()
        self.pixels, self.class_ids, self.places, self.batch_size = pixels, class_ids, places, batch_size
        self.seed, self.epoch = seed, epoch
        counts = np.bincount(class_ids[places])
        # A class of few pictures counts as much as one of many.
        self.weights = (len(places) / (len(counts) * np.maximum(counts, 1))).astype(np.float32)
        self._shuffle()

    def __len__(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.places) // self.batch_size)

    def on_epoch_end(self) -> None:
        """Choose the next order."""
        self.epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        self.order = np.random.default_rng([self.seed, self.epoch]).permutation(self.places)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (B, S, S, 3) float32 pixels, (B,) int32 classes and (B,) float32 weights."""
        taken = np.take(self.order, np.arange(index * self.batch_size, (index + 1) * self.batch_size), mode="wrap")
        class_ids = self.class_ids[taken]
        return self.pixels[taken].astype(np.float32), class_ids, self.weights[class_ids]
