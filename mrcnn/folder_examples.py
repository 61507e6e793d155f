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


class _Stored(NamedTuple):
    """A picture as it lies on the disk, its objects, and where both go; nothing is moved yet."""

    image: np.ndarray
    crops: list[moved_objects.Crop]
    placement: preprocess.Placement
    matrix: np.ndarray  # from its pixels to molded ones
    size: tuple[int, int]  # (H, W)


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
        dice = np.random.default_rng(seed)
        stored, class_ids = self._stored(image_id, int(dice.integers(2**31)))
        if hasattr(augmentation, "motion"):
            placed = self._in_parts(stored, augmentation, dice)
        else:
            placed = self._plain(stored)
            if augmentation is not None:
                placed = self._whole(placed, augmentation, int(dice.integers(2**31)))
        active = np.zeros(self.dataset.num_classes, np.int32)
        active[self.dataset.source_class_ids[self.dataset.image_info[image_id]["source"]]] = 1
        window, scale = stored.placement.window, stored.placement.scale
        meta = picture_meta.compose(image_id, stored.image.shape, placed.image.shape, window, scale, active)
        return self._example(placed, meta, class_ids)

    def _stored(self, image_id: int, seed: int) -> tuple[_Stored, np.ndarray]:
        image = preprocess.match_channels(self.dataset.load_image(image_id), self.channels)
        crops, class_ids = self.dataset.load_crops(image_id)
        numbers, size = self.resizing, (image.shape[0], image.shape[1])
        placement = preprocess.find_placement(
            size, numbers.min_dim, numbers.max_dim, numbers.min_scale, numbers.mode, random.Random(seed)
        )
        matrix = moved_objects.molding_matrix(size, placement)
        return _Stored(image, crops, placement, matrix, preprocess.molded_size(size, placement)), class_ids

    def _plain(self, stored: _Stored) -> _Placed:
        image = preprocess.place(stored.image, stored.placement, self.resizing.border)
        return _Placed(image, [moved_objects.move(crop, stored.matrix, stored.size) for crop in stored.crops])

    def _in_parts(self, stored: _Stored, augmentation: Augmentation, dice: np.random.Generator) -> _Placed:
        """Move the picture once; colour the smaller of the stored and the molded one; what is around stays black."""
        motion, objects, window = None, [], stored.placement.window
        for _ in range(examples.DRAWS):
            drawn = augmentation.motion(dice, window)
            if drawn is None:
                break
            moved = [moved_objects.move(crop, _after(drawn, stored.matrix), stored.size) for crop in stored.crops]
            if not stored.crops or any(_teaches(one) for one in moved):
                motion, objects = drawn, moved
                break
        seed = int(dice.integers(2**31))
        if motion is None:
            image, objects = self._plain(stored)
            top, left, bottom, right = window
            painted = augmentation.paint(image[top:bottom, left:right], seed)
            if painted.shape == image.shape:
                return _Placed(painted, objects)
            image[top:bottom, left:right] = painted  # there is padding, hence a canvas of its own
            return _Placed(image, objects)
        whole, size = _after(motion, stored.matrix), stored.size
        height, width = stored.image.shape[:2]
        if height * width <= size[0] * size[1]:
            return _Placed(_warped(augmentation.paint(stored.image, seed), whole, size), objects)
        image = augmentation.paint(_warped(stored.image, whole, size), seed)
        inside = _warped(np.ones((height, width, 1), np.uint8), whole, size)
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
    canvas = np.zeros((*size, image.shape[2]), image.dtype)
    height, width = image.shape[:2]
    # A pixel more on each side, where the outermost ones fade into black.
    left, top, right, bottom = moved_objects.reach((-1, -1), (height + 2, width + 2), matrix, size)
    if left < right and top < bottom:
        # Only where it comes to lie: what is around it is half of the work with a small picture.
        inner = matrix.copy()
        inner[:, 2] -= left, top
        warped = cv2.warpAffine(image, inner, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
        canvas[top:bottom, left:right] = warped.reshape(bottom - top, right - left, -1)
    return canvas
