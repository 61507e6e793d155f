"""The five losses, plain functions of tensors.

Legend: B batch, A anchors, R stored deltas of an image, T sampled boxes, C classes with background, M side of a mask.
A mean over nothing is 0. Losses have the dtype of the network's answers.
"""

from __future__ import annotations

from typing import Any

from keras import ops

EPSILON = 1e-7


def mean_where(values: Any, chosen: Any) -> Any:
    """Mean of (..., F) values over the rows that are chosen, (...) bool; 0 where none is."""
    per_row = ops.mean(ops.where(chosen[..., None], values, ops.zeros_like(values)), axis=-1)
    return ops.sum(per_row) / ops.maximum(ops.sum(ops.cast(chosen, per_row.dtype)), 1.0)


def smooth_l1(truth: Any, answer: Any) -> Any:
    """Half the squared error below 1, the error less one half above; elementwise.

    Source: arXiv 1504.08083 equation 3; original `model.smooth_l1_loss`.
    """
    error = ops.abs(ops.cast(truth, answer.dtype) - answer)
    return ops.where(error < 1.0, 0.5 * error * error, error - 0.5)


def cross_entropy(class_ids: Any, logits: Any) -> Any:
    """Minus the log of the right class's probability: (...) int and (..., C) float32 -> (...)."""
    right = ops.take_along_axis(logits, ops.cast(class_ids, "int32")[..., None], axis=-1)[..., 0]
    return ops.logsumexp(logits, axis=-1) - right


def rpn_class_loss(match: Any, logits: Any) -> Any:
    """Object or background, over the anchors that are one of both.

    Args:
        match: (B, A) int32, 1 object, -1 background, 0 neither.
        logits: (B, A, 2) float32.

    Source: arXiv 1506.01497 equation 1; original `model.rpn_class_loss_graph`.
    """
    losses = cross_entropy(ops.cast(match == 1, "int32"), logits)
    return mean_where(losses[..., None], match != 0)


def rpn_bbox_loss(match: Any, targets: Any, deltas: Any) -> Any:
    """Corrections of the anchors that are objects.

    Args:
        match: (B, A) int32.
        targets: (B, R, 4) float32; the k-th row belongs to the image's k-th anchor with match 1.
        deltas: (B, A, 4) float32.

    Source: arXiv 1506.01497 equation 1; original `model.rpn_bbox_loss_graph`.
    """
    positive = match == 1
    rank = ops.cumsum(ops.cast(positive, "int32"), axis=1) - 1
    rank = ops.clip(rank, 0, ops.shape(targets)[1] - 1)
    wanted = ops.take_along_axis(targets, rank[..., None], axis=1)  # (B, A, 4)
    return mean_where(smooth_l1(wanted, deltas), positive)


def class_loss(class_ids: Any, logits: Any, active: Any, real: Any = None) -> Any:
    """Class of the sampled boxes; a box whose answer is a class that the picture's source does not label is left out.

    Args:
        class_ids: (B, T) int32, 0 for background and for padding.
        logits: (B, T, C) float32.
        active: (B, C) or (1, C), 1 for classes that count. The original takes the first picture's for all.
        real: (B, T) bool, False for padding, which then does not count; None: it counts as background, as in the
            original.

    Source: arXiv 1703.06870 section 3; original `model.mrcnn_class_loss_graph`.
    """
    answers = ops.argmax(logits, axis=-1)  # (B, T)
    rows = ops.broadcast_to(ops.cast(active, logits.dtype), (ops.shape(logits)[0], ops.shape(logits)[2]))
    counts = ops.take_along_axis(rows, ops.cast(answers, "int32"), axis=1)
    if real is not None:
        counts = counts * ops.cast(real, logits.dtype)
    return ops.sum(cross_entropy(class_ids, logits) * counts) / ops.maximum(ops.sum(counts), 1.0)


def bbox_loss(targets: Any, class_ids: Any, deltas: Any) -> Any:
    """Corrections of the positive boxes, those of their own class.

    Args:
        targets: (B, T, 4) float32.
        class_ids: (B, T) int32.
        deltas: (B, T, C, 4) float32.

    Source: arXiv 1504.08083 section 2.3; original `model.mrcnn_bbox_loss_graph`.
    """
    own = ops.take_along_axis(deltas, ops.maximum(class_ids, 0)[..., None, None], axis=2)[:, :, 0]
    return mean_where(smooth_l1(targets, own), class_ids > 0)


def mask_loss(targets: Any, class_ids: Any, masks: Any) -> Any:
    """Masks of the positive boxes, those of their own class: no competition between classes.

    Args:
        targets: (B, T, M, M) float32, 0 or 1.
        class_ids: (B, T) int32.
        masks: (B, T, M, M, C) float32 probabilities.

    Source: arXiv 1703.06870 section 3; original `model.mrcnn_mask_loss_graph`.
    """
    own = ops.take_along_axis(masks, ops.maximum(class_ids, 0)[..., None, None, None], axis=-1)[..., 0]
    own = ops.clip(own, EPSILON, 1.0 - EPSILON)
    targets = ops.cast(targets, own.dtype)
    losses = -(targets * ops.log(own + EPSILON) + (1.0 - targets) * ops.log(1.0 - own + EPSILON))
    return mean_where(ops.reshape(losses, (*ops.shape(losses)[:2], -1)), class_ids > 0)


def weight_decay(variables: Any, rate: float) -> Any:
    """Sum of every variable's mean square, times the rate; 0 for no variables.

    The original divides each variable's penalty by its size, so that wide layers are not punished more, and leaves out
    batch normalisation: pass kernels and biases only.

    Source: original `MaskRCNN.compile`.
    """
    squares = [ops.mean(ops.square(variable)) for variable in variables]
    return rate * sum(squares) if squares else ops.zeros((), "float32")
