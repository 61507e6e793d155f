"""The one place that reads a `Config` for the engine: attributes in, numbers by name out."""

from __future__ import annotations

from typing import Any

from mrcnn.config import Config
from mrcnn.network import Architecture, Selection
from mrcnn.training_network import AnchorGrid, Objective, Sampling


def architecture(config: Config) -> Architecture:
    """Shapes of the weights."""
    return Architecture(
        num_classes=config.NUM_CLASSES,
        backbone=config.BACKBONE,
        image_channels=config.IMAGE_CHANNEL_COUNT,
        pyramid_channels=config.TOP_DOWN_PYRAMID_SIZE,
        fully_connected_units=config.FPN_CLASSIF_FC_LAYERS_SIZE,
        anchors_per_cell=len(config.RPN_ANCHOR_RATIOS),
        anchor_stride=config.RPN_ANCHOR_STRIDE,
        pool_size=config.POOL_SIZE,
        mask_pool_size=config.MASK_POOL_SIZE,
        train_bn=config.TRAIN_BN is None or bool(config.TRAIN_BN),
        mean_pixel=_numbers(config.MEAN_PIXEL),
        precision=config.MIXED_PRECISION,
        rpn_channels=config.RPN_CHANNELS,
        mask_channels=config.MASK_HEAD_CHANNELS,
    )


def selection(config: Config) -> Selection:
    """Which boxes survive at inference."""
    return Selection(
        pre_nms_limit=config.PRE_NMS_LIMIT,
        proposal_count=config.POST_NMS_ROIS_INFERENCE,
        rpn_nms_threshold=config.RPN_NMS_THRESHOLD,
        rpn_std_dev=_numbers(config.RPN_BBOX_STD_DEV),
        max_instances=config.DETECTION_MAX_INSTANCES,
        min_confidence=config.DETECTION_MIN_CONFIDENCE,
        nms_threshold=config.DETECTION_NMS_THRESHOLD,
        std_dev=_numbers(config.BBOX_STD_DEV),
    )


def sampling(config: Config) -> Sampling:
    """Which boxes the heads learn from."""
    return Sampling(
        pre_nms_limit=config.PRE_NMS_LIMIT,
        proposal_count=config.POST_NMS_ROIS_TRAINING,
        rpn_nms_threshold=config.RPN_NMS_THRESHOLD,
        rpn_std_dev=_numbers(config.RPN_BBOX_STD_DEV),
        count=config.TRAIN_ROIS_PER_IMAGE,
        positive_ratio=config.ROI_POSITIVE_RATIO,
        mask_shape=(int(config.MASK_SHAPE[0]), int(config.MASK_SHAPE[1])),
        mini_masks=(int(config.MINI_MASK_SHAPE[0]), int(config.MINI_MASK_SHAPE[1])) if config.USE_MINI_MASK else None,
        std_dev=_numbers(config.BBOX_STD_DEV),
        max_truth=config.MAX_GT_INSTANCES,
        stop_gradient=config.STOP_GRADIENT,
        given_rois=not config.USE_RPN_ROIS,
        seed=config.SEED,
    )


def anchor_grid(config: Config, size: tuple[int, int]) -> AnchorGrid:
    """Where the anchors of a molded picture of `size` lie."""
    return AnchorGrid(
        size=size,
        scales=_numbers(config.RPN_ANCHOR_SCALES),
        ratios=_numbers(config.RPN_ANCHOR_RATIOS),
        strides=tuple(int(stride) for stride in config.BACKBONE_STRIDES),
        anchor_stride=config.RPN_ANCHOR_STRIDE,
    )


def objective(config: Config) -> Objective:
    """How the losses are added up."""
    return Objective(
        loss_weights=dict(config.LOSS_WEIGHTS),
        weight_decay=config.WEIGHT_DECAY,
        first_active=config.FIRST_ACTIVE_CLASSES,
        padding_counts=config.PADDING_COUNTS,
    )


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
