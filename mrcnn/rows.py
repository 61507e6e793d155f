"""What the network learns from, picture by picture, every random choice derived from seed, epoch and position.

Any process makes the same row of the same three numbers, so the number of workers changes nothing and a training that
goes on at epoch k needs no state but k. Nothing here imports keras.

Legend: B batch, A anchors, R anchors to learn from, D drawn boxes, G objects of a picture with padding, H, W pixels of
the molded picture, h, w of a stored mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import cv2
import numpy as np

from mrcnn import preprocess, random_rois, rpn_targets
from mrcnn.examples import Example

ORDER = 0  # in place of a position: what the order of an epoch is drawn with


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

    @cached_property
    def anchor_index(self) -> rpn_targets.AnchorIndex:
        """The anchors, laid out for matching."""
        return rpn_targets.AnchorIndex(self.anchors)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the index behind: it is as large as the anchors and quickly made."""
        return {name: value for name, value in self.__dict__.items() if name != "anchor_index"}


@dataclass(frozen=True)
class Row:
    """What one picture adds to a batch, small enough to be sent.

    Attributes:
        image: (H, W, C) as loaded, the mean not subtracted.
        meta: (12 + classes,) float32.
        match: (A,) int8, 1 object, -1 background, 0 neither.
        deltas: (R, 4) float32.
        class_ids: (N,) int32, N at most G.
        boxes: (N, 4) float32 pixels.
        masks: (h, w, N) bool.
        drawn: (D, 4) float32 or None.
    """

    image: np.ndarray
    meta: np.ndarray
    match: np.ndarray
    deltas: np.ndarray
    class_ids: np.ndarray
    boxes: np.ndarray
    masks: np.ndarray
    drawn: np.ndarray | None


def row_of(example: Example, truth: Truth, dice: Any, drawn_boxes: int = 0, negatives: bool = False) -> Row | None:
    """Make an example's row.

    Args:
        example: from `examples.load`.
        truth: numbers.
        dice: `numpy.random` or a generator.
        drawn_boxes: D; so many boxes drawn by chance are added, which stand for the proposals; 0: none.
        negatives: whether a picture without an object gives a row that teaches background, instead of None.

    Source: original `model.data_generator`.
    """
    if not negatives and not np.any(example.class_ids > 0):
        return None
    match, deltas = rpn_targets.build(
        truth.anchor_index, example.class_ids, example.boxes, truth.anchors_to_learn, truth.std_dev, dice
    )
    count = len(example.class_ids)
    kept = np.arange(count) if count <= truth.max_objects else dice.choice(count, truth.max_objects, replace=False)
    drawn = None
    if drawn_boxes:
        drawn = random_rois.draw(example.image.shape[:2], drawn_boxes, example.boxes[kept], dice).astype(np.float32)
    return Row(
        example.image,
        example.meta.astype(np.float32),
        match.astype(np.int8),
        deltas.astype(np.float32),
        example.class_ids[kept].astype(np.int32),
        example.boxes[kept].astype(np.float32),
        np.ascontiguousarray(example.masks[..., kept]),
        drawn,
    )


def stack(rows: Sequence[Row], truth: Truth) -> dict[str, np.ndarray]:
    """Put B rows into the inputs of the training network, objects padded to G."""
    first = rows[0]
    inputs = {
        "input_image": np.empty((len(rows), *first.image.shape), np.float32),
        "input_image_meta": np.stack([row.meta for row in rows]),
        "input_rpn_match": np.stack([row.match for row in rows]).astype(np.int32)[..., None],
        "input_rpn_bbox": np.stack([row.deltas for row in rows]),
        "input_gt_class_ids": np.zeros((len(rows), truth.max_objects), np.int32),
        "input_gt_boxes": np.zeros((len(rows), truth.max_objects, 4), np.float32),
        "input_gt_masks": np.zeros((len(rows), *first.masks.shape[:2], truth.max_objects), bool),
    }
    for place, row in enumerate(rows):
        count = len(row.class_ids)
        _subtract_mean(row.image, truth.mean_pixel, inputs["input_image"][place])
        inputs["input_gt_class_ids"][place, :count] = row.class_ids
        inputs["input_gt_boxes"][place, :count] = row.boxes
        inputs["input_gt_masks"][place, ..., :count] = row.masks
    if first.drawn is not None:
        inputs["input_roi"] = np.stack([row.drawn for row in rows if row.drawn is not None])
    return inputs


def _subtract_mean(image: np.ndarray, mean_pixel: tuple[float, ...], into: np.ndarray) -> None:
    """As `preprocess.subtract_mean`; bytes go through a table, three times as fast."""
    if image.dtype == np.uint8 and image.shape[-1] == len(mean_pixel):
        table = np.arange(256, dtype=np.float32)[None, :, None] - np.asarray(mean_pixel, np.float32)  # (1, 256, C)
        cv2.LUT(np.ascontiguousarray(image), table, dst=into)
    else:
        into[...] = preprocess.subtract_mean(image, mean_pixel)


@dataclass(frozen=True)
class Rows:
    """The rows of a data set, epoch by epoch; it can be sent to another process if `load` can.

    Attributes:
        load: number of a picture to its example; one with a method `seeded` (see `examples.SeededLoader`) is given the
            seed of its random choices.
        image_ids: (n,) the pictures' numbers.
        truth: see `Truth`.
        seed: of order, augmentation and sampling.
        shuffle: whether every epoch has another order.
        drawn_boxes: see `row_of`.
        negatives: see `row_of`.
    """

    load: Callable[[int], Example]
    image_ids: np.ndarray
    truth: Truth
    seed: int
    shuffle: bool = True
    drawn_boxes: int = 0
    negatives: bool = False

    def image_id(self, epoch: int, position: int) -> int:
        """Which picture stands at a position of an epoch; positions go round."""
        count = len(self.image_ids)
        place = position % count
        return int(self.image_ids[_order(self.seed, epoch, count)[place] if self.shuffle else place])

    def row(self, epoch: int, position: int) -> Row | None:
        """Make the row of a position; None for a picture without objects, where those are left out."""
        dice = np.random.default_rng([self.seed, epoch, 1 + position])
        seeded = getattr(self.load, "seeded", None)
        image_id = self.image_id(epoch, position)
        example = seeded(image_id, int(dice.integers(2**31))) if seeded else self.load(image_id)
        return row_of(example, self.truth, dice, self.drawn_boxes, self.negatives)

    def positions(self, index: int, batch_size: int) -> Iterator[int]:
        """Where a batch takes its rows from: its own positions, then, for each one left out, the next.

        Raises:
            ValueError: at the end, no picture holds an object.
        """
        begin = index * batch_size
        yield from range(begin, begin + len(self.image_ids) + batch_size)
        raise ValueError("no picture of the data set holds an object to learn from")


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, ORDER]).permutation(count)
