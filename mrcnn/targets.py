"""What the heads should have answered: proposals matched with the truth, sampled, and given class, box and mask.

Legend: B batch, N proposals, G objects of the truth with padding, T sampled boxes, P the most positives among them,
M side of a mask, H and W of the stored masks. Boxes are normalised (y1, x1, y2, x2); a row of zeros is padding; a
negative class is a crowd, which neither teaches nor punishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn import boxes as box_maths
from mrcnn.proposals import gather_rows
from mrcnn.ranking import highest
from mrcnn.roi_align import sample_places

POSITIVE_OVERLAP, CROWD_OVERLAP = 0.5, 0.001


def classify(proposals: Any, class_ids: Any, boxes: Any) -> tuple[Any, Any, Any]:
    """Match proposals with the truth.

    Args:
        proposals: (B, N, 4) float32.
        class_ids: (B, G) int32.
        boxes: (B, G, 4) float32.

    Returns:
        Which are positive (B, N) bool, which negative (B, N) bool, and the best object of each (B, N) int32.

    Source: arXiv 1703.06870 section 3.1 "Training"; original `model.detection_targets_graph`.
    """
    real = ops.any(boxes != 0, axis=-1)
    crowd = ops.logical_and(real, class_ids < 0)
    single = ops.logical_and(real, class_ids > 0)
    overlaps = box_maths.overlaps(proposals, boxes)  # (B, N, G)
    nothing = -ops.ones_like(overlaps)
    with_objects = ops.where(single[:, None, :], overlaps, nothing)
    with_crowds = ops.where(crowd[:, None, :], overlaps, nothing)
    best = ops.max(with_objects, axis=-1)
    filled = ops.any(proposals != 0, axis=-1)
    positive = ops.logical_and(filled, best >= POSITIVE_OVERLAP)
    negative = ops.logical_and(best < POSITIVE_OVERLAP, ops.max(with_crowds, axis=-1) < CROWD_OVERLAP)
    return positive, ops.logical_and(filled, negative), ops.cast(ops.argmax(with_objects, axis=-1), "int32")


def most_positives(count: int, positive_ratio: float) -> int:
    """Return P: positives stand in the first P of `count` places, and at least one place is theirs."""
    return max(int(count * positive_ratio), 1)


def sample(positive: Any, negative: Any, priorities: Any, count: int, positive_ratio: float) -> tuple[Any, Any]:
    """Choose boxes to learn from: positives first, then so many negatives that the ratio holds.

    A picture without positives gives a full share of negatives; in the original it teaches the heads nothing.

    Args:
        positive: (B, N) bool.
        negative: (B, N) bool.
        priorities: (B, N) float32 from 0 to 1; the higher ones are chosen.
        count: T.
        positive_ratio: share of positives, which also limits them.

    Returns:
        Places (B, T) int32, -1 where nothing is left, and the number of positives (B,) int32.
    """
    most = most_positives(count, positive_ratio)
    chosen_positive, positives = _best(positive, priorities, most)
    wanted = ops.cast((1.0 / positive_ratio) * ops.cast(positives, "float32"), "int32") - positives
    wanted = ops.where(positives > 0, wanted, count - most)
    chosen_negative, negatives = _best(negative, priorities, count - most)
    negatives = ops.minimum(negatives, wanted)
    slots = ops.arange(count, dtype="int32")[None, :] - positives[:, None]  # (B, T) place among the negatives
    among = ops.clip(slots, 0, chosen_negative.shape[1] - 1)
    second = ops.where(slots < negatives[:, None], ops.take_along_axis(chosen_negative, among, axis=1), -1)
    first = ops.pad(chosen_positive, [[0, 0], [0, count - chosen_positive.shape[1]]], constant_values=-1)
    return ops.where(slots < 0, first, second), positives


def _best(candidates: Any, priorities: Any, limit: int) -> tuple[Any, Any]:
    """Places (B, limit) int32 of the candidates of the highest priority, and how many there are, (B,) int32."""
    limit = min(limit, candidates.shape[1])
    keys, places = highest(ops.where(candidates, priorities, -1.0), limit)
    return places, ops.sum(ops.cast(keys >= 0, "int32"), axis=1)


def crop_masks(masks: Any, boxes: Any, objects: Any, shape: Sequence[int]) -> Any:
    """Cut boxes out of the objects' masks.

    Args:
        masks: (B, H, W, G) bool or float.
        boxes: (B, T, 4) float32, normalised on the stored masks.
        objects: (B, T) int32, whose mask.
        shape: (M, M).

    Returns:
        (B, T, M, M) float32, 0 or 1.
    """
    batch, height, width, count = ops.shape(masks)
    flat = ops.reshape(masks, (-1,))  # (B, H, W, G) -> (B*H*W*G,)
    sizes = [ops.full(ops.shape(objects), length, "int32") for length in (height, width)]
    top, bottom, weight_y, inside_y = sample_places(boxes[..., 0], boxes[..., 2], sizes[0], shape[0])
    left, right, weight_x, inside_x = sample_places(boxes[..., 1], boxes[..., 3], sizes[1], shape[1])
    first = ops.arange(batch, dtype="int32")[:, None] * (height * width * count) + objects

    def cell(rows: Any, columns: Any) -> Any:  # (B, T, M), (B, T, M) -> (B, T, M, M)
        places = (rows[..., :, None] * width + columns[..., None, :]) * count + first[..., None, None]
        return ops.cast(ops.take(flat, places, axis=0), "float32")

    weight_x, weight_y = weight_x[..., None, :], weight_y[..., :, None]
    upper = cell(top, left) * (1 - weight_x) + cell(top, right) * weight_x
    lower = cell(bottom, left) * (1 - weight_x) + cell(bottom, right) * weight_x
    inside = ops.logical_and(inside_y[..., :, None], inside_x[..., None, :])
    value = upper * (1 - weight_y) + lower * weight_y
    return ops.cast(ops.logical_and(inside, value > 0.5), "float32")


@keras.saving.register_keras_serializable(package="mrcnn")
class DetectionTargetLayer(keras.layers.Layer):
    """Sample proposals and say what the heads should answer.

    Inputs: proposals (B, N, 4), class ids (B, G) int32, boxes (B, G, 4), masks (B, H, W, G). Outputs: boxes (B, T, 4),
    class ids (B, T) int32, deltas (B, T, 4) divided by their standard deviations, masks (B, T, M, M) float32; rows of
    zeros where there is nothing to sample.

    Args:
        count: T.
        positive_ratio: see `sample`.
        mask_shape: (M, M).
        mini_masks: whether a stored mask covers its object's box only, instead of the picture.
        std_dev: four standard deviations of the deltas.
        shuffle: False samples in the order of the proposals.
        stop_gradient: False lets the box loss teach the proposals through its targets, as the original does.
        seed: of the sampling.

    Source: original `model.DetectionTargetLayer`.
    """

    def __init__(
        self,
        count: int = 200,
        positive_ratio: float = 0.33,
        mask_shape: Sequence[int] = (28, 28),
        mini_masks: bool = True,
        std_dev: Sequence[float] = (0.1, 0.1, 0.2, 0.2),
        shuffle: bool = True,
        stop_gradient: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", "trainable": False, **kwargs})
        self.count = count
        self.positive_ratio = positive_ratio
        self.mask_shape = tuple(int(side) for side in mask_shape)
        self.mini_masks = mini_masks
        self.std_dev = tuple(float(value) for value in std_dev)
        self.shuffle = shuffle
        self.stop_gradient = stop_gradient
        self.seed = seed
        self.dice = keras.random.SeedGenerator(seed)

    def call(self, inputs: Sequence[Any]) -> tuple[Any, Any, Any, Any]:
        """Sample and match."""
        proposals, class_ids, boxes, masks = inputs
        if self.stop_gradient:
            proposals = ops.stop_gradient(proposals)
        positive, negative, best = classify(ops.stop_gradient(proposals), class_ids, boxes)
        places, positives = sample(positive, negative, self._priorities(proposals), self.count, self.positive_ratio)
        taken = ops.arange(self.count)[None, :] < positives[:, None]  # (B, T): positive
        rois = gather_rows(proposals, places)
        objects = ops.take_along_axis(best, ops.maximum(places, 0), axis=1)
        found_ids = ops.where(taken, ops.take_along_axis(class_ids, objects, axis=1), 0)
        found = gather_rows(boxes, objects)  # (B, T, 4)
        whole = ops.array([0.0, 0.0, 1.0, 1.0], "float32")  # in place of what is not positive: no division by zero
        safe_rois = ops.where(taken[..., None], rois, whole)
        found = ops.where(taken[..., None], found, whole)
        deltas = box_maths.find_deltas(safe_rois, found) / ops.array(self.std_dev, "float32")
        cropped = crop_masks(masks, ops.stop_gradient(self._on_masks(safe_rois, found)), objects, self.mask_shape)
        return rois, found_ids, deltas, ops.where(taken[..., None, None], cropped, ops.zeros_like(cropped))

    def _priorities(self, proposals: Any) -> Any:
        shape = ops.shape(proposals)[:2]
        if self.shuffle:
            return keras.random.uniform(shape, seed=self.dice)
        falling = ops.arange(shape[1], dtype="float32") / ops.cast(shape[1], "float32")
        return ops.broadcast_to(1.0 - falling, shape)

    def _on_masks(self, rois: Any, found: Any) -> Any:
        """Boxes (B, T, 4) as parts of what the stored masks cover."""
        if not self.mini_masks:
            return rois
        heights, widths = found[..., 2] - found[..., 0], found[..., 3] - found[..., 1]
        scale = ops.stack([heights, widths, heights, widths], axis=-1)
        return (rois - ops.concatenate([found[..., :2], found[..., :2]], axis=-1)) / scale

    def compute_output_spec(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Return (B, T, 4), (B, T), (B, T, 4), (B, T, M, M)."""
        batch = inputs[0].shape[0]
        shapes = [(batch, self.count, 4), (batch, self.count), (batch, self.count, 4)]
        shapes.append((batch, self.count, *self.mask_shape))
        dtypes = ("float32", "int32", "float32", "float32")
        return tuple(keras.KerasTensor(shape, dtype=dtype) for shape, dtype in zip(shapes, dtypes, strict=True))

    def get_config(self) -> dict[str, Any]:
        """Return what the constructor takes."""
        names = ("count", "positive_ratio", "mask_shape", "mini_masks", "std_dev", "shuffle", "stop_gradient", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
