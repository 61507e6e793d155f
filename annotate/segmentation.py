"""COCO's segmentation of one object, made and measured; pycocotools does the geometry.

Legend: H, W pixels of the picture. A segmentation is a list of polygons [x, y, x, y, ...] or {"size": [H, W],
"counts": text}.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import supervision as sv
from pycocotools import mask as coco_mask

from common import rle

LEAST_AREA = 1.0  # pixels; an outline that holds less was drawn outside of its picture


def of_box(box: np.ndarray) -> list[list[float]]:
    """The outline of (x1, y1, x2, y2)."""
    left, top, right, bottom = (float(side) for side in box)
    return [[left, top, right, top, right, bottom, left, bottom]]


def of_mask(mask: np.ndarray) -> dict[str, Any]:
    """Run lengths of an (H, W) bool mask."""
    encoded = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": [int(side) for side in encoded["size"]], "counts": encoded["counts"].decode()}


def runs_of(segmentation: Any, size: tuple[int, int]) -> dict[str, Any]:
    """Run lengths of any segmentation on a picture of `size` (H, W)."""
    if isinstance(segmentation, dict):
        return segmentation
    merged = coco_mask.merge(coco_mask.frPyObjects(segmentation, *size))
    return {"size": list(size), "counts": merged["counts"].decode()}


def mask_of(segmentation: Any, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool."""
    runs = rle.decompress(runs_of(segmentation, size)["counts"])
    return np.asarray(sv.rle_to_mask(runs, size[::-1]), bool)


def area_and_box(segmentation: Any, size: tuple[int, int]) -> tuple[float, np.ndarray]:
    """Pixels of a segmentation, and the (x1, y1, x2, y2) that they span."""
    runs = _bytes(runs_of(segmentation, size))
    left, top, width, height = coco_mask.toBbox(runs)
    return float(coco_mask.area(runs)), np.array([left, top, left + width, top + height])


def overlap(first: Any, second: Any, size: tuple[int, int]) -> float:
    """Intersection over union of two segmentations."""
    pair = [_bytes(runs_of(each, size)) for each in (first, second)]
    return float(coco_mask.iou(pair[:1], pair[1:], [0])[0, 0])


def _bytes(runs: dict[str, Any]) -> dict[str, Any]:
    return {"size": runs["size"], "counts": runs["counts"].encode()}
