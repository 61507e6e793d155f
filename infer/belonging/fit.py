"""How much of one object lies in another: containment, not touching.

Legend: P parts, O owners. Boxes are (x1, y1, x2, y2) pixels.
"""

from __future__ import annotations

import numpy as np
import supervision as sv

from infer.tracking.crop import Crop, crop_of

LEAST_BOX = 0.5  # share of the part's box that lies in the owner's
LEAST_MASK = 0.25  # share of the part's mask that lies in the owner's; masks of persons often leave out hair and hats
_TIGHTNESS = 0.01


def fit(found: sv.Detections, parts: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Tell how well each part fits into each owner.

    Args:
        found: objects of one frame. Where both have masks these count, where one has, its pixels and the other's box.
        parts: (P,) places in `found`.
        owners: (O,) places in `found`.

    Returns:
        (P, O) share of the part that lies in the owner, 0..1; 0 where the part does not belong to the owner.
    """
    boxes = np.asarray(found.xyxy, float)
    within = _contained(boxes[parts], boxes[owners])
    values = np.zeros(within.shape)
    for row, column in zip(*np.nonzero(within >= LEAST_BOX), strict=True):
        first, second = _mask(found, int(parts[row])), _mask(found, int(owners[column]))
        if first is None and second is None:
            values[row, column] = within[row, column]
        else:
            share = _share(first or _filled(boxes[parts[row]]), second or _filled(boxes[owners[column]]))
            values[row, column] = share if share >= LEAST_MASK else 0.0
    return values


def preference(found: sv.Detections, parts: np.ndarray, owners: np.ndarray, fits: np.ndarray) -> np.ndarray:
    """Return (P, O) `fits` and up to a hundredth more for a small owner: of two that hold a part alike it is nearer."""
    sizes = _areas(np.asarray(found.xyxy, float))
    tightness = np.minimum(sizes[parts][:, None] / np.maximum(sizes[owners][None], 1e-9), 1.0)
    return np.where(fits > 0, fits + _TIGHTNESS * tightness, 0.0)


def _contained(inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """(P, O) share of each of (P, 4) boxes that lies in each of (O, 4) boxes."""
    low = np.maximum(inner[:, None, :2], outer[None, :, :2])
    high = np.minimum(inner[:, None, 2:], outer[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    return np.asarray(shared / np.maximum(_areas(inner), 1e-9)[:, None])


def _areas(boxes: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=-1))


def _mask(found: sv.Detections, place: int) -> Crop | None:
    """Return an object's mask; None where it has none, which an empty one stands for."""
    crop = crop_of(found, place)
    return crop if crop is not None and crop.pixels.any() else None


def _filled(box: np.ndarray) -> Crop:
    left, top = (int(number) for number in np.floor(box[:2]))
    right, bottom = (int(number) for number in np.ceil(box[2:]))
    return Crop(left, top, np.ones((max(bottom - top, 1), max(right - left, 1)), bool))


def _share(inner: Crop, outer: Crop) -> float:
    """Share of the first's pixels that are the second's as well."""
    left, top = max(inner.left, outer.left), max(inner.top, outer.top)
    right = min(inner.left + inner.pixels.shape[1], outer.left + outer.pixels.shape[1])
    bottom = min(inner.top + inner.pixels.shape[0], outer.top + outer.pixels.shape[0])
    if right <= left or bottom <= top:
        return 0.0
    ours = inner.pixels[top - inner.top : bottom - inner.top, left - inner.left : right - inner.left]
    theirs = outer.pixels[top - outer.top : bottom - outer.top, left - outer.left : right - outer.left]
    return float(np.count_nonzero(ours & theirs) / np.count_nonzero(inner.pixels))
