"""Box maths on normalised or pixel boxes, for NumPy arrays and backend tensors alike.

Legend: ... any leading axes, N and M numbers of boxes. A box is (y1, x1, y2, x2); (y2, x2) lies outside the box in
pixels. Normalised boxes divide by (size - 1) and move the far corner in by one pixel, as the published weights expect.
Deltas are (dy, dx, log dh, log dw), relative to the box's centre and size (arXiv 1506.01497, equation 2).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mrcnn.namespace import namespace

TINY = 1e-12  # keeps the union of two empty boxes from dividing by zero


def apply_deltas(boxes: Any, deltas: Any) -> Any:
    """Move and stretch boxes.

    Args:
        boxes: (..., N, 4) (y1, x1, y2, x2), any unit.
        deltas: (..., N, 4) (dy, dx, log dh, log dw), already multiplied by their standard deviations.

    Returns:
        (..., N, 4) boxes in the same unit.

    Source: original `utils.apply_box_deltas`, `model.apply_box_deltas_graph`.
    """
    xp = namespace(boxes, deltas)
    heights, widths = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    centres_y = boxes[..., 0] + 0.5 * heights + deltas[..., 0] * heights
    centres_x = boxes[..., 1] + 0.5 * widths + deltas[..., 1] * widths
    heights, widths = heights * xp.exp(deltas[..., 2]), widths * xp.exp(deltas[..., 3])
    tops, lefts = centres_y - 0.5 * heights, centres_x - 0.5 * widths
    return xp.stack([tops, lefts, tops + heights, lefts + widths], axis=-1)


def find_deltas(boxes: Any, targets: Any) -> Any:
    """Return the deltas that carry boxes to targets; the inverse of `apply_deltas`.

    Args:
        boxes: (..., N, 4) boxes of an area above zero.
        targets: (..., N, 4) boxes of an area above zero, same unit.

    Returns:
        (..., N, 4) (dy, dx, log dh, log dw), not divided by any standard deviation.

    Source: original `utils.box_refinement`, `utils.box_refinement_graph`.
    """
    xp = namespace(boxes, targets)
    heights, widths = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    target_heights, target_widths = targets[..., 2] - targets[..., 0], targets[..., 3] - targets[..., 1]
    dy = (targets[..., 0] + 0.5 * target_heights - boxes[..., 0] - 0.5 * heights) / heights
    dx = (targets[..., 1] + 0.5 * target_widths - boxes[..., 1] - 0.5 * widths) / widths
    return xp.stack([dy, dx, xp.log(target_heights / heights), xp.log(target_widths / widths)], axis=-1)


def clip(boxes: Any, window: Any) -> Any:
    """Cut boxes to a window.

    Args:
        boxes: (..., N, 4).
        window: (4,) or (..., 1, 4) (y1, x1, y2, x2) in the same unit.

    Source: original `model.clip_boxes_graph`.
    """
    xp = namespace(boxes, window)
    corners = [xp.maximum(xp.minimum(boxes[..., i], window[..., i % 2 + 2]), window[..., i % 2]) for i in range(4)]
    return xp.stack(corners, axis=-1)


def areas(boxes: Any) -> Any:
    """Return (..., N) areas of (..., N, 4) boxes."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def overlaps(boxes1: Any, boxes2: Any) -> Any:
    """Intersection over union of every pair; 0 where both are empty.

    Args:
        boxes1: (..., N, 4).
        boxes2: (..., M, 4), same unit.

    Returns:
        (..., N, M) from 0 to 1.

    Source: original `utils.compute_overlaps`, `model.overlaps_graph`.
    """
    xp = namespace(boxes1, boxes2)
    first, second = boxes1[..., :, None, :], boxes2[..., None, :, :]
    heights = xp.minimum(first[..., 2], second[..., 2]) - xp.maximum(first[..., 0], second[..., 0])
    widths = xp.minimum(first[..., 3], second[..., 3]) - xp.maximum(first[..., 1], second[..., 1])
    shared = xp.maximum(heights, 0) * xp.maximum(widths, 0)
    union = areas(first) + areas(second) - shared
    return shared / xp.maximum(union, TINY)


def normalize(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Turn pixel boxes into normalised ones.

    Args:
        boxes: (..., N, 4) pixels.
        size: (height, width) pixels of the picture.

    Returns:
        (..., N, 4) float32.

    Source: original `utils.norm_boxes`.
    """
    scale, shift = _scale_and_shift(size)
    return ((boxes - shift) / scale).astype(np.float32)


def denormalize(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Turn normalised boxes into pixel ones.

    Args:
        boxes: (..., N, 4) normalised.
        size: (height, width) pixels of the picture.

    Returns:
        (..., N, 4) int32, rounded half to even.

    Source: original `utils.denorm_boxes`.
    """
    scale, shift = _scale_and_shift(size)
    return np.around(boxes * scale + shift).astype(np.int32)


def _scale_and_shift(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    height, width = size
    return np.array([height - 1, width - 1, height - 1, width - 1]), np.array([0, 0, 1, 1])


def normalize_tensor(boxes: Any, sizes: Any) -> Any:
    """Turn pixel boxes into normalised ones inside the network.

    Args:
        boxes: (..., 4) float32 tensor, pixels.
        sizes: (..., 2) float32 tensor, (height, width); broadcast against the boxes.

    Source: original `model.norm_boxes_graph`.
    """
    from keras import ops

    from mrcnn import rounding

    scale = ops.concatenate([sizes, sizes], axis=-1) - 1.0
    return rounding.divide(boxes - ops.array([0.0, 0.0, 1.0, 1.0], "float32"), scale)
