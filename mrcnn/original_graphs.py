"""The original's `..._graph` functions that do more than call one function of the engine.

Legend: B batch, N boxes, A anchors, G objects, H and W cells, C classes with background, D channels, T sampled boxes.
Boxes are normalised (y1, x1, y2, x2). Functions of one picture take tensors without the batch's axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from mrcnn import from_config, heads, losses, rpn
from mrcnn.backbone import bottleneck
from mrcnn.config import Config
from mrcnn.detections import refine
from mrcnn.image_meta import MetaFields
from mrcnn.roi_align import PyramidROIAlign
from mrcnn.training_network import target_layer


def identity_block(
    input_tensor: Any,
    kernel_size: int,
    filters: Sequence[int],
    stage: int,
    block: str,
    use_bias: bool = True,
    train_bn: bool = True,
) -> Any:
    """Return a residual block without a convolution at its shortcut; `filters` are (F, F, 4F), the kernel is 3."""
    _check_block(kernel_size, filters)
    return bottleneck(input_tensor, filters[0], f"{stage}{block}", 1, False, train_bn, use_bias)


def conv_block(
    input_tensor: Any,
    kernel_size: int,
    filters: Sequence[int],
    stage: int,
    block: str,
    strides: Sequence[int] = (2, 2),
    use_bias: bool = True,
    train_bn: bool = True,
) -> Any:
    """Return a residual block with a convolution at its shortcut; `filters` are (F, F, 4F), the kernel is 3."""
    _check_block(kernel_size, filters)
    return bottleneck(input_tensor, filters[0], f"{stage}{block}", strides[0], True, train_bn, use_bias)


def _check_block(kernel_size: int, filters: Sequence[int]) -> None:
    first, second, third = filters
    if kernel_size != 3 or second != first or third != 4 * first:
        raise ValueError(f"a block has a kernel of 3 and filters (F, F, 4F), not {kernel_size} and {tuple(filters)}")


def rpn_graph(feature_map: Any, anchors_per_location: int, anchor_stride: int) -> list[Any]:
    """Return class logits, probabilities and deltas of one level."""
    return list(rpn.rpn_model(feature_map.shape[-1], anchors_per_location, anchor_stride)(feature_map))


def fpn_classifier_graph(
    rois: Any,
    feature_maps: Sequence[Any],
    image_meta: Any,
    pool_size: int,
    num_classes: int,
    train_bn: bool = True,
    fc_layers_size: int = 1024,
) -> tuple[Any, Any, Any]:
    """Return class logits (B, N, C), probabilities (B, N, C) and deltas (B, N, C, 4)."""
    _, sizes = MetaFields()(image_meta)
    pooled = PyramidROIAlign(pool_size, name="roi_align_classifier")([rois, sizes, *feature_maps])
    return heads.classifier_head(pooled, rois, num_classes, fc_layers_size, train_bn)


def build_fpn_mask_graph(
    rois: Any, feature_maps: Sequence[Any], image_meta: Any, pool_size: int, num_classes: int, train_bn: bool = True
) -> Any:
    """Return masks (B, N, 2 pool_size, 2 pool_size, C)."""
    _, sizes = MetaFields()(image_meta)
    pooled = PyramidROIAlign(pool_size, name="roi_align_mask")([rois, sizes, *feature_maps])
    return heads.mask_head(pooled, rois, num_classes, train_bn)


def detection_targets_graph(
    proposals: Any, gt_class_ids: Any, gt_boxes: Any, gt_masks: Any, config: Config
) -> tuple[Any, ...]:
    """Return boxes (T, 4), class ids (T,), deltas (T, 4) and masks (T, M, M) for one picture."""
    layer = target_layer(from_config.sampling(config))
    return tuple(values[0] for values in layer([part[None] for part in (proposals, gt_class_ids, gt_boxes, gt_masks)]))


def refine_detections_graph(rois: Any, probs: Any, deltas: Any, window: Any, config: Config) -> Any:
    """Return (K, 6) detections of one picture; the window is normalised."""
    numbers = from_config.selection(config)
    scaled = deltas * ops.array(numbers.std_dev, "float32")
    rois, probs, scaled, window = (part[None] for part in (rois, probs, scaled, window))
    limits = (numbers.min_confidence, numbers.nms_threshold, numbers.max_instances)
    return refine(rois, probs, scaled, window, *limits)[0]


def smooth_l1_loss(y_true: Any, y_pred: Any) -> Any:
    """Return the smooth L1 loss, elementwise."""
    return losses.smooth_l1(y_true, y_pred)


def batch_pack_graph(x: Any, counts: Any, num_rows: int) -> Any:
    """Return the first counts[i] rows of every picture's (R, ...) in one row after the other."""
    return ops.concatenate([x[picture, : int(counts[picture])] for picture in range(num_rows)], axis=0)


def trim_zeros_graph(boxes: Any, name: str | None = None) -> tuple[Any, Any]:
    """Return the rows of (N, 4) that are not all zeros, and which those are (N,) bool."""
    filled = ops.any(boxes != 0, axis=-1)
    return ops.take(boxes, ops.where(filled)[0], axis=0), filled
