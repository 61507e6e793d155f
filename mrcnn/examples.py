"""One picture of a data set as an example to learn from: resized, augmented, boxes around its masks.

Legend: H, W pixels of the molded picture, N objects, h, w cells of a small mask, C classes with background.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from common import imgaug_numpy2
from common.errors import UserError
from mrcnn import masks, picture_meta, preprocess
from mrcnn.dataset import Dataset

DRAWS = 5  # of an augmentation that loses every object


@dataclass(frozen=True)
class Resizing:
    """Numbers for `preprocess.resize_image`, and whether masks are kept small.

    Attributes:
        min_dim: see there, and so for the next four.
        max_dim: -
        min_scale: -
        mode: -
        border: -
        mini_masks: (h, w), or None for masks of the picture's size.
    """

    min_dim: int
    max_dim: int
    min_scale: float = 0
    mode: str = "square"
    border: str = "edge"
    mini_masks: tuple[int, int] | None = None


class Example(NamedTuple):
    """What there is to learn from one picture.

    Attributes:
        image: (H, W, 3) uint8.
        meta: (12 + C,) see `picture_meta`.
        class_ids: (N,) int32.
        boxes: (N, 4) int32 (y1, x1, y2, x2) pixels.
        masks: (H, W, N) or (h, w, N) bool.
    """

    image: np.ndarray
    meta: np.ndarray
    class_ids: np.ndarray
    boxes: np.ndarray
    masks: np.ndarray


class SeededLoader(Protocol):
    """Loads pictures by number so that the same seed gives the same example."""

    def seeded(self, image_id: int, seed: int) -> Example:
        """Load a picture; every random choice follows from the seed."""


@dataclass(frozen=True)
class Loader:
    """Loads the examples of a data set; it can be sent to another process if the data set can.

    Attributes:
        dataset: see `load`, and so for the next four.
        resizing: -
        channels: -
        flip: -
        augmentation: -
        plain_sources: sources whose pictures are not augmented.
    """

    dataset: Dataset
    resizing: Resizing
    channels: int = 3
    flip: bool = False
    augmentation: Any = None
    plain_sources: tuple[str, ...] = ()

    def __call__(self, image_id: int, seed: int | None = None) -> Example:
        """Load a picture's example; by chance from `random` and imgaug's own state where there is no seed."""
        plain = self.dataset.image_info[image_id]["source"] in self.plain_sources
        extra = None if plain else self.augmentation
        return load(self.dataset, image_id, self.resizing, self.channels, self.flip, extra, seed)

    def seeded(self, image_id: int, seed: int) -> Example:
        """See `SeededLoader`."""
        return self(image_id, seed)


def load(
    dataset: Dataset,
    image_id: int,
    resizing: Resizing,
    channels: int = 3,
    flip: bool = False,
    augmentation: Any = None,
    seed: int | None = None,
) -> Example:
    """Load a picture and its truth.

    Args:
        dataset: prepared.
        image_id: number in the data set.
        resizing: how it is molded.
        channels: of the network's pictures.
        flip: whether it is mirrored half of the time.
        augmentation: an imgaug augmenter; whatever moves pixels moves the masks, too.
        seed: of every random choice; None: `random` and imgaug's own state, as in the original.

    Returns:
        The example; objects that fall out of the picture are left out.

    Raises:
        UserError: the masks do not fit the picture, or a class is not one of the data set's.

    Source: original `model.load_image_gt`.
    """
    dice: Any = random if seed is None else random.Random(seed)
    picture = preprocess.match_channels(dataset.load_image(image_id), channels)
    drawn, class_ids = _checked(dataset, image_id, picture.shape)
    molded, placement = preprocess.resize_image(
        picture, resizing.min_dim, resizing.max_dim, resizing.min_scale, resizing.mode, resizing.border, dice
    )
    drawn = masks.resize_masks(drawn, placement.scale, placement.padding, placement.crop).astype(bool)
    if flip and dice.randint(0, 1):
        molded, drawn = np.fliplr(molded), np.fliplr(drawn)
    if augmentation is not None:
        molded, drawn = augment(molded, drawn, augmentation, seed)
    boxes = masks.extract_boxes(drawn)
    seen = boxes.any(axis=1)
    drawn, class_ids, boxes = drawn[..., seen] if not seen.all() else drawn, class_ids[seen], boxes[seen]
    active = np.zeros(dataset.num_classes, np.int32)
    active[dataset.source_class_ids[dataset.image_info[image_id]["source"]]] = 1
    if resizing.mini_masks is not None:
        drawn = masks.minimize(boxes, drawn, resizing.mini_masks, resizing.border)
    meta = picture_meta.compose(image_id, picture.shape, molded.shape, placement.window, placement.scale, active)
    return Example(molded, meta, class_ids, boxes, drawn)


def _checked(dataset: Dataset, image_id: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Load masks (H, W, N) and class ids (N,), and see that they belong to a picture of `shape`."""
    drawn, class_ids = dataset.load_mask(image_id)
    drawn, class_ids = np.asarray(drawn), np.asarray(class_ids)
    if not class_ids.size:
        return np.zeros((*shape[:2], 0), bool), class_ids.astype(np.int32)
    where = f"image {image_id} ({dataset.image_info[image_id]['path']})"
    if drawn.ndim != 3 or drawn.shape != (*shape[:2], len(class_ids)):
        raise UserError(
            f"{where}: load_mask gave masks of {drawn.shape} and {len(class_ids)} class ids for a picture of "
            f"{shape[:2]}; expected (height, width, objects) of the picture's size and a class id an object"
        )
    if np.abs(class_ids).max() >= dataset.num_classes:
        raise UserError(
            f"{where}: load_mask gave class {np.abs(class_ids).max()}, the data set has {dataset.num_classes} with "
            "the background; call add_class for each"
        )
    return drawn, class_ids


