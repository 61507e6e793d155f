"""Whether a detector's answer is one. An answer that makes no sense must not pass for "there is nothing"."""

from __future__ import annotations

from typing import Any

import numpy as np
import supervision as sv


def checked(found: Any, classes: int, size: tuple[int, int]) -> sv.Detections:
    """Return `found` if it is what a detector promises.

    Args:
        found: the answer for one picture.
        classes: how many classes the detector knows.
        size: (height, width) of the picture.

    Raises:
        ValueError: it is not `supervision.Detections`, or its boxes, scores, class ids or masks cannot be.
    """
    if not isinstance(found, sv.Detections):
        raise ValueError(f"the detector returned {type(found).__name__}, expected supervision.Detections")
    count = len(found.xyxy)
    if not count:
        return found
    boxes, scores, class_ids = (_numbers(value) for value in (found.xyxy, found.confidence, found.class_id))
    if boxes.shape != (count, 4) or not np.isfinite(boxes).all() or (boxes[:, 2:] < boxes[:, :2]).any():
        raise ValueError(f"the detector returned boxes that are none: {boxes.tolist()}")
    if scores.shape != (count,) or not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError(f"the detector returned scores that are none: {scores.tolist()}")
    if class_ids.shape != (count,) or not np.isin(class_ids, np.arange(classes)).all():
        raise ValueError(f"the detector returned class ids that are none: {class_ids.tolist()}")
    if found.mask is not None and tuple(found.mask.shape) != (count, *size):
        raise ValueError(f"the detector returned masks of shape {tuple(found.mask.shape)}, expected {(count, *size)}")
    return found


def _numbers(value: Any) -> np.ndarray:
    return np.asarray([] if value is None else value, float)
