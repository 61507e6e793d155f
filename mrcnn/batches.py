"""Examples in batches: every picture once an epoch, in a new order each time.

Legend: B batch, A anchors, R anchors to learn from, D drawn boxes, G objects of a picture with padding.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from mrcnn import preprocess, random_rois, rpn_targets
from mrcnn.examples import Example

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Truth:
    """Numbers for what the network is to answer.

    Attributes:
        anchors: (A, 4) pixels of the molded picture.
        anchors_to_learn: R.
        std_dev: standard deviations of the anchors' deltas.
        max_objects: G; of more, a random part is taken.
        mean_pixel: subtracted from pictures.
    """

    anchors: np.ndarray
    anchors_to_learn: int
    std_dev: tuple[float, ...]
    max_objects: int
    mean_pixel: tuple[float, ...]


def inputs_of(example: Example, truth: Truth, dice: Any, drawn_boxes: int = 0) -> dict[str, np.ndarray] | None:
    """Turn an example into the inputs of the training network, without the batch's axis; None without any object.

    Args:
        example: from `examples.load`.
        truth: numbers.
        dice: `numpy.random` or a generator.
        drawn_boxes: D; so many boxes drawn by chance are added, which stand for the proposals; 0: none.

    Source: original `model.data_generator`.
    """
    if not np.any(example.class_ids > 0):
        return None
    match, deltas = rpn_targets.build(
        truth.anchors, example.class_ids, example.boxes, truth.anchors_to_learn, truth.std_dev, dice
    )
    count = len(example.class_ids)
    kept = np.arange(count) if count <= truth.max_objects else dice.choice(count, truth.max_objects, replace=False)
    room = truth.max_objects - len(kept)
    inputs = {
        "input_image": preprocess.subtract_mean(example.image, truth.mean_pixel),
        "input_image_meta": example.meta.astype(np.float32),
        "input_rpn_match": match[:, None],
        "input_rpn_bbox": deltas.astype(np.float32),
        "input_gt_class_ids": np.pad(example.class_ids[kept].astype(np.int32), (0, room)),
        "input_gt_boxes": np.pad(example.boxes[kept].astype(np.float32), [(0, room), (0, 0)]),
        "input_gt_masks": np.pad(example.masks[..., kept], [(0, 0), (0, 0), (0, room)]),
    }
    if drawn_boxes:
        drawn = random_rois.draw(example.image.shape[:2], drawn_boxes, example.boxes[kept], dice)
        inputs["input_roi"] = drawn.astype(np.float32)
    return inputs


class TrainingBatches(keras.utils.PyDataset):
    """Batches of the training network's inputs.

    Pictures without objects are replaced by the next one that has some, as the original does.

    Args:
        load: number of a picture to its example.
        image_ids: the pictures' numbers.
        truth: see `Truth`.
        batch_size: B.
        shuffle: whether every epoch has another order.
        seed: of order and sampling; None: another one every time.
        drawn_boxes: see `inputs_of`.
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
    ) -> None:
        super().__init__()
        self.load, self.truth, self.batch_size, self.shuffle = load, truth, batch_size, shuffle
        self.drawn_boxes = drawn_boxes
        self.dice = np.random.default_rng(seed)
        self.order = np.array(image_ids)
        self.on_epoch_end()

    def __len__(self) -> int:
        """Batches of an epoch; the last one is filled up from the start."""
        return -(-len(self.order) // self.batch_size)

    def on_epoch_end(self) -> None:
        """Shuffle."""
        if self.shuffle:
            self.dice.shuffle(self.order)

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return a batch of inputs and zeros in place of labels, which are among the inputs.

        Raises:
            ValueError: no picture holds an object.
        """
        rows: list[dict[str, np.ndarray]] = []
        place = index * self.batch_size
        for _ in range(len(self.order) + self.batch_size):
            if len(rows) == self.batch_size:
                break
            image_id = int(self.order[place % len(self.order)])
            row = inputs_of(self.load(image_id), self.truth, self.dice, self.drawn_boxes)
            if row is None:
                logger.debug("image %d holds no object and is left out", image_id)
            else:
                rows.append(row)
            place += 1
        if len(rows) < self.batch_size:
            raise ValueError("no picture of the data set holds an object to learn from")
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}, np.zeros(self.batch_size)
