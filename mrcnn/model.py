"""The original's `model`: its names and signatures over the engine.

Legend: B batch, N boxes, A anchors, H, W, h, w sizes in pixels or cells, C classes. Boxes are (y1, x1, y2, x2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from mrcnn import anchors, backbone, examples, image_meta, losses, preprocess, rpn, rpn_targets
from mrcnn import boxes as box_maths
from mrcnn import random_rois as drawn_rois
from mrcnn.array_log import log
from mrcnn.config import Config
from mrcnn.data_generator import DataGenerator, data_generator, head_targets_of
from mrcnn.dataset import Dataset
from mrcnn.detections import DetectionLayer
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.normalization import BatchNorm
from mrcnn.original_graphs import (
    batch_pack_graph,
    build_fpn_mask_graph,
    conv_block,
    detection_targets_graph,
    fpn_classifier_graph,
    identity_block,
    refine_detections_graph,
    rpn_graph,
    smooth_l1_loss,
    trim_zeros_graph,
)
from mrcnn.proposals import ProposalLayer
from mrcnn.roi_align import PyramidROIAlign
from mrcnn.targets import DetectionTargetLayer
from mrcnn.training import resizing_of

__all__ = [
    "BatchNorm",
    "DataGenerator",
    "DetectionLayer",
    "DetectionTargetLayer",
    "MaskRCNN",
    "ProposalLayer",
    "PyramidROIAlign",
    "apply_box_deltas_graph",
    "batch_pack_graph",
    "build_detection_targets",
    "build_fpn_mask_graph",
    "build_rpn_model",
    "build_rpn_targets",
    "clip_boxes_graph",
    "compose_image_meta",
    "compute_backbone_shapes",
    "conv_block",
    "data_generator",
    "denorm_boxes_graph",
    "detection_targets_graph",
    "fpn_classifier_graph",
    "generate_random_rois",
    "identity_block",
    "load_image_gt",
    "log",
    "log2_graph",
    "mold_image",
    "mrcnn_bbox_loss_graph",
    "mrcnn_class_loss_graph",
    "mrcnn_mask_loss_graph",
    "norm_boxes_graph",
    "overlaps_graph",
    "parse_image_meta",
    "parse_image_meta_graph",
    "refine_detections_graph",
    "resnet_graph",
    "rpn_bbox_loss_graph",
    "rpn_class_loss_graph",
    "rpn_graph",
    "smooth_l1_loss",
    "trim_zeros_graph",
    "unmold_image",
]

apply_box_deltas_graph = box_maths.apply_deltas
clip_boxes_graph = box_maths.clip
overlaps_graph = box_maths.overlaps


def compute_backbone_shapes(config: Config, image_shape: Sequence[int]) -> np.ndarray:
    """Return (levels, 2) int cells of the pyramid's levels."""
    if callable(config.BACKBONE):
        if config.COMPUTE_BACKBONE_SHAPE is None:
            raise ValueError("BACKBONE is a function: set COMPUTE_BACKBONE_SHAPE to one, too")
        return config.COMPUTE_BACKBONE_SHAPE(image_shape)
    return anchors.feature_shapes((int(image_shape[0]), int(image_shape[1])), config.BACKBONE_STRIDES)


def resnet_graph(input_image: Any, architecture: str, stage5: bool = False, train_bn: bool = True) -> list[Any]:
    """Return [C1, ..., C5]."""
    return backbone.resnet(input_image, architecture, stage5, train_bn)


def log2_graph(x: Any) -> Any:
    """Return the logarithm to base 2."""
    return ops.log2(x)


def build_rpn_model(anchor_stride: int, anchors_per_location: int, depth: int) -> Any:
    """Return the region proposal network for one level."""
    return rpn.rpn_model(depth, anchors_per_location, anchor_stride)


def rpn_class_loss_graph(rpn_match: Any, rpn_class_logits: Any) -> Any:
    """Return the proposals' class loss; rpn_match is (B, A, 1)."""
    return losses.rpn_class_loss(rpn_match[..., 0], rpn_class_logits)


def rpn_bbox_loss_graph(config: Config, target_bbox: Any, rpn_match: Any, rpn_bbox: Any) -> Any:
    """Return the proposals' box loss; rpn_match is (B, A, 1)."""
    return losses.rpn_bbox_loss(rpn_match[..., 0], target_bbox, rpn_bbox)


