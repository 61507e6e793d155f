"""The settings of a model, under the original's names: subclass, change attributes, instantiate.

    class BalloonConfig(Config):
        NAME = "balloon"
        NUM_CLASSES = 1 + 1

Sizes are (height, width) pixels of the molded picture.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError

FIXED_LENGTH = 12  # numbers of a picture's meta before its classes


class Config:
    """The original's attributes and defaults; those at the end are new.

    Source: original `config.Config`.
    """

    NAME: str | None = None
    GPU_COUNT = 1
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 1000
    VALIDATION_STEPS = 50
    BACKBONE: str | Callable[..., list[Any]] = "resnet101"
    COMPUTE_BACKBONE_SHAPE: Callable[..., Any] | None = None
    BACKBONE_STRIDES: Any = (4, 8, 16, 32, 64)
    FPN_CLASSIF_FC_LAYERS_SIZE = 1024
    TOP_DOWN_PYRAMID_SIZE = 256
    NUM_CLASSES = 1
    RPN_ANCHOR_SCALES: Any = (32, 64, 128, 256, 512)
    RPN_ANCHOR_RATIOS: Any = (0.5, 1, 2)
    RPN_ANCHOR_STRIDE = 1
    RPN_NMS_THRESHOLD = 0.7
    RPN_TRAIN_ANCHORS_PER_IMAGE = 256
    PRE_NMS_LIMIT = 6000
    POST_NMS_ROIS_TRAINING = 2000
    POST_NMS_ROIS_INFERENCE = 1000
    USE_MINI_MASK = True
    MINI_MASK_SHAPE: Any = (56, 56)
    IMAGE_RESIZE_MODE = "square"
    IMAGE_MIN_DIM = 800
    IMAGE_MAX_DIM = 1024
    IMAGE_MIN_SCALE: float = 0
    IMAGE_CHANNEL_COUNT = 3
    MEAN_PIXEL: Any = np.array([123.7, 116.8, 103.9])
    TRAIN_ROIS_PER_IMAGE = 200
    ROI_POSITIVE_RATIO = 0.33
    POOL_SIZE = 7
    MASK_POOL_SIZE = 14
    MASK_SHAPE: Any = (28, 28)
    MAX_GT_INSTANCES = 100
    RPN_BBOX_STD_DEV: Any = np.array([0.1, 0.1, 0.2, 0.2])
    BBOX_STD_DEV: Any = np.array([0.1, 0.1, 0.2, 0.2])
    DETECTION_MAX_INSTANCES = 100
    DETECTION_MIN_CONFIDENCE: float = 0.7
    DETECTION_NMS_THRESHOLD = 0.3
    LEARNING_RATE = 0.001
    LEARNING_MOMENTUM = 0.9
    WEIGHT_DECAY = 0.0001
    LOSS_WEIGHTS: Any = {  # noqa: RUF012  (a subclass replaces it whole, as in the original)
        "rpn_class_loss": 1.0,
        "rpn_bbox_loss": 1.0,
        "mrcnn_class_loss": 1.0,
        "mrcnn_bbox_loss": 1.0,
        "mrcnn_mask_loss": 1.0,
    }
    USE_RPN_ROIS = True
    TRAIN_BN = False
    GRADIENT_CLIP_NORM = 5.0

    # New: what lies around a picture that is resized ("constant" gives the original's shaved borders), whether "pad64"
    # scales down to IMAGE_MAX_DIM, and the seed of the sampling (None: another one every time).
    RESIZE_BORDER = "edge"
    LIMIT_PAD64 = False
    SEED: int | None = None

    # New: how the training's losses are counted. The original lets the box loss leak into the proposals (STOP_GRADIENT
    # False), counts places without a box as background (PADDING_COUNTS True) and takes the active classes of a batch's
    # first picture for all of it (FIRST_ACTIVE_CLASSES True).
    STOP_GRADIENT = True
    PADDING_COUNTS = False
    FIRST_ACTIVE_CLASSES = False

    # New: where a BACKBONE by name (see `applications.names`) gets its weights when a model is built for training
    # ("imagenet", the path of a file, or None), and what to calculate with: None for float32, "float16" or "bfloat16"
    # (weights stay float32).
    BACKBONE_WEIGHTS: str | None = None
    MIXED_PRECISION: str | None = None

    # New: channels inside the region proposal network and the mask head, which the original has fixed. For small
    # pictures on a CPU they are most of the work.
    RPN_CHANNELS = 512
    MASK_HEAD_CHANNELS = 256

    def __init__(self) -> None:
        """Compute BATCH_SIZE, IMAGE_SHAPE and IMAGE_META_SIZE from the attributes."""
        self.BATCH_SIZE = self.IMAGES_PER_GPU * self.GPU_COUNT
        side = self.IMAGE_MIN_DIM if self.IMAGE_RESIZE_MODE == "crop" else self.IMAGE_MAX_DIM
        self.IMAGE_SHAPE = np.array([side, side, self.IMAGE_CHANNEL_COUNT])
        self.IMAGE_META_SIZE = FIXED_LENGTH + self.NUM_CLASSES

    def to_dict(self) -> dict[str, Any]:
        """Return every setting by name, upper-case names only."""
        return {name: getattr(self, name) for name in sorted(dir(self)) if name.isupper() and not name.startswith("_")}

    def display(self) -> None:
        """Print every setting, as the original does."""
        print("\nConfigurations:")  # noqa: T201
        for name, value in self.to_dict().items():
            print(f"{name:30} {value}")  # noqa: T201
        print("\n")  # noqa: T201

    def to_json(self) -> str:
        """Return the settings as JSON.

        Raises:
            UserError: BACKBONE is a function, which no file can hold.
        """
        settings = self.to_dict()
        if callable(settings["BACKBONE"]):
            raise UserError("BACKBONE is a function and cannot be written to a file; name a backbone instead")
        del settings["COMPUTE_BACKBONE_SHAPE"]
        return json.dumps({name: _plain(value) for name, value in settings.items()}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Config:
        """Build a configuration from what `to_json` wrote; a subclass's own settings come along.

        Raises:
            UserError: a name that is no setting's: settings are in upper case.
        """
        settings = json.loads(text)
        computed = ("BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE")
        unknown = [name for name in settings if not name.isupper()]
        if unknown:
            raise UserError(
                f"no settings: {', '.join(unknown)}; settings have names in upper case, such as NUM_CLASSES"
            )
        arrays = {name for name in settings if isinstance(getattr(cls, name, None), np.ndarray)}
        body = {
            name: np.array(value) if name in arrays else value
            for name, value in settings.items()
            if name not in computed
        }
        return type(cls.__name__, (cls,), body)()

    def save(self, path: str | Path) -> None:
        """Write `to_json` to a file."""
        Path(path).write_text(self.to_json(), encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value
