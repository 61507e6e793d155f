"""The assembler: numbers in, Keras models out.

Legend: B batch, H and W pixels of the molded picture, A anchors, N proposals, K detections, C classes with background,
M side of a mask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from mrcnn.application_trunk import application_stages
from mrcnn.backbone import BLOCKS, resnet
from mrcnn.detections import DetectionBoxes, DetectionLayer
from mrcnn.fpn import pyramid
from mrcnn.heads import classifier_head, mask_head
from mrcnn.image_meta import FIXED_LENGTH, MetaFields
from mrcnn.precision import building_in
from mrcnn.proposals import ProposalLayer
from mrcnn.roi_align import PyramidROIAlign
from mrcnn.rpn import propose_everywhere, rpn_model

Backbone = Callable[..., list[Any]]


@dataclass(frozen=True)
class Architecture:
    """What decides the shapes of the weights.

    Attributes:
        num_classes: C.
        backbone: a name of `applications.names()`, or a function
            `f(image, stage5=True, train_bn=...) -> [C1, ..., C5]`.
        image_channels: channels of a picture.
        pyramid_channels: channels of P2 ... P6.
        fully_connected_units: width of the box head.
        anchors_per_cell: anchors on every cell.
        anchor_stride: 1 for anchors on every cell.
        pool_size: samples along a side of a box for the box head.
        mask_pool_size: samples along a side of a box for the mask head.
        train_bn: whether batch statistics are learnt.
        mean_pixel: what is subtracted from pictures, one number a channel.
        precision: see `precision.building_in`.
        rpn_channels: channels inside the region proposal network.
        mask_channels: channels inside the mask head.
    """

    num_classes: int
    backbone: str | Backbone = "resnet101"
    image_channels: int = 3
    pyramid_channels: int = 256
    fully_connected_units: int = 1024
    anchors_per_cell: int = 3
    anchor_stride: int = 1
    pool_size: int = 7
    mask_pool_size: int = 14
    train_bn: bool = False
    mean_pixel: tuple[float, ...] = (123.7, 116.8, 103.9)
    precision: str | None = None
    rpn_channels: int = 512
    mask_channels: int = 256


@dataclass(frozen=True)
class Selection:
    """What decides which boxes survive at inference.

    Attributes:
        pre_nms_limit: anchors that enter the suppression.
        proposal_count: N.
        rpn_nms_threshold: overlap of proposals.
        rpn_std_dev: standard deviations of the proposals' deltas.
        max_instances: K.
        min_confidence: lowest score of a detection.
        nms_threshold: overlap of detections of one class.
        std_dev: standard deviations of the detections' deltas.
    """

    pre_nms_limit: int = 6000
    proposal_count: int = 1000
    rpn_nms_threshold: float = 0.7
    rpn_std_dev: tuple[float, ...] = (0.1, 0.1, 0.2, 0.2)
    max_instances: int = 100
    min_confidence: float = 0.7
    nms_threshold: float = 0.3
    std_dev: tuple[float, ...] = (0.1, 0.1, 0.2, 0.2)


def trunk(image: Any, architecture: Architecture) -> list[Any]:
    """Run backbone and pyramid on a (B, H, W, channels) Keras tensor; returns [P2, ..., P6]."""
    backbone, train_bn = architecture.backbone, architecture.train_bn
    if callable(backbone):
        stages = backbone(image, stage5=True, train_bn=train_bn)
    elif backbone in BLOCKS:
        stages = resnet(image, backbone, stage5=True, train_bn=train_bn)
    else:
        stages = application_stages(image, backbone, train_bn, architecture.mean_pixel)
    return pyramid(stages[1:], architecture.pyramid_channels)


def inference_inputs(architecture: Architecture) -> dict[str, Any]:
    """Inputs of the network: pictures (B, H, W, channels), rows of meta (B, 12 + C), anchors (B, A, 4)."""
    return {
        "input_image": keras.Input((None, None, architecture.image_channels), name="input_image"),
        "input_image_meta": keras.Input((FIXED_LENGTH + architecture.num_classes,), name="input_image_meta"),
        "input_anchors": keras.Input((None, 4), name="input_anchors"),
    }


def inference_model(architecture: Architecture, selection: Selection) -> keras.Model:
    """Build the whole network for inference.

    Args:
        architecture: shapes of the weights.
        selection: which boxes survive.

    Returns:
        A model named "mask_rcnn" from [input_image, input_image_meta, input_anchors] to [detections (B, K, 6), class
        probabilities (B, N, C), deltas (B, N, C, 4), masks (B, K, M, M, C), proposals (B, N, 4), probabilities of the
        anchors (B, A, 2), their deltas (B, A, 4)]; boxes normalised (y1, x1, y2, x2), all float32.

    Source: arXiv 1703.06870 section 3; original `model.MaskRCNN.build`.
    """
    with building_in(architecture.precision):
        return _inference_model(architecture, selection)


def _inference_model(architecture: Architecture, selection: Selection) -> keras.Model:
    inputs = inference_inputs(architecture)
    windows, sizes = MetaFields(name="image_meta_fields")(inputs["input_image_meta"])
    levels = trunk(inputs["input_image"], architecture)
    shared_rpn = rpn_model(
        architecture.pyramid_channels,
        architecture.anchors_per_cell,
        architecture.anchor_stride,
        architecture.rpn_channels,
    )
    _, rpn_class, rpn_bbox = propose_everywhere(levels, shared_rpn)
    rois = ProposalLayer(
        proposal_count=selection.proposal_count,
        nms_threshold=selection.rpn_nms_threshold,
        pre_nms_limit=selection.pre_nms_limit,
        std_dev=selection.rpn_std_dev,
        name="ROI",
    )([rpn_class, rpn_bbox, inputs["input_anchors"]])
    features = levels[:4]
    pooled = PyramidROIAlign(architecture.pool_size, name="roi_align_classifier")([rois, sizes, *features])
    _, probabilities, deltas = classifier_head(
        pooled, rois, architecture.num_classes, architecture.fully_connected_units, architecture.train_bn
    )
    detections = DetectionLayer(
        max_instances=selection.max_instances,
        min_confidence=selection.min_confidence,
        nms_threshold=selection.nms_threshold,
        std_dev=selection.std_dev,
        name="mrcnn_detection",
    )([rois, probabilities, deltas, windows, sizes])
    boxes = DetectionBoxes(name="detection_boxes")(detections)
    pooled = PyramidROIAlign(architecture.mask_pool_size, name="roi_align_mask")([boxes, sizes, *features])
    masks = mask_head(pooled, boxes, architecture.num_classes, architecture.train_bn, architecture.mask_channels)
    outputs = [detections, probabilities, deltas, masks, rois, rpn_class, rpn_bbox]
    return keras.Model(list(inputs.values()), outputs, name="mask_rcnn")
