"""The assembler for training: the same layers as `network`, their targets, and a model that adds up the losses.

Legend: B batch, H and W pixels of the molded picture, A anchors, R stored deltas of a picture, G objects of the truth
with padding, h and w of their stored masks, T sampled boxes, P the most positives among them, C classes with
background, M side of a mask.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import ops

from mrcnn import losses
from mrcnn.anchor_layer import AnchorLayer
from mrcnn.boxes import normalize_tensor
from mrcnn.heads import classifier_head, mask_head
from mrcnn.image_meta import FIXED_LENGTH, MetaFields, parse
from mrcnn.network import Architecture, trunk
from mrcnn.precision import building_in
from mrcnn.proposals import ProposalLayer
from mrcnn.roi_align import PyramidROIAlign
from mrcnn.rpn import propose_everywhere, rpn_model
from mrcnn.targets import DetectionTargetLayer, most_positives

LOSSES = ("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")


@dataclass(frozen=True)
class Sampling:
    """What decides which boxes the heads learn from.

    Attributes:
        pre_nms_limit: anchors that enter the suppression.
        proposal_count: proposals that leave it.
        rpn_nms_threshold: overlap of proposals.
        rpn_std_dev: standard deviations of the proposals' deltas.
        count: T.
        positive_ratio: share of positives.
        mask_shape: (M, M).
        mini_masks: (h, w) of the stored masks, which cover their boxes only; None: they cover the picture.
        std_dev: standard deviations of the detections' deltas.
        shuffle: False samples in the order of the proposals.
        stop_gradient: False lets the box loss leak into the proposals, as the original does.
        max_truth: G.
        given_rois: whether the boxes come as an input, in pixels, instead of the proposals.
        seed: of the sampling.
    """

    pre_nms_limit: int = 6000
    proposal_count: int = 2000
    rpn_nms_threshold: float = 0.7
    rpn_std_dev: tuple[float, ...] = (0.1, 0.1, 0.2, 0.2)
    count: int = 200
    positive_ratio: float = 0.33
    mask_shape: tuple[int, int] = (28, 28)
    mini_masks: tuple[int, int] | None = (56, 56)
    std_dev: tuple[float, ...] = (0.1, 0.1, 0.2, 0.2)
    shuffle: bool = True
    stop_gradient: bool = True
    max_truth: int = 100
    given_rois: bool = False
    seed: int | None = None


@dataclass(frozen=True)
class AnchorGrid:
    """Where the anchors lie; see `AnchorLayer`."""

    size: tuple[int, int]
    scales: tuple[float, ...] = (32, 64, 128, 256, 512)
    ratios: tuple[float, ...] = (0.5, 1, 2)
    strides: tuple[int, ...] = (4, 8, 16, 32, 64)
    anchor_stride: int = 1


@dataclass(frozen=True)
class Objective:
    """How the losses are added up.

    Attributes:
        loss_weights: weight of each of `LOSSES`; 1 where left out.
        weight_decay: see `losses.weight_decay`.
        first_active: whether the first picture's classes count for the whole batch, as in the original, instead of each
            picture's own.
        padding_counts: whether places without a sampled box count as background, as in the original, instead of not at
            all.
    """

    loss_weights: Mapping[str, float] = field(default_factory=dict)
    weight_decay: float = 1e-4
    first_active: bool = False
    padding_counts: bool = False


@keras.saving.register_keras_serializable(package="mrcnn")
class NormalizeBoxes(keras.layers.Layer):
    """Boxes (B, G, 4) pixels and sizes (B, 2) -> (B, G, 4) float32 normalised.

    Args:
        padded: whether a row of zeros is padding and stays one; otherwise it is a box of minus one pixel.
    """

    def __init__(self, padded: bool, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", "trainable": False, **kwargs})
        self.padded = padded

    def call(self, inputs: Any) -> Any:
        """Normalise the boxes."""
        boxes, sizes = inputs
        boxes = ops.cast(boxes, "float32")
        if not self.padded:
            return normalize_tensor(boxes, sizes[:, None, :])
        filled = ops.any(boxes != 0, axis=-1, keepdims=True)
        return ops.where(filled, normalize_tensor(boxes, sizes[:, None, :]), ops.zeros_like(boxes))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return (B, G, 4)."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Return what the constructor takes."""
        return {**super().get_config(), "padded": self.padded}


