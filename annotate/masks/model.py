"""Masks by a detector that has learnt the thing, or something like it, cut off at the labelled box."""

from __future__ import annotations

from typing import Any

import numpy as np
import supervision as sv

from annotate import segmentation
from annotate.label_set import SEGMENTATION

LEAST_OVERLAP = 0.3  # of the boxes, from which a detection is about the labelled object
LEAST_SHARE = 0.1  # of the box that its mask must fill


def masks(image: np.ndarray, objects: sv.Detections, detect: Any) -> tuple[list[Any], int]:
    """Give each object without an outline the mask of the detection that fits its box best.

    Args:
        image: (H, W, 3) uint8 RGB.
        objects: labelled, with `SEGMENTATION` in their data.
        detect: a detector with masks; its classes need not be those of the labels.

    Returns:
        The segmentations, and how many of them are boxes because no detection fitted.
    """
    size = (image.shape[0], image.shape[1])
    (found,) = detect([image])
    overlaps = sv.box_iou_batch(objects.xyxy, found.xyxy) if len(found) else np.zeros((len(objects), 0))
    made, failed = [], 0
    for row, (box, given) in enumerate(zip(objects.xyxy, objects.data[SEGMENTATION], strict=True)):
        if given is not None:
            made.append(given)
            continue
        drawn = _inside(found, overlaps[row], box, size)
        failed += drawn is None
        made.append(drawn or segmentation.of_box(box))
    return made, failed


def _inside(found: sv.Detections, overlaps: np.ndarray, box: np.ndarray, size: tuple[int, int]) -> Any:
    """The best detection's mask inside the box, None where none fits."""
    if found.mask is None or not len(overlaps) or overlaps.max() < LEAST_OVERLAP:
        return None
    mask = np.asarray(found.mask[int(overlaps.argmax())], bool)
    left, top = np.floor(box[:2]).astype(int)
    right, bottom = np.ceil(box[2:]).astype(int)
    inside = np.zeros(size, bool)
    inside[top:bottom, left:right] = mask[top:bottom, left:right]
    if inside.sum() < LEAST_SHARE * (right - left) * (bottom - top):
        return None
    return segmentation.of_mask(inside)
