"""What the network is told about a molded picture: one row of numbers. Without Keras, so that other runtimes are quick.

Legend: B batch, C classes with background. A row is: picture number (1), original height, width, channels (3), molded
height, width, channels (3), window (y1, x1, y2, x2) in molded pixels (4), scale (1), which classes count (C).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

FIELDS = {
    "image_id": slice(0, 1),
    "original_image_shape": slice(1, 4),
    "image_shape": slice(4, 7),
    "window": slice(7, 11),
    "scale": slice(11, 12),
    "active_class_ids": slice(12, None),
}
FIXED_LENGTH = 12


def compose(
    image_id: int,
    original_image_shape: Sequence[int],
    image_shape: Sequence[int],
    window: Sequence[int],
    scale: float,
    active_class_ids: Sequence[int] | np.ndarray,
) -> np.ndarray:
    """Build a row of 12 + C numbers.

    Source: original `model.compose_image_meta`.
    """
    return np.array([image_id, *original_image_shape, *image_shape, *window, scale, *active_class_ids])


def parse(meta: Any) -> dict[str, Any]:
    """Take (B, 12 + C) rows apart; NumPy array or tensor.

    Returns:
        image_id (B,), original_image_shape (B, 3), image_shape (B, 3), window (B, 4), scale (B,),
        active_class_ids (B, C).

    Source: original `model.parse_image_meta_graph`.
    """
    fields = {name: meta[:, columns] for name, columns in FIELDS.items()}
    return {name: value[:, 0] if name in ("image_id", "scale") else value for name, value in fields.items()}