def augment(
    image: np.ndarray, drawn: np.ndarray, augmentation: Any, seed: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Put the same random change on a picture (H, W, 3) and its masks (H, W, N).

    With a seed the change follows from it, and one that moves every object out of the picture is drawn again, up to
    `DRAWS` times, and then left: pictures do not drop out of an epoch by chance.

    Masks travel as imgaug's segmentation maps, eight to a number: every augmenter knows whether it moves those, and
    what it shifts in from outside belongs to no object. The original sends them as pictures through the augmenters on a
    list; others (Crop, Rotate, ElasticTransformation ...) leave its masks behind.

    Raises:
        ValueError: the augmenter changed the size.
    """
    if seed is None:
        return _augment_once(image, drawn, augmentation, None)
    for draw in np.random.SeedSequence(seed).generate_state(DRAWS).tolist():
        changed, moved = _augment_once(image, drawn, augmentation, draw)
        if moved.any() or not drawn.any():
            return changed, moved
    return image, drawn


def _augment_once(
    image: np.ndarray, drawn: np.ndarray, augmentation: Any, seed: int | None
) -> tuple[np.ndarray, np.ndarray]:
    imgaug = imgaug_numpy2.load()
    fixed = augmentation.to_deterministic()
    if seed is not None:
        fixed.seed_(seed, deterministic_too=True)
    changed = fixed.augment_image(image)
    if changed.shape != image.shape:
        raise ValueError(
            f"the augmentation changed the size {image.shape[:2]} to {changed.shape[:2]}; use augmenters that keep it"
        )
    if not drawn.shape[-1]:
        return changed, drawn
    maps = imgaug.SegmentationMapsOnImage(_packed(drawn), shape=image.shape)
    moved = fixed.augment_segmentation_maps([maps])[0].get_arr()
    places = range(drawn.shape[-1])
    return changed, np.stack([moved[..., place // 8] & 1 << place % 8 for place in places]).astype(bool).transpose(
        1, 2, 0
    )


def _packed(drawn: np.ndarray) -> np.ndarray:
    """(H, W, N) bool -> (H, W, N / 8) uint8, one mask a bit."""
    planes = np.zeros((-(-drawn.shape[-1] // 8), *drawn.shape[:2]), np.uint8)
    for place in range(drawn.shape[-1]):
        planes[place // 8] |= drawn[..., place].astype(np.uint8) << place % 8
    return planes.transpose(1, 2, 0)
