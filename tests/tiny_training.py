"""`python -m train` on a network that is built in a second; run as a program, it can be killed from outside."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SETTINGS = {
    "BACKBONE": "mobilenet_v3_small",  # five small convolutions stand in for it, see `shrink`
    "IMAGE_MIN_DIM": 64,
    "IMAGE_MAX_DIM": 64,
    "RPN_ANCHOR_SCALES": [8, 16, 32, 64, 128],
    "RPN_ANCHOR_RATIOS": [1],
    "RPN_ANCHOR_STRIDE": 1,
    "TOP_DOWN_PYRAMID_SIZE": 32,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 64,
    "RPN_CHANNELS": 32,
    "MASK_HEAD_CHANNELS": 16,
    "TRAIN_ROIS_PER_IMAGE": 12,
    "POST_NMS_ROIS_TRAINING": 50,
    "POST_NMS_ROIS_INFERENCE": 30,
    "POOL_SIZE": 5,
    "MASK_POOL_SIZE": 4,
    "MASK_SHAPE": [8, 8],
    "MINI_MASK_SHAPE": [28, 28],
    "DETECTION_MAX_INSTANCES": 10,
    "MAX_GT_INSTANCES": 4,
}


def stages(image: Any, name: str, train_bn: bool = False, mean_pixel: Any = None) -> list[Any]:
    """Return [None, C2, ..., C5] of five convolutions in place of a network of keras.applications."""
    import keras

    from mrcnn.normalization import BatchNorm

    found, x = [], keras.layers.Rescaling(1 / 64, name="backbone_pixels")(image)
    for stage, filters in enumerate((8, 16, 32, 32, 32), start=1):
        prefix = f"stage{max(stage, 2)}_{stage}"
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", name=f"{prefix}_conv")(x)
        x = BatchNorm(train_bn, name=f"{prefix}_bn")(x)
        x = keras.layers.Activation("relu", name=f"{prefix}_relu")(x)
        found.append(x)
    return [None, *found[1:]]


def shrink() -> None:
    """Put the small convolutions in place of every network of keras.applications."""
    from mrcnn import network

    network.application_stages = stages


def write_settings(path: Path) -> Path:
    path.write_text(json.dumps(SETTINGS))
    return path


def arguments(data: Path, run: Path, *more: str) -> list[str]:
    """Return flags of a training of two classes at 64 pixels."""
    settings = write_settings(run.parent / "tiny.json")
    fixed = f"--data {data} -o {run} --preset small --config {settings} --batch-size 4 --warm-up 4"
    return [*fixed.split(), *more]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from common.cli import run
    from train.cli import main

    shrink()
    sys.exit(run(main, sys.argv[1:]))
