"""Every public name of the original is there and takes the original's arguments."""
# ruff: noqa: E501

import inspect

import pytest

from mrcnn import config, model, visualize

CONFIG = """NAME GPU_COUNT IMAGES_PER_GPU STEPS_PER_EPOCH VALIDATION_STEPS BACKBONE COMPUTE_BACKBONE_SHAPE BACKBONE_STRIDES
FPN_CLASSIF_FC_LAYERS_SIZE TOP_DOWN_PYRAMID_SIZE NUM_CLASSES RPN_ANCHOR_SCALES RPN_ANCHOR_RATIOS RPN_ANCHOR_STRIDE
RPN_NMS_THRESHOLD RPN_TRAIN_ANCHORS_PER_IMAGE PRE_NMS_LIMIT POST_NMS_ROIS_TRAINING POST_NMS_ROIS_INFERENCE USE_MINI_MASK
MINI_MASK_SHAPE IMAGE_RESIZE_MODE IMAGE_MIN_DIM IMAGE_MAX_DIM IMAGE_MIN_SCALE IMAGE_CHANNEL_COUNT MEAN_PIXEL
TRAIN_ROIS_PER_IMAGE ROI_POSITIVE_RATIO POOL_SIZE MASK_POOL_SIZE MASK_SHAPE MAX_GT_INSTANCES RPN_BBOX_STD_DEV BBOX_STD_DEV
DETECTION_MAX_INSTANCES DETECTION_MIN_CONFIDENCE DETECTION_NMS_THRESHOLD LEARNING_RATE LEARNING_MOMENTUM WEIGHT_DECAY
LOSS_WEIGHTS USE_RPN_ROIS TRAIN_BN GRADIENT_CLIP_NORM BATCH_SIZE IMAGE_SHAPE IMAGE_META_SIZE display""".split()

MODEL = """log: text, array
BatchNorm:
compute_backbone_shapes: config, image_shape
identity_block: input_tensor, kernel_size, filters, stage, block, use_bias, train_bn
conv_block: input_tensor, kernel_size, filters, stage, block, strides, use_bias, train_bn
resnet_graph: input_image, architecture, stage5, train_bn
apply_box_deltas_graph: boxes, deltas
clip_boxes_graph: boxes, window
ProposalLayer: proposal_count, nms_threshold
log2_graph: x
PyramidROIAlign:
overlaps_graph: boxes1, boxes2
detection_targets_graph: proposals, gt_class_ids, gt_boxes, gt_masks, config
DetectionTargetLayer:
refine_detections_graph: rois, probs, deltas, window, config
DetectionLayer:
rpn_graph: feature_map, anchors_per_location, anchor_stride
build_rpn_model: anchor_stride, anchors_per_location, depth
fpn_classifier_graph: rois, feature_maps, image_meta, pool_size, num_classes, train_bn, fc_layers_size
build_fpn_mask_graph: rois, feature_maps, image_meta, pool_size, num_classes, train_bn
smooth_l1_loss: y_true, y_pred
rpn_class_loss_graph: rpn_match, rpn_class_logits
rpn_bbox_loss_graph: config, target_bbox, rpn_match, rpn_bbox
mrcnn_class_loss_graph: target_class_ids, pred_class_logits, active_class_ids
mrcnn_bbox_loss_graph: target_bbox, target_class_ids, pred_bbox
mrcnn_mask_loss_graph: target_masks, target_class_ids, pred_masks
load_image_gt: dataset, config, image_id, augment, augmentation, use_mini_mask
build_detection_targets: rpn_rois, gt_class_ids, gt_boxes, gt_masks, config
build_rpn_targets: image_shape, anchors, gt_class_ids, gt_boxes, config
generate_random_rois: image_shape, count, gt_class_ids, gt_boxes
data_generator: dataset, config, shuffle, augment, augmentation, random_rois, batch_size, detection_targets, no_augmentation_sources
compose_image_meta: image_id, original_image_shape, image_shape, window, scale, active_class_ids
parse_image_meta: meta
parse_image_meta_graph: meta
mold_image: images, config
unmold_image: normalized_images, config
trim_zeros_graph: boxes, name
batch_pack_graph: x, counts, num_rows
norm_boxes_graph: boxes, shape
denorm_boxes_graph: boxes, shape
MaskRCNN: mode, config, model_dir"""

METHODS = """build: mode, config
find_last:
load_weights: filepath, by_name, exclude
get_imagenet_weights:
compile: learning_rate, momentum
set_trainable: layer_regex, keras_model, indent, verbose
set_log_dir: model_path
train: train_dataset, val_dataset, learning_rate, epochs, layers, augmentation, custom_callbacks, no_augmentation_sources
mold_inputs: images
unmold_detections: detections, mrcnn_mask, original_image_shape, image_shape, window
detect: images, verbose
detect_molded: molded_images, image_metas, verbose
get_anchors: image_shape
ancestor: tensor, name
find_trainable_layer: layer
get_trainable_layers:
run_graph: images, outputs, image_metas"""

VISUALIZE = """display_images: images, titles, cols, cmap, norm, interpolation
random_colors: N, bright
apply_mask: image, mask, color, alpha
display_instances: image, boxes, masks, class_ids, class_names, scores, title, figsize, ax, show_mask, show_bbox, colors, captions
display_differences: image, gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask, class_names, title, ax
draw_rois: image, rois, refined_rois, mask, class_ids, class_names, limit
draw_box: image, box, color
display_top_masks: image, mask, class_ids, class_names, limit
plot_precision_recall: AP, precisions, recalls
plot_overlaps: gt_class_ids, pred_class_ids, pred_scores, overlaps, class_names, threshold
draw_boxes: image, boxes, refined_boxes, masks, captions, visibilities, title, ax
display_table: table
display_weight_stats: model"""


@pytest.mark.parametrize("name", CONFIG)
def test_settings_are_there(name: str) -> None:
    assert hasattr(config.Config(), name)


@pytest.mark.parametrize(
    ("owner", "line"),
    [
        *((model, line) for line in MODEL.splitlines()),
        *((model.MaskRCNN, line) for line in METHODS.splitlines()),
        *((visualize, line) for line in VISUALIZE.splitlines()),
    ],
    ids=lambda value: value.split(":")[0] if isinstance(value, str) else value.__name__,
)
def test_names_take_the_originals_arguments(owner: object, line: str) -> None:
    name, _, arguments = line.partition(":")
    found = [one for one in inspect.signature(getattr(owner, name)).parameters if one != "self"]
    expected = [one for one in arguments.strip().split(", ") if one]
    assert found[: len(expected)] == expected