def mrcnn_class_loss_graph(target_class_ids: Any, pred_class_logits: Any, active_class_ids: Any) -> Any:
    """Return the heads' class loss; the first picture's classes count for the batch."""
    return losses.class_loss(target_class_ids, pred_class_logits, active_class_ids[:1])


def mrcnn_bbox_loss_graph(target_bbox: Any, target_class_ids: Any, pred_bbox: Any) -> Any:
    """Return the heads' box loss."""
    return losses.bbox_loss(target_bbox, target_class_ids, pred_bbox)


def mrcnn_mask_loss_graph(target_masks: Any, target_class_ids: Any, pred_masks: Any) -> Any:
    """Return the mask loss."""
    return losses.mask_loss(target_masks, target_class_ids, pred_masks)


def load_image_gt(
    dataset: Dataset,
    config: Config,
    image_id: int,
    augment: bool = False,
    augmentation: Any = None,
    use_mini_mask: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return image, image_meta, class_ids, bbox and mask; see `examples.load`."""
    resizing = resizing_of(config, use_mini_mask)
    channels = config.IMAGE_CHANNEL_COUNT
    return tuple(examples.load(dataset, image_id, resizing, channels, augment, augmentation))  # type: ignore[return-value]


def build_rpn_targets(
    image_shape: Sequence[int], anchors: np.ndarray, gt_class_ids: np.ndarray, gt_boxes: np.ndarray, config: Config
) -> tuple[np.ndarray, np.ndarray]:
    """Return rpn_match (A,) and rpn_bbox (RPN_TRAIN_ANCHORS_PER_IMAGE, 4)."""
    count, std_dev = config.RPN_TRAIN_ANCHORS_PER_IMAGE, config.RPN_BBOX_STD_DEV
    return rpn_targets.build(anchors, gt_class_ids, gt_boxes, count, std_dev, np.random)


def generate_random_rois(
    image_shape: Sequence[int], count: int, gt_class_ids: np.ndarray, gt_boxes: np.ndarray
) -> np.ndarray:
    """Return (count, 4) int32 boxes drawn by chance, most of them around objects."""
    return drawn_rois.draw(image_shape, count, gt_boxes, np.random)


def build_detection_targets(
    rpn_rois: np.ndarray, gt_class_ids: np.ndarray, gt_boxes: np.ndarray, gt_masks: np.ndarray, config: Config
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return rois, class_ids, bboxes and masks for the heads, sampled by chance."""
    truth = (gt_class_ids, gt_boxes, gt_masks)
    return drawn_rois.build_targets(rpn_rois, truth, head_targets_of(config), np.random)


def compose_image_meta(
    image_id: int,
    original_image_shape: Sequence[int],
    image_shape: Sequence[int],
    window: Sequence[int],
    scale: float,
    active_class_ids: Sequence[int],
) -> np.ndarray:
    """Return the picture's row of 12 + C numbers."""
    return image_meta.compose(image_id, original_image_shape, image_shape, window, scale, active_class_ids)


def parse_image_meta(meta: np.ndarray) -> dict[str, np.ndarray]:
    """Take (B, 12 + C) rows apart; whole numbers but the scale."""
    fields = image_meta.parse(meta)
    return {name: value.astype(np.float32 if name == "scale" else np.int32) for name, value in fields.items()}


def parse_image_meta_graph(meta: Any) -> dict[str, Any]:
    """Take (B, 12 + C) tensors apart."""
    return image_meta.parse(meta)


def mold_image(images: np.ndarray, config: Config) -> np.ndarray:
    """Subtract the mean pixel."""
    return preprocess.subtract_mean(images, config.MEAN_PIXEL)


def unmold_image(normalized_images: np.ndarray, config: Config) -> np.ndarray:
    """Add the mean pixel; returns uint8."""
    return preprocess.add_mean(normalized_images, config.MEAN_PIXEL)


def norm_boxes_graph(boxes: Any, shape: Any) -> Any:
    """Return normalised boxes; shape is a (2,) tensor."""
    return box_maths.normalize_tensor(ops.cast(boxes, "float32"), ops.cast(shape, "float32"))


def denorm_boxes_graph(boxes: Any, shape: Any) -> Any:
    """Return int32 pixel boxes; shape is a (2,) tensor."""
    size = ops.cast(shape, "float32")
    scale = ops.concatenate([size, size], axis=-1) - 1.0
    return ops.cast(ops.round(boxes * scale + ops.array([0.0, 0.0, 1.0, 1.0], "float32")), "int32")
