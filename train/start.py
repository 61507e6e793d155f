"""What a training starts from: published weights, another run, a backbone, or nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from common.errors import UserError
from mrcnn import checkpoint, file_config, from_config, training_network, weights
from mrcnn.backbone_weights import load_backbone
from mrcnn.choice import choose
from mrcnn.config import Config
from mrcnn.download import known_weights
from mrcnn.normalization import BatchNorm
from mrcnn.weight_file import read_shapes
from train.settings import WORDS, TrainSettings, unknown_settings

CLASS_LAYERS = ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask")
# Networks of keras.applications average their statistics over a thousand steps, in which weights that start from
# nothing become others: detection would run on statistics of long ago.
MOMENTUM = 0.9
# Settings that `--set` would not reach, and what does.
FLAGS = {
    "IMAGES_PER_GPU": "give --batch-size",
    "GPU_COUNT": "give --devices",
    "LEARNING_RATE": "give --learning-rate",
    "LEARNING_MOMENTUM": "sgd has a momentum of 0.9 here",
    "WEIGHT_DECAY": "give --weight-decay",
    "GRADIENT_CLIP_NORM": "give --clip-norm",
    "STEPS_PER_EPOCH": "give --steps",
    "VALIDATION_STEPS": "give --val-pictures",
    "SEED": "give --seed",
    "TRAIN_BN": "give --train-bn",
    "BACKBONE_WEIGHTS": "give --weights",
    "MIXED_PRECISION": "give --precision",
    "NUM_CLASSES": "the dataset and --classes say it",
    "NAME": "the dataset's folder says it",
}
FREE_LENGTH = ("RPN_ANCHOR_SCALES", "RPN_ANCHOR_RATIOS", "BACKBONE_STRIDES")
POSITIVE = (
    *FREE_LENGTH,
    *("FPN_CLASSIF_FC_LAYERS_SIZE", "TOP_DOWN_PYRAMID_SIZE", "RPN_CHANNELS", "MASK_HEAD_CHANNELS", "RPN_ANCHOR_STRIDE"),
    *("RPN_TRAIN_ANCHORS_PER_IMAGE", "PRE_NMS_LIMIT", "POST_NMS_ROIS_TRAINING", "POST_NMS_ROIS_INFERENCE"),
    *("TRAIN_ROIS_PER_IMAGE", "MAX_GT_INSTANCES", "DETECTION_MAX_INSTANCES", "POOL_SIZE", "MASK_POOL_SIZE"),
    *("MASK_SHAPE", "MINI_MASK_SHAPE", "IMAGE_MIN_DIM", "IMAGE_MAX_DIM", "RPN_BBOX_STD_DEV", "BBOX_STD_DEV"),
)
SHARES = ("RPN_NMS_THRESHOLD", "ROI_POSITIVE_RATIO", "DETECTION_MIN_CONFIDENCE", "DETECTION_NMS_THRESHOLD")


@dataclass(frozen=True)
class Start:
    """Where weights come from.

    Attributes:
        kind: "coco", "imagenet", "none", "file" or "resumed".
        path: the weight file, None for "imagenet", "none" and "resumed", whose weights come with its state.
        config: settings that belong to the file.
        class_names: of the file, background first; None where it does not tell.
    """

    kind: str
    path: Path | None = None
    config: Config | None = None
    class_names: tuple[str, ...] | None = None


def find(source: str) -> Start:
    """Find out what is meant by --weights.

    Raises:
        UserError: no such file or run, or no Mask R-CNN.
    """
    if source in WORDS[1:]:
        return Start(source)
    if source == WORDS[0]:
        try:
            path = known_weights("coco")
        except UserError as error:
            raise UserError(f"{error}; or start without: --preset small --weights none") from error
    else:
        path = choose(source).checkpoint
    if path.suffix == checkpoint.ONNX:
        raise UserError(f"{path}: an exported file cannot be trained; give its checkpoint, an .h5 file")
    kind = source if source in WORDS else "file"
    try:
        info = checkpoint.read(path)
    except UserError:
        # A plain file that does not tell what its classes are called is good enough to start from.
        count = file_config.class_count(read_shapes(path), path)
        info = checkpoint.read(path, [f"class {number}" for number in range(1, count)])
        return Start(kind, path, info.config)
    return Start(kind, path, info.config, info.class_names)


def resumed(stored: Mapping[str, Any]) -> Start:
    """Go on with the network of a run.

    Args:
        stored: what its config.json holds.
    """
    known = Config().to_dict()
    body = {name: value for name, value in stored.items() if name in known}
    return Start("resumed", config=Config.from_json(json.dumps(body)))


def learns_batch_norm(settings: TrainSettings) -> bool:
    """Whether batch normalisation learns: it must where the trunk starts from nothing."""
    return settings.train_bn == "yes" or (settings.train_bn == "auto" and settings.weights == "none")


def configuration(settings: TrainSettings, start: Start, class_names: Sequence[str]) -> Config:
    """Put the model's settings together: those of the weights, of preset and --config, then the flags.

    Args:
        settings: of the training.
        start: where weights come from.
        class_names: background first.

    Raises:
        UserError: a setting that there is not, or sizes that do not fit.
    """
    known = Config().to_dict()
    body: dict[str, Any] = json.loads(start.config.to_json()) if start.config is not None else {}
    if start.kind in WORDS[1:] or settings.config_counts:
        body |= settings.config
    body |= settings.own
    if unknown := unknown_settings(settings.own):
        raise UserError(f"--set: {unknown}")
    for name, value in settings.own.items():
        if name in FLAGS:
            raise UserError(f"--set {name}={value}: {FLAGS[name]}")
    _check_kinds("--set", settings.own)
    _check_kinds("--config", {name: value for name, value in settings.config.items() if name not in FLAGS})
    if settings.backbone is not None:
        body["BACKBONE"] = settings.backbone
    if settings.image_size is not None:
        body["IMAGE_MIN_DIM"] = body["IMAGE_MAX_DIM"] = settings.image_size
    body |= {
        "NAME": settings.data.resolve().name,
        "NUM_CLASSES": len(class_names),
        "IMAGES_PER_GPU": settings.batch_size,
        "GPU_COUNT": 1,
        "SEED": settings.seed,
        "LEARNING_RATE": settings.learning_rate,
        "WEIGHT_DECAY": settings.weight_decay,
        "GRADIENT_CLIP_NORM": settings.clip_norm or None,
        "TRAIN_BN": None if learns_batch_norm(settings) else False,
        "BACKBONE_WEIGHTS": "imagenet" if start.kind == "imagenet" else None,
        "MIXED_PRECISION": None if settings.precision == "float32" else settings.precision,
    }
    config = Config.from_json(json.dumps({name: value for name, value in body.items() if name in known}))
    _check(config)
    return config


def _check_kinds(flag: str, given: Mapping[str, Any]) -> None:
    """Hold what no library would say in one line, or nobody would say."""
    known = json.loads(Config().to_json())
    for name, value in given.items():
        if name not in known:
            continue
        usual = known[name]
        lists, numbers = isinstance(usual, list | tuple), isinstance(usual, int | float) and not isinstance(usual, bool)
        wrong = (lists and not isinstance(value, list)) or (isinstance(usual, dict) and not isinstance(value, dict))
        each = value if lists and isinstance(value, list) else [value]
        if numbers or lists:
            wrong = wrong or any(isinstance(one, bool) or not isinstance(one, int | float) for one in each)
        if wrong or (lists and name not in (*FREE_LENGTH, "MEAN_PIXEL") and len(value) != len(usual)):
            raise UserError(f"{flag} {name}={value}: expected something like {json.dumps(usual)}")


def _check(config: Config) -> None:
    _check_numbers(config)
    side = int(config.IMAGE_SHAPE[0])
    if config.IMAGE_RESIZE_MODE not in ("square", "crop"):
        raise UserError(
            f"IMAGE_RESIZE_MODE {config.IMAGE_RESIZE_MODE!r} gives pictures of many sizes; expected square or crop"
        )
    if side % 64:
        raise UserError(f"molded pictures of {side} pixels do not halve six times; use a multiple of 64")
    if config.IMAGE_CHANNEL_COUNT not in (1, 3) or config.IMAGE_CHANNEL_COUNT != len(config.MEAN_PIXEL):
        raise UserError(
            f"IMAGE_CHANNEL_COUNT is {config.IMAGE_CHANNEL_COUNT}, and MEAN_PIXEL has {len(config.MEAN_PIXEL)}; "
            "expected 3 of both, or 1 for grey pictures"
        )
    if any(int(length) != 2 * config.MASK_POOL_SIZE for length in config.MASK_SHAPE):
        raise UserError(f"MASK_SHAPE {tuple(config.MASK_SHAPE)} is not twice MASK_POOL_SIZE {config.MASK_POOL_SIZE}")
    if len(config.RPN_ANCHOR_SCALES) != len(config.BACKBONE_STRIDES):
        raise UserError(f"RPN_ANCHOR_SCALES needs {len(config.BACKBONE_STRIDES)} numbers, one a level of the pyramid")


def _check_numbers(config: Config) -> None:
    for name in POSITIVE:
        value = np.asarray(getattr(config, name), "float64")
        if not (np.isfinite(value).all() and (value > 0).all()):
            raise UserError(f"{name} is {json.loads(config.to_json())[name]}; expected more than 0")
    for name in SHARES:
        if not 0 <= getattr(config, name) <= 1:
            raise UserError(f"{name} is {getattr(config, name)}; expected a number from 0 to 1")


def build(config: Config) -> training_network.TrainingModel:
    """Build the network; kernels are decayed by the optimizer, not by a loss.

    Raises:
        UserError: no such backbone, or its weights cannot be fetched.
    """
    objective = from_config.objective(config)
    model = training_network.training_model(
        from_config.architecture(config),
        from_config.sampling(config),
        from_config.anchor_grid(config, (int(config.IMAGE_SHAPE[0]), int(config.IMAGE_SHAPE[1]))),
        training_network.Objective(objective.loss_weights, 0.0, objective.first_active, objective.padding_counts),
    )
    for layer in model.layers:
        if isinstance(layer, BatchNorm) and layer.train_statistics:
            layer.momentum = min(layer.momentum, MOMENTUM)
    with redirect_stdout(sys.stderr):  # Keras says there what it fetches
        load_backbone(model, config.BACKBONE, config.BACKBONE_WEIGHTS, "--weights", own_file=False)
    return model


def load(model: keras.Model, start: Start, class_names: Sequence[str]) -> str:
    """Load the weights to start from and say in a line what was loaded.

    Layers that have one part a class are left as they are unless the file has the very same classes.

    Raises:
        UserError: nothing matched, or a layer has another shape.
    """
    if start.kind == "resumed":
        return "goes on with weights of its own"
    if start.path is None:
        return "starts from nothing" if start.kind == "none" else "trunk from ImageNet; pyramid and heads from nothing"
    same = start.class_names is not None and tuple(start.class_names) == tuple(class_names)
    report = weights.load(model, start.path, by_name=True, exclude=() if same else CLASS_LAYERS)
    return f"{start.path}: {report}" + ("" if same else " (it has other classes: their layers start anew)")
