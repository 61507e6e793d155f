"""Non-maximum suppression with static shapes; the choice of kernel for each backend is made here and nowhere else.

Legend: B batch, N candidates, K the most to keep, T boxes of a tile. Boxes are (y1, x1, y2, x2) of any unit, given by
falling score. A kept box removes every later one that overlaps it by more than the threshold (and is of its group).
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from mrcnn import boxes as box_maths

TILE = 256
NOTHING = -1
KERNELS = ("auto", "portable", "tensorflow")


def suppress(
    boxes: Any, iou_threshold: float, limit: int, valid: Any = None, groups: Any = None, kernel: str = "auto"
) -> Any:
    """Choose the boxes that stay.

    Args:
        boxes: (B, N, 4) float32, highest score first.
        iou_threshold: overlap above which the later box goes.
        limit: K.
        valid: (B, N) bool, boxes that may be chosen at all; None: all.
        groups: (B, N) int32; boxes of different groups do not touch each other; None: one group.
        kernel: "portable" runs on every backend and compiles anywhere, "tensorflow" is TensorFlow's own operator, which
            knows neither `valid` nor `groups`; "auto" takes the faster one that can do the work.

    Returns:
        (B, K) int32 places in N, highest score first, -1 where fewer than K stay.

    Source: arXiv 1311.2524 section 2.3; original `ProposalLayer`, `refine_detections_graph`.
    """
    if kernel not in KERNELS:
        raise ValueError(f"no NMS kernel {kernel!r}: expected one of {', '.join(KERNELS)}")
    plain = valid is None and groups is None
    if kernel == "auto":
        kernel = "tensorflow" if plain and keras.backend.backend() == "tensorflow" else "portable"
    boxes = ops.stop_gradient(boxes)
    if kernel == "tensorflow":
        if not plain:
            raise ValueError("the kernel 'tensorflow' knows neither valid nor groups: use 'portable'")
        return _tensorflow(boxes, iou_threshold, limit)
    return _portable(boxes, iou_threshold, limit, valid, groups)


def _tensorflow(boxes: Any, iou_threshold: float, limit: int) -> Any:
    import tensorflow as tf

    scores = -tf.range(tf.shape(boxes)[1], dtype=tf.float32)  # keeps the given order

    def one(of_one: Any) -> Any:
        chosen, count = tf.image.non_max_suppression_padded(
            of_one, scores, limit, iou_threshold, pad_to_max_output_size=True
        )
        return tf.where(tf.range(limit) < count, chosen, NOTHING)

    return tf.map_fn(one, boxes, fn_output_signature=tf.TensorSpec((limit,), tf.int32))


def _portable(boxes: Any, iou_threshold: float, limit: int, valid: Any, groups: Any) -> Any:
    """Work through the boxes tile by tile, each against what is kept so far and against itself.

    The kept boxes sit in a buffer of K + 1 slots of which the last one takes the overflow and is never read.
    """
    batch, count = ops.shape(boxes)[0], ops.shape(boxes)[1]
    tiles = -(-count // TILE)
    padding = tiles * TILE - count
    usable = ops.ones(ops.shape(boxes)[:2], "bool") if valid is None else valid
    group = ops.zeros(ops.shape(boxes)[:2], "int32") if groups is None else groups
    rows = ops.arange(batch, dtype="int32")[:, None] * (limit + 1)  # first slot of every picture

    def in_tiles(values: Any, *tail: int) -> Any:  # (B, N, ...) -> (N/T, B, T, ...)
        values = ops.pad(values, [[0, 0], [0, padding]] + [[0, 0]] * len(tail))
        return ops.swapaxes(ops.reshape(values, (batch, tiles, TILE, *tail)), 0, 1)

    all_boxes, all_groups = in_tiles(boxes, 4), in_tiles(group)
    all_usable = ops.cast(in_tiles(ops.cast(usable, "int32")), "bool")

    def unfinished(tile: Any, kept_boxes: Any, kept_groups: Any, kept: Any, number: Any) -> Any:
        return ops.logical_and(tile < tiles, ops.any(number < limit))

    def one_tile(tile: Any, kept_boxes: Any, kept_groups: Any, kept: Any, number: Any) -> tuple[Any, ...]:
        here, here_groups = ops.take(all_boxes, tile, axis=0), ops.take(all_groups, tile, axis=0)
        shadowed = _conflicts(kept_boxes[:, :limit], kept_groups[:, :limit], here, here_groups, iou_threshold)
        alive = ops.logical_and(ops.take(all_usable, tile, axis=0), ops.logical_not(ops.any(shadowed, axis=1)))
        stays = _suppress_tile(_conflicts(here, here_groups, here, here_groups, iou_threshold), alive)
        place = ops.cumsum(ops.cast(stays, "int32"), axis=1) - 1 + number[:, None]
        slots = rows + ops.where(ops.logical_and(stays, place < limit), place, limit)  # (B, T)
        places = ops.broadcast_to(tile * TILE + ops.arange(TILE, dtype="int32"), ops.shape(slots))
        return (
            tile + 1,
            _write(kept_boxes, slots, here, 4),
            _write(kept_groups, slots, here_groups),
            _write(kept, slots, places),
            number + ops.sum(ops.cast(stays, "int32"), axis=1),
        )

    start = (
        ops.zeros((), "int32"),
        ops.zeros((batch, limit + 1, 4), boxes.dtype),
        ops.full((batch, limit + 1), NOTHING, "int32"),
        ops.full((batch, limit + 1), NOTHING, "int32"),
        ops.zeros((batch,), "int32"),
    )
    return ops.while_loop(unfinished, one_tile, start)[3][:, :limit]


def _conflicts(boxes1: Any, groups1: Any, boxes2: Any, groups2: Any, iou_threshold: float) -> Any:
    """(B, N, M) bool: which of the first keep which of the second out."""
    too_near = box_maths.overlaps(boxes1, boxes2) > iou_threshold
    return ops.logical_and(too_near, groups1[:, :, None] == groups2[:, None, :])


def _suppress_tile(conflicts: Any, alive: Any) -> Any:
    """Suppress inside a tile: repeat until nothing changes, which is after as many rounds as the longest chain.

    Args:
        conflicts: (B, T, T) bool, symmetrical.
        alive: (B, T) bool.

    Returns:
        (B, T) bool.
    """
    order = ops.arange(TILE)
    earlier = ops.logical_and(conflicts, order[:, None] < order[None, :])  # (B, T, T): row removes column

    def changing(before: Any, now: Any) -> Any:
        return ops.any(before != now)

    def again(before: Any, now: Any) -> tuple[Any, Any]:
        removed = ops.any(ops.logical_and(earlier, now[:, :, None]), axis=1)
        return now, ops.logical_and(alive, ops.logical_not(removed))

    return ops.while_loop(changing, again, (ops.logical_not(alive), alive))[1]


def _write(buffer: Any, slots: Any, values: Any, *tail: int) -> Any:
    """Write (B, T, ...) values to (B, T) slots of a (B, K + 1, ...) buffer, slots counted over the whole batch."""
    flat = ops.reshape(buffer, (-1, *tail))
    flat = ops.scatter_update(flat, ops.reshape(slots, (-1, 1)), ops.reshape(values, (-1, *tail)))
    return ops.reshape(flat, ops.shape(buffer))
