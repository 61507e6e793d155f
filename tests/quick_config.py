"""Settings of a network that is built and run in a second: five convolutions, 64 x 64 pixels."""

from __future__ import annotations

from typing import Any

import keras

from mrcnn.config import Config


def small_trunk(input_image: Any, stage5: bool = False, train_bn: Any = None) -> list[Any]:
    """Return [C1, ..., C5]: a function in place of BACKBONE's name, as the original takes one."""
    stages, x = [], input_image
    for number, filters in enumerate((8, 8, 16, 16, 16), start=1):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu", name=f"res{number}")(x)
        stages.append(x)
    return stages


class QuickConfig(Config):
    NAME, NUM_CLASSES, IMAGES_PER_GPU, SEED = "quick", 1 + 3, 1, 3
    BACKBONE = staticmethod(small_trunk)
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 64
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TOP_DOWN_PYRAMID_SIZE, FPN_CLASSIF_FC_LAYERS_SIZE = 16, 16
    TRAIN_ROIS_PER_IMAGE, POST_NMS_ROIS_TRAINING, POST_NMS_ROIS_INFERENCE = 12, 30, 30
    DETECTION_MAX_INSTANCES, DETECTION_MIN_CONFIDENCE, MAX_GT_INSTANCES = 8, 0.0, 4
    STEPS_PER_EPOCH, VALIDATION_STEPS = 2, 1