@keras.saving.register_keras_serializable(package="mrcnn")
class TrainingModel(keras.Model):
    """A functional model whose loss is the weighted sum of the five and the weight decay; works with `fit`.

    Args:
        objective: how the losses are added up.
        **kwargs: `inputs`, `outputs` and `name`, as for `keras.Model`.
    """

    def __init__(self, *args: Any, objective: Objective, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.objective = objective
        self.loss_means = [keras.metrics.Mean(name=name) for name in LOSSES]

    def get_config(self) -> dict[str, Any]:
        """Return the layers and the objective, so that `save` keeps the whole model."""
        return {**super().get_config(), "objective": dataclasses.asdict(self.objective)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> TrainingModel:
        """Build the model that `get_config` described."""
        layers = {name: value for name, value in config.items() if name != "objective"}
        plain = keras.Model.from_config(layers, custom_objects)
        objective = Objective(**config["objective"])
        return cls(inputs=plain.input, outputs=plain.output, name=plain.name, objective=objective)

    def five_losses(self, x: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
        """Return the five losses by name, not weighted, from the model's inputs and outputs."""
        match = ops.cast(x["input_rpn_match"], "int32")[..., 0]
        active = parse(x["input_image_meta"])["active_class_ids"]
        class_ids = answers["target_class_ids"]
        drawn = answers["mrcnn_mask"].shape[1]
        real = None if self.objective.padding_counts else ops.any(answers["rois"] != 0, axis=-1)
        values = (
            losses.rpn_class_loss(match, answers["rpn_class_logits"]),
            losses.rpn_bbox_loss(match, ops.cast(x["input_rpn_bbox"], "float32"), answers["rpn_bbox"]),
            losses.class_loss(
                class_ids, answers["mrcnn_class_logits"], active[:1] if self.objective.first_active else active, real
            ),
            losses.bbox_loss(answers["target_bbox"], class_ids, answers["mrcnn_bbox"]),
            losses.mask_loss(answers["target_mask"][:, :drawn], class_ids[:, :drawn], answers["mrcnn_mask"]),
        )
        return dict(zip(LOSSES, values, strict=True))

    def decayed_variables(self) -> list[Any]:
        """Return the trainable variables but those of batch normalisation."""
        return [v for v in self.trainable_variables if v.name not in ("gamma", "beta")]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Add up the losses; called by `fit`."""
        five = self.five_losses(x, y_pred)
        for mean in self.loss_means:
            mean.update_state(five[mean.name])
        total = losses.weight_decay(self.decayed_variables(), self.objective.weight_decay)
        for name, value in five.items():
            total = total + self.objective.loss_weights.get(name, 1.0) * value
        return total


def training_inputs(architecture: Architecture, sampling: Sampling, size: tuple[int, int]) -> dict[str, Any]:
    """Inputs of the network for training, under the original's names."""
    masks = sampling.mini_masks or size
    shapes: dict[str, tuple[tuple[int | None, ...], str]] = {
        "input_image": ((*size, architecture.image_channels), "float32"),
        "input_image_meta": ((FIXED_LENGTH + architecture.num_classes,), "float32"),
        "input_rpn_match": ((None, 1), "int32"),
        "input_rpn_bbox": ((None, 4), "float32"),
        "input_gt_class_ids": ((sampling.max_truth,), "int32"),
        "input_gt_boxes": ((sampling.max_truth, 4), "float32"),
        "input_gt_masks": ((*masks, sampling.max_truth), "bool"),
    }
    if sampling.given_rois:
        shapes["input_roi"] = ((None, 4), "float32")
    return {name: keras.Input(shape, dtype=dtype, name=name) for name, (shape, dtype) in shapes.items()}


def training_model(
    architecture: Architecture, sampling: Sampling, grid: AnchorGrid, objective: Objective
) -> TrainingModel:
    """Build the network for training.

    Args:
        architecture: shapes of the weights.
        sampling: which boxes the heads learn from.
        grid: where the anchors lie.
        objective: how the losses are added up.

    Returns:
        A model named "mask_rcnn" from a dictionary of inputs (see `training_inputs`) to a dictionary of what the losses
        compare: rpn_class_logits (B, A, 2), rpn_bbox (B, A, 4), rois (B, T, 4), target_class_ids (B, T), target_bbox
        (B, T, 4), target_mask (B, T, M, M), mrcnn_class_logits (B, T, C), mrcnn_bbox (B, T, C, 4), mrcnn_mask
        (B, P, M, M, C). Masks are learnt from positives only, which stand in the first P places: no others are drawn.
        Where it can be helped (see `chosen_boxes`), of these only positives are calculated, and of the T only what is a
        box; zeros stand for the rest.

    Source: arXiv 1703.06870 section 3.1 "Training"; original `model.MaskRCNN.build`.
    """
    with building_in(architecture.precision):
        return _training_model(architecture, sampling, grid, objective)


def _training_model(
    architecture: Architecture, sampling: Sampling, grid: AnchorGrid, objective: Objective
) -> TrainingModel:
    inputs = training_inputs(architecture, sampling, grid.size)
    _, sizes = MetaFields(name="image_meta_fields")(inputs["input_image_meta"])
    levels = trunk(inputs["input_image"], architecture)
    shared_rpn = rpn_model(
        architecture.pyramid_channels,
        architecture.anchors_per_cell,
        architecture.anchor_stride,
        architecture.rpn_channels,
    )
    rpn_logits, rpn_class, rpn_bbox = propose_everywhere(levels, shared_rpn)
    if sampling.given_rois:
        proposals = NormalizeBoxes(False, name="input_roi_normalized")([inputs["input_roi"], sizes])
    else:
        proposals = _proposals(inputs["input_image_meta"], rpn_class, rpn_bbox, sampling, grid)
    rois, class_ids, deltas, masks = _targets(inputs, sizes, proposals, sampling)
    features = levels[:4]
    pooled = PyramidROIAlign(architecture.pool_size, name="roi_align_classifier")([rois, sizes, *features])
    logits, _, answered = classifier_head(
        pooled,
        rois,
        architecture.num_classes,
        architecture.fully_connected_units,
        architecture.train_bn,
        chosen=None if objective.padding_counts else ops.any(rois != 0, axis=-1),
    )
    most = most_positives(sampling.count, sampling.positive_ratio)
    likely = rois[:, :most]
    pooled = PyramidROIAlign(architecture.mask_pool_size, name="roi_align_mask")([likely, sizes, *features])
    drawn = mask_head(
        pooled,
        likely,
        architecture.num_classes,
        architecture.train_bn,
        architecture.mask_channels,
        chosen=class_ids[:, :most] > 0,
    )
    outputs = {
        "rpn_class_logits": rpn_logits,
        "rpn_bbox": rpn_bbox,
        "rois": rois,
        "target_class_ids": class_ids,
        "target_bbox": deltas,
        "target_mask": masks,
        "mrcnn_class_logits": logits,
        "mrcnn_bbox": answered,
        "mrcnn_mask": drawn,
    }
    return TrainingModel(inputs=inputs, outputs=outputs, objective=objective, name="mask_rcnn")


def _proposals(meta: Any, rpn_class: Any, rpn_bbox: Any, sampling: Sampling, grid: AnchorGrid) -> Any:
    anchors = AnchorLayer(grid.size, grid.scales, grid.ratios, grid.strides, grid.anchor_stride, name="anchors")(meta)
    return ProposalLayer(
        proposal_count=sampling.proposal_count,
        nms_threshold=sampling.rpn_nms_threshold,
        pre_nms_limit=sampling.pre_nms_limit,
        std_dev=sampling.rpn_std_dev,
        stop_gradient=sampling.stop_gradient,
        name="ROI",
    )([rpn_class, rpn_bbox, anchors])


def _targets(inputs: Mapping[str, Any], sizes: Any, proposals: Any, sampling: Sampling) -> tuple[Any, ...]:
    boxes = NormalizeBoxes(True, name="gt_boxes_normalized")([inputs["input_gt_boxes"], sizes])
    layer = target_layer(sampling, name="proposal_targets")
    return layer([proposals, inputs["input_gt_class_ids"], boxes, inputs["input_gt_masks"]])


def target_layer(sampling: Sampling, **kwargs: Any) -> DetectionTargetLayer:
    """Make the layer that samples boxes and says what the heads should answer."""
    return DetectionTargetLayer(
        count=sampling.count,
        positive_ratio=sampling.positive_ratio,
        mask_shape=sampling.mask_shape,
        mini_masks=sampling.mini_masks is not None,
        std_dev=sampling.std_dev,
        shuffle=sampling.shuffle,
        stop_gradient=sampling.stop_gradient,
        seed=sampling.seed,
        **kwargs,
    )
