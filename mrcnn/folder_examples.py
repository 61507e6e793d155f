"""Examples of a dataset folder, the fast path: one warp brings the picture to its place, masks travel as crops.

Legend: H, W pixels of the molded picture, N objects, C channels. Without augmentation the picture is what
`examples.load` and inference make of it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np

from mrcnn import examples, masks, moved_objects, picture_meta, preprocess
from mrcnn.dataset_folder import FolderDataset
from mrcnn.examples import Example, Resizing
from mrcnn.moved_objects import Moved

LEAST_VISIBLE = 0.15  # of an object; what sticks out less neither teaches nor punishes, as a crowd
LEAST_SIDE = 2  # pixels, likewise


class Augmentation(Protocol):
    """A change of pictures in two parts: where pixels go, and what colour they get."""

    def motion(self, dice: np.random.Generator, window: tuple[int, int, int, int]) -> np.ndarray | None:
        """Return a (2, 3) matrix on molded pixels (x, y, 1), or None for no motion.

        Args:
            dice: draws it.
            window: (y1, x1, y2, x2), the part of the molded picture that is not padding.
        """

    def paint(self, image: np.ndarray, seed: int) -> np.ndarray:
        """Return a picture (H, W, 3) uint8 of the same size in other colours."""


class _Placed(NamedTuple):
    image: np.ndarray
    objects: list[Moved | None]


@dataclass(frozen=True)
class FolderLoader:
    """Loads the examples of a dataset folder; it can be sent to another process.

    An object of which little is left in the picture is kept as a crowd (its class negative): neither the thing to be
    learnt nor background. A draw that loses every object is made again, `examples.DRAWS` times at most, and then left.

    Attributes:
        dataset: a split.
        resizing: how pictures are molded.
        channels: of the network's pictures.
        augmentation: an `Augmentation`, or an imgaug augmenter, which goes the slower way of `examples.augment` over
            masks of the molded size; None for none.
    """

    dataset: FolderDataset
    resizing: Resizing
    channels: int = 3
    augmentation: Any = None

    def __call__(self, image_id: int) -> Example:
        """Load a picture without augmentation."""
        return self._load(image_id, 0, None)

    def seeded(self, image_id: int, seed: int) -> Example:
        """See `SeededLoader`."""
        return self._load(image_id, seed, self.augmentation)

    def _load(self, image_id: int, seed: int, augmentation: Any) -> Example:
        stored = preprocess.match_channels(self.dataset.load_image(image_id), self.channels)
        crops, class_ids = self.dataset.load_crops(image_id)
        dice = np.random.default_rng(seed)
        molded, placement = self._molding(stored, int(dice.integers(2**31)))
        size = (molded.shape[0], molded.shape[1])
        matrix = moved_objects.molding_matrix((stored.shape[0], stored.shape[1]), placement)
        by_parts = hasattr(augmentation, "motion")
        placed = _Placed(molded, [moved_objects.move(crop, matrix, size) for crop in crops])
        if augmentation is not None and by_parts:
            placed = self._in_parts(stored, (placed, matrix, placement.window), crops, augmentation, dice)
        elif augmentation is not None:
            placed = self._whole(placed, augmentation, int(dice.integers(2**31)))
        active = np.zeros(self.dataset.num_classes, np.int32)
        active[self.dataset.source_class_ids[self.dataset.image_info[image_id]["source"]]] = 1
        window, scale = placement.window, placement.scale
        meta = picture_meta.compose(image_id, stored.shape, placed.image.shape, window, scale, active)
        return self._example(placed, meta, class_ids)

    def _molding(self, stored: np.ndarray, seed: int) -> tuple[np.ndarray, preprocess.Placement]:
        numbers = self.resizing
        return preprocess.resize_image(
            stored,
            numbers.min_dim,
            numbers.max_dim,
            numbers.min_scale,
            numbers.mode,
            numbers.border,
            random.Random(seed),
        )

    def _in_parts(
        self,
        stored: np.ndarray,
        plain: tuple[_Placed, np.ndarray, tuple[int, int, int, int]],
        crops: list[moved_objects.Crop],
        augmentation: Augmentation,
        dice: np.random.Generator,
    ) -> _Placed:
        """Move the picture once; colour the smaller of the stored and the molded one; what is around stays black."""
        placed, matrix, window = plain
        size = (placed.image.shape[0], placed.image.shape[1])
        motion, objects = None, placed.objects
        for _ in range(examples.DRAWS):
            drawn = augmentation.motion(dice, window)
            if drawn is None:
                break
            moved = [moved_objects.move(crop, _after(drawn, matrix), size) for crop in crops]
            if not crops or any(_teaches(one) for one in moved):
                motion, objects = drawn, moved
                break
        seed = int(dice.integers(2**31))
        if motion is None:
            top, left, bottom, right = window
            image = placed.image.copy()
            image[top:bottom, left:right] = augmentation.paint(placed.image[top:bottom, left:right], seed)
            return _Placed(image, objects)
        whole = _after(motion, matrix)
        if stored.shape[0] * stored.shape[1] <= size[0] * size[1]:
            return _Placed(_warped(augmentation.paint(stored, seed), whole, size), objects)
        image = augmentation.paint(_warped(stored, whole, size), seed)
        inside = _warped(np.ones((*stored.shape[:2], 1), np.uint8), whole, size)
        return _Placed(image * inside, objects)

    def _whole(self, placed: _Placed, augmentation: Any, seed: int) -> _Placed:
        drawn = np.zeros((len(placed.objects), *placed.image.shape[:2]), bool)
        for canvas, one in zip(drawn, placed.objects, strict=True):
            if one is not None:
                canvas[one.box[0] : one.box[2], one.box[1] : one.box[3]] = one.mask
        image, moved = examples.augment(placed.image, drawn.transpose(1, 2, 0), augmentation, seed)
        objects: list[Moved | None] = []
        for place, box in enumerate(masks.extract_boxes(moved).tolist()):
            top, left, bottom, right = box
            # How much of it was left outside is not known here: an augmenter may stretch as well as push.
            part = moved[top:bottom, left:right, place]
            objects.append(Moved((top, left, bottom, right), part, 1.0) if part.size else None)
        return _Placed(image, objects)

    def _example(self, placed: _Placed, meta: np.ndarray, class_ids: np.ndarray) -> Example:
        seen = [
            (one, number) for one, number in zip(placed.objects, class_ids.tolist(), strict=True) if one is not None
        ]
        numbers = [number if _teaches(one) else -abs(number) for one, number in seen]
        boxes = np.array([one.box for one, _ in seen], np.int32).reshape(-1, 4)
        if self.resizing.mini_masks is not None:
            drawn = np.zeros((*self.resizing.mini_masks, len(seen)), bool)
            for place, (one, _) in enumerate(seen):
                drawn[..., place] = moved_objects.minimize(one.mask, self.resizing.mini_masks)
        else:
            drawn = np.zeros((*placed.image.shape[:2], len(seen)), bool)
            for place, (one, _) in enumerate(seen):
                drawn[one.box[0] : one.box[2], one.box[1] : one.box[3], place] = one.mask
        return Example(placed.image, meta, np.array(numbers, np.int32), boxes, drawn)


def _teaches(one: Moved | None) -> bool:
    if one is None:
        return False
    return one.visible >= LEAST_VISIBLE and min(one.mask.shape) >= LEAST_SIDE


def _after(motion: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(2, 3) matrix of `matrix`, then `motion`."""
    last = np.array([[0.0, 0.0, 1.0]])
    return (np.concatenate([motion, last]) @ np.concatenate([matrix, last]))[:2]


def _warped(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Move a picture (h, w, C) to (H, W, C); black comes in from outside, as in the padding."""
    warped = cv2.warpAffine(image, matrix, (size[1], size[0]), flags=cv2.INTER_LINEAR)
    return warped if warped.ndim == image.ndim else warped[..., None]
