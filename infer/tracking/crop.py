"""A mask as the part of the picture that holds it.

Legend: H, W picture, h, w crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import supervision as sv


@dataclass(frozen=True)
class Crop:
    """Part of a mask that holds all its pixels.

    Attributes:
        left: picture column of the crop's first, may be below 0.
        top: picture row of the crop's first, may be below 0.
        pixels: (h, w), bool, or float32 share of the pixel.
    """

    left: int
    top: int
    pixels: np.ndarray


def crop_of(detections: sv.Detections, place: int) -> Crop | None:
    """Return one object's mask as a bool crop; None where the detections have no masks."""
    masks = detections.mask
    if masks is None:
        return None
    if isinstance(masks, sv.CompactMask):
        left, top = (int(number) for number in masks.offsets[place])
        return Crop(left, top, masks.crop(place))
    mask = np.asarray(masks[place], bool)
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return Crop(0, 0, np.zeros((1, 1), bool))
    left, top = int(columns[0]), int(rows[0])
    return Crop(left, top, mask[top : rows[-1] + 1, left : columns[-1] + 1])


def resized(crop: Crop, scale: np.ndarray) -> Crop:
    """Bring a crop into a picture of another size.

    Args:
        crop: of a picture.
        scale: (2,) pixels of the new picture for each of the old (x, y).

    Returns:
        Its pixels are float32 shares of the new picture's pixels.
    """
    height, width = crop.pixels.shape
    left, top = int(np.floor(crop.left * scale[0])) - 1, int(np.floor(crop.top * scale[1])) - 1
    right = int(np.ceil((crop.left + width) * scale[0])) + 1
    bottom = int(np.ceil((crop.top + height) * scale[1])) + 1
    # Pixel centres: new x + 0.5 = (old x + 0.5) * scale.
    matrix = np.array(
        [
            [scale[0], 0, (crop.left + 0.5) * scale[0] - 0.5 - left],
            [0, scale[1], (crop.top + 0.5) * scale[1] - 0.5 - top],
        ]
    )
    pixels = crop.pixels.astype(np.float32)
    if min(scale) < 1:  # take what lies under a new pixel, not only what lies under its middle
        reach = np.maximum(np.round(1 / scale).astype(int), 1)
        padded = np.pad(pixels, ((reach[1], reach[1]), (reach[0], reach[0])))
        pixels = np.asarray(cv2.blur(padded, (int(reach[0]), int(reach[1]))), np.float32)
        matrix[:, 2] -= (reach + (reach % 2 == 0) / 2) * scale  # an even blur lies half a pixel further right
    return Crop(left, top, cv2.warpAffine(pixels, matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR))


def united(crops: Sequence[Crop]) -> Crop:
    """Return the union of bool crops of one picture."""
    if len(crops) == 1:
        return crops[0]
    left, top = min(crop.left for crop in crops), min(crop.top for crop in crops)
    right = max(crop.left + crop.pixels.shape[1] for crop in crops)
    bottom = max(crop.top + crop.pixels.shape[0] for crop in crops)
    pixels = np.zeros((bottom - top, right - left), bool)
    for crop in crops:
        height, width = crop.pixels.shape
        pixels[crop.top - top : crop.top - top + height, crop.left - left : crop.left - left + width] |= crop.pixels
    return Crop(left, top, pixels)


def compact(crops: Sequence[Crop], size: tuple[int, int]) -> sv.CompactMask:
    """Put bool crops, cut at the picture's edges, into one `CompactMask`.

    Args:
        crops: one an object.
        size: (H, W) of the picture.
    """
    inside = [_clipped(crop, size) for crop in crops]
    return sv.CompactMask(
        [np.asarray(sv.mask_to_rle(crop.pixels), np.int32) for crop in inside],
        np.array([crop.pixels.shape for crop in inside], np.int32).reshape(-1, 2),
        np.array([(crop.left, crop.top) for crop in inside], np.int32).reshape(-1, 2),
        size,
    )


def compacted(detections: sv.Detections, size: tuple[int, int]) -> sv.Detections:
    """Return the same detections with compact masks; those that have none stay without.

    Crops follow the masks, not the boxes: what of a mask lies outside its box stays.

    Args:
        detections: of one picture.
        size: (H, W) of the picture.
    """
    if detections.mask is None or isinstance(detections.mask, sv.CompactMask):
        return detections
    crops = [crop_of(detections, place) for place in range(len(detections))]
    return replace(detections, mask=compact([crop for crop in crops if crop is not None], size))


def _clipped(crop: Crop, size: tuple[int, int]) -> Crop:
    height, width = crop.pixels.shape
    left, top = max(crop.left, 0), max(crop.top, 0)
    right, bottom = min(crop.left + width, size[1]), min(crop.top + height, size[0])
    if right <= left or bottom <= top:
        return Crop(0, 0, np.zeros((1, 1), bool))
    return Crop(left, top, crop.pixels[top - crop.top : bottom - crop.top, left - crop.left : right - crop.left])
