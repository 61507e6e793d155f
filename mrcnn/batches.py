"""Examples in batches: every picture once an epoch, in a new order each time.

Legend: B batch, A anchors, R anchors to learn from, D drawn boxes, G objects of a picture with padding.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from mrcnn.examples import Example
from mrcnn.rows import Row, Rows, Truth, row_of, stack

__all__ = ["TrainingBatches", "Truth", "inputs_of"]


def inputs_of(example: Example, truth: Truth, dice: Any, drawn_boxes: int = 0) -> dict[str, np.ndarray] | None:
    """Turn an example into the inputs of the training network, without the batch's axis; None without any object.

    Args:
        example: from `examples.load`.
        truth: numbers.
        dice: `numpy.random` or a generator.
        drawn_boxes: D; so many boxes drawn by chance are added, which stand for the proposals; 0: none.

    Source: original `model.data_generator`.
    """
    row = row_of(example, truth, dice, drawn_boxes)
    return None if row is None else {name: value[0] for name, value in stack([row], truth).items()}


class TrainingBatches(keras.utils.PyDataset):
    """Batches of the training network's inputs, made where they are asked for; `feeding.Feed` makes them ahead.

    A batch follows from seed, epoch and index alone. Pictures without objects are replaced by the next one that has
    some, as the original does, or with `negatives` taught as background.

    Args:
        load: number of a picture to its example; see `Rows`.
        image_ids: the pictures' numbers.
        truth: see `Truth`.
        batch_size: B.
        shuffle: whether every epoch has another order.
        seed: of order, augmentation and sampling; None: another one every time.
        drawn_boxes: see `inputs_of`.
        negatives: whether pictures without objects are learnt from.

    Attributes:
        rows: what the batches are made of.
        epoch: whose batches are served.
    """

    def __init__(
        self,
        load: Callable[[int], Example],
        image_ids: np.ndarray,
        truth: Truth,
        batch_size: int,
        shuffle: bool = True,
        seed: int | None = None,
        drawn_boxes: int = 0,
        negatives: bool = False,
    ) -> None:
        super().__init__()
        seed = secrets.randbits(31) if seed is None else seed
        self.rows = Rows(load, np.array(image_ids), truth, seed, shuffle, drawn_boxes, negatives)
        self.batch_size, self.epoch = batch_size, 0

    def __len__(self) -> int:
        """Batches of an epoch; the last one is filled up from the start."""
        return -(-len(self.rows.image_ids) // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Serve the batches of an epoch, counted from 0."""
        self.epoch = epoch

    def on_epoch_end(self) -> None:
        """Go on to the next epoch."""
        self.epoch += 1

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return a batch of inputs and zeros in place of labels, which are among the inputs.

        Raises:
            ValueError: no picture holds an object.
        """
        rows: list[Row] = []
        for position in self.rows.positions(index, self.batch_size):
            row = self.rows.row(self.epoch, position)
            if row is not None:
                rows.append(row)
            if len(rows) == self.batch_size:
                break
        return stack(rows, self.rows.truth), np.zeros(self.batch_size)
