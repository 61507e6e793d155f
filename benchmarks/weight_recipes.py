"""Weight files and pictures for comparing Mask R-CNN libraries: the seeded goldens where they are, else made here."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np

CACHE = Path("build") / "benchmarks"
GOLDEN = Path("..") / "shared" / "golden" / "build_weights.py"
CITY = Path("..") / "shared" / "media" / "city.jpg"
SMALL, LARGE = "small_r50", "coco_like_r101"
CLASSES = {SMALL: 4, LARGE: 81}
BACKBONES = {SMALL: "resnet50", LARGE: "resnet101"}


def weight_file(name: str) -> tuple[Path, bool]:
    """Return a weight file, made once, and whether its detections are sure of themselves.

    Args:
        name: SMALL (ResNet-50, 4 classes) or LARGE (ResNet-101, 81 classes, the shape of `mask_rcnn_coco.h5`).
    """
    golden = GOLDEN.is_file()
    path = (CACHE / f"{name}{'' if golden else '_drawn'}.h5").resolve()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        if golden:
            _module(GOLDEN).build(name, unfinished)
        else:
            _draw(name, unfinished)
        unfinished.replace(path)
    return path, golden


def settings(name: str, side: int, sure: bool) -> dict[str, Any]:
    """Return the settings of a square network; where detections are not sure, as many as possible are kept."""
    return {
        "NAME": "measured",
        "BACKBONE": BACKBONES[name],
        "NUM_CLASSES": CLASSES[name],
        "GPU_COUNT": 1,
        "IMAGES_PER_GPU": 1,
        "IMAGE_RESIZE_MODE": "square",
        "IMAGE_MIN_DIM": min(side, 800),
        "IMAGE_MAX_DIM": side,
        "RESIZE_BORDER": "constant",  # ours only: the same pixels to the last bit
        "DETECTION_MAX_INSTANCES": 100,
        "DETECTION_MIN_CONFIDENCE": 0.7 if sure else 0.0,
    }


def picture(name: str) -> Path:
    """Return a photograph as a .npy file, (H, W, 3) uint8: "street" as it is, "frame" cut to 1920 x 1080."""
    import cv2

    path = (CACHE / f"{name}.npy").resolve()
    if CITY.is_file():
        import skimage.io

        photograph = skimage.io.imread(CITY)
    else:
        import skimage.data

        photograph = skimage.data.coffee()
    if name == "frame":
        height, width = photograph.shape[:2]
        strip = min(height, width * 9 // 16)
        top = (height - strip) // 2
        photograph = cv2.resize(photograph[top : top + strip], (1920, 1080), interpolation=cv2.INTER_CUBIC)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, photograph)
    return path


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _draw(name: str, path: Path) -> None:
    """Write seeded weights that keep the signal's size on its way through the network."""
    from mrcnn import network, weights

    architecture = network.Architecture(num_classes=CLASSES[name], backbone=BACKBONES[name])
    model = network.inference_model(architecture, network.Selection())
    dice = np.random.default_rng(0)
    for layer, variables in weights.weighted_layers(model).items():
        for variable in variables:
            if variable.name == "kernel":
                spread = np.sqrt(2 / np.prod(variable.shape[:-1]))
                variable.assign(dice.normal(0, spread, variable.shape).astype(np.float32))
            elif variable.name == "gamma" and re.fullmatch(r"bn\d\w+_branch2c", layer):
                variable.assign(np.full(variable.shape, 0.2, np.float32))  # sums of blocks do not grow
    weights.save(model, path)
