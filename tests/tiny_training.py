"""`python -m train` on a network that is built in a second; run as a program, it can be killed from outside."""

from __future__ import annotations

import json
import shutil
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


def keep_epoch(number: int, copy: Path) -> None:
    """Have the run folder copied as it is after an epoch."""
    from train.run_folder import RunFolder

    prune = RunFolder.prune

    def copied(run: RunFolder, keep: int) -> None:
        prune(run, keep)
        if len(run.rows) == number:
            shutil.copytree(run.path, copy)

    RunFolder.prune = copied  # type: ignore[method-assign]


def run_eagerly(eagerly: bool) -> None:
    """A few steps do not repay the seconds that TensorFlow takes to compile them."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.run_functions_eagerly(eagerly)


def command(*flags: str) -> list[str]:
    """Return the command of a training in a process of its own; see `program` for what may stand before its flags."""
    return [sys.executable, __file__, *flags]


def program(flags: list[str]) -> int:
    """Run the flags of `python -m train`, after --eagerly and --keep-epoch NUMBER COPY."""
    from common.cli import run
    from train.cli import main

    if flags[:1] == ["--eagerly"]:
        run_eagerly(True)
        del flags[0]
    if flags[:1] == ["--keep-epoch"]:
        keep_epoch(int(flags[1]), Path(flags[2]))
        del flags[:3]
    shrink()
    return run(main, flags)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.exit(program(sys.argv[1:]))
