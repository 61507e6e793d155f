"""A network small enough to learn in a test: bright squares and dark discs on noise, a trunk of five convolutions."""

from __future__ import annotations

from typing import Any

import cv2
import keras
import numpy as np

from mrcnn.config import Config
from mrcnn.dataset import Dataset

SIDE = 64


class TinyConfig(Config):
    """64 x 64 pixels, two classes."""

    NAME, NUM_CLASSES, IMAGES_PER_GPU, SEED = "tiny", 3, 4, 1
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = SIDE
    RPN_ANCHOR_SCALES, RPN_ANCHOR_RATIOS = (8, 16, 32, 64, 128), (1,)
    TOP_DOWN_PYRAMID_SIZE, FPN_CLASSIF_FC_LAYERS_SIZE = 32, 64
    TRAIN_ROIS_PER_IMAGE, POST_NMS_ROIS_TRAINING, POST_NMS_ROIS_INFERENCE = 12, 50, 30
    POOL_SIZE, MASK_POOL_SIZE, MASK_SHAPE = 5, 4, (8, 8)
    DETECTION_MAX_INSTANCES, MAX_GT_INSTANCES = 10, 4
    MINI_MASK_SHAPE = (28, 28)
    STEPS_PER_EPOCH, VALIDATION_STEPS = 150, 1

    @staticmethod
    def BACKBONE(image: Any, stage5: bool = True, train_bn: bool = False) -> list[Any]:
        stages, x = [], image
        for stage, filters in enumerate((8, 16, 32, 32, 32), start=1):
            convolution = keras.layers.Conv2D(
                filters,
                3,
                strides=2,
                padding="same",
                activation="relu",
                name=f"res{stage}",
                kernel_initializer=keras.initializers.HeNormal(seed=stage),
            )
            x = convolution(x / 64 if stage == 1 else x)
            stages.append(x)
        return stages


class Shapes(Dataset):
    """One to three things a picture that do not touch; a picture hangs on its number alone."""

    def things(self, image_id: int) -> list[tuple[int, np.ndarray]]:
        """Return (class, (64, 64) bool) of every thing."""
        dice = np.random.default_rng(image_id + 1000 * self.first)
        taken, found = np.zeros((SIDE, SIDE), bool), []
        for _ in range(dice.integers(1, 4)):
            side, kind = int(dice.integers(12, 24)), int(dice.integers(1, 3))
            y, x = (int(v) for v in dice.integers(2, SIDE - side - 2, 2))
            mask = np.zeros((SIDE, SIDE), np.uint8)
            if kind == 1:
                mask[y : y + side, x : x + side] = 1
            else:
                cv2.circle(mask, (x + side // 2, y + side // 2), side // 2, 1, -1)
            if not (cv2.dilate(mask, np.ones((5, 5))).astype(bool) & taken).any():
                taken |= mask.astype(bool)
                found.append((kind, mask.astype(bool)))
        return found

    first = 0

    def load_image(self, image_id: int) -> np.ndarray:
        dice = np.random.default_rng(image_id)
        picture = dice.normal(120, 8, (SIDE, SIDE, 3))
        for kind, mask in self.things(image_id):
            picture[mask] += 90 if kind == 1 else -90
        return np.clip(picture, 0, 255).astype(np.uint8)

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        kinds, masks = zip(*self.things(image_id), strict=True)
        return np.stack(masks, axis=-1), np.array(kinds, np.int32)


def shapes(count: int, first: int = 0) -> Shapes:
    """Return a prepared set of pictures."""
    data = Shapes()
    data.first = first
    for number, name in enumerate(("square", "disc"), start=1):
        data.add_class("shapes", number, name)
    for number in range(count):
        data.add_image("shapes", number, None)
    data.prepare()
    return data
