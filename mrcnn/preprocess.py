"""From any picture to what the network eats: channels, size, padding, mean.

Legend: H, W original size, h, w molded size, C channels. A window is (y1, x1, y2, x2), the part of the molded picture
that is not padding. A crop is (y, x, height, width) of the resized picture.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from mrcnn import resample

MODES = ("none", "square", "pad64", "crop")
MULTIPLE = 64  # six halvings from the picture to P6


class Dice(Protocol):
    """What `random` and `random.Random` offer."""

    def randint(self, a: int, b: int) -> int:
        """Return a whole number from a to b inclusive."""


class Placement(NamedTuple):
    """How a picture came to its molded size.

    Attributes:
        window: (y1, x1, y2, x2).
        scale: new size divided by old.
        padding: [(top, bottom), (left, right), (0, 0)].
        crop: (y, x, height, width) or None.
    """

    window: tuple[int, int, int, int]
    scale: float
    padding: list[tuple[int, int]]
    crop: tuple[int, int, int, int] | None


def match_channels(image: np.ndarray, channels: int = 3) -> np.ndarray:
    """Bring a picture to the network's number of channels.

    Args:
        image: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).
        channels: C.

    Returns:
        (H, W, C): grey is repeated, a fourth channel (opacity) is dropped, three become grey by Rec. 601's weights.

    Raises:
        ValueError: no way to bring it there.
    """
    picture = image[..., None] if image.ndim == 2 else image
    if picture.ndim == 3 and picture.shape[2] == channels:
        return picture
    if picture.ndim == 3 and channels == 3 and picture.shape[2] == 1:
        return np.repeat(picture, 3, axis=2)
    if picture.ndim == 3 and channels == 3 and picture.shape[2] == 4:
        return picture[..., :3]
    if picture.ndim == 3 and channels == 1 and picture.shape[2] in (3, 4):
        grey = picture[..., :3] @ np.array([0.299, 0.587, 0.114])
        return grey.round().astype(image.dtype)[..., None]
    raise ValueError(f"a picture of shape {image.shape} cannot be brought to {channels} channels")


def find_scale(
    size: tuple[int, int], min_dim: int | None, max_dim: int | None, min_scale: float | None, limited: bool
) -> float:
    """Choose the scale: the shorter side grows to `min_dim`, by `min_scale` at least, within `max_dim` if limited.

    Source: original `utils.resize_image`.
    """
    scale = max(1, min_dim / min(size)) if min_dim else 1
    if min_scale and scale < min_scale:
        scale = min_scale
    if max_dim and limited and round(max(size) * scale) > max_dim:
        scale = max_dim / max(size)
    return scale


def resize_image(
    image: np.ndarray,
    min_dim: int | None = None,
    max_dim: int | None = None,
    min_scale: float | None = None,
    mode: str = "square",
    border: str = "edge",
    dice: Dice | None = None,
    limited: bool | None = None,
) -> tuple[np.ndarray, Placement]:
    """Resize and pad (or crop) a picture.

    Args:
        image: (H, W, C), any dtype.
        min_dim: see `find_scale`; the side of the square in mode "crop".
        max_dim: the side of the square in mode "square".
        min_scale: see `find_scale`.
        mode: "none" leaves the picture, "square" pads to max_dim x max_dim, "pad64" to multiples of 64, "crop" takes a
            random square of min_dim.
        border: see `resample`.
        dice: where a random crop lies; None: the `random` module.
        limited: whether `max_dim` limits the longer side; None: in mode "square" only, as the original does.

    Returns:
        The molded picture (h, w, C) in the same dtype, and how it came about.

    Raises:
        ValueError: no such mode.

    Source: original `utils.resize_image`.
    """
    placement = find_placement((image.shape[0], image.shape[1]), min_dim, max_dim, min_scale, mode, dice, limited)
    return place(image, placement, border), placement


def find_placement(
    size: tuple[int, int],
    min_dim: int | None = None,
    max_dim: int | None = None,
    min_scale: float | None = None,
    mode: str = "square",
    dice: Dice | None = None,
    limited: bool | None = None,
) -> Placement:
    """Say how `resize_image` brings a picture of `size` (H, W) to its molded size; arguments as there."""
    if mode not in MODES:
        raise ValueError(f"no resize mode {mode!r}: expected one of {', '.join(MODES)}")
    if mode == "none":
        return Placement((0, 0, *size), 1, [(0, 0), (0, 0), (0, 0)], None)
    limited = mode == "square" if limited is None else limited
    scale = find_scale(size, min_dim, max_dim, min_scale, limited)
    height, width = scaled_size(size, scale)
    if mode == "crop":
        side = min_dim or min(height, width)
        dice = dice or random
        y, x = dice.randint(0, height - side), dice.randint(0, width - side)
        return Placement((0, 0, side, side), scale, [(0, 0), (0, 0), (0, 0)], (y, x, side, side))
    if mode == "square":
        full = (max_dim or max(height, width),) * 2
    else:
        full = (-(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE)
    top, left = (full[0] - height) // 2, (full[1] - width) // 2
    padding = [(top, full[0] - height - top), (left, full[1] - width - left), (0, 0)]
    return Placement((top, left, top + height, left + width), scale, padding, None)


def scaled_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Size in whole pixels after scaling, before padding or cropping."""
    return round(size[0] * scale), round(size[1] * scale)


def molded_size(size: tuple[int, int], placement: Placement) -> tuple[int, int]:
    """Molded size (h, w) of a picture of `size` (H, W) that is placed so."""
    if placement.crop is not None:
        return placement.crop[2], placement.crop[3]
    height, width = scaled_size(size, placement.scale)
    return height + sum(placement.padding[0]), width + sum(placement.padding[1])


def place(image: np.ndarray, placement: Placement, border: str = "edge") -> np.ndarray:
    """Resize a picture (H, W, C), and cut it or put it into the middle of black, as `find_placement` says."""
    if placement.scale != 1:
        image = resample.resize_like(image, scaled_size((image.shape[0], image.shape[1]), placement.scale), border)
    if placement.crop is not None:
        y, x, height, width = placement.crop
        return image[y : y + height, x : x + width]
    (top, bottom), (left, right), _ = placement.padding
    if not (top or bottom or left or right):
        return image
    height, width = image.shape[:2]
    canvas = np.zeros((top + height + bottom, left + width + right, *image.shape[2:]), image.dtype)
    canvas[top : top + height, left : left + width] = image
    return canvas


def subtract_mean(image: np.ndarray, mean_pixel: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return the picture as float32 less the mean, (h, w, C) or (B, h, w, C).

    Source: original `model.mold_image`.
    """
    return image.astype(np.float32) - np.asarray(mean_pixel, np.float32)


def add_mean(image: np.ndarray, mean_pixel: Sequence[float] | np.ndarray) -> np.ndarray:
    """Undo `subtract_mean`; returns uint8. Source: original `model.unmold_image`."""
    return (image + np.asarray(mean_pixel, np.float64)).astype(np.uint8)
