import inspect

import numpy as np
import pytest
from mrcnn_goldens import stored, unpacked

from mrcnn import utils

SIGNATURES = {
    "extract_bboxes": "mask",
    "compute_iou": "box, boxes, box_area, boxes_area",
    "compute_overlaps": "boxes1, boxes2",
    "compute_overlaps_masks": "masks1, masks2",
    "non_max_suppression": "boxes, scores, threshold",
    "apply_box_deltas": "boxes, deltas",
    "box_refinement": "box, gt_box",
    "box_refinement_graph": "box, gt_box",
    "resize_image": "image, min_dim, max_dim, min_scale, mode",
    "resize_mask": "mask, scale, padding, crop",
    "minimize_mask": "bbox, mask, mini_shape",
    "expand_mask": "bbox, mini_mask, image_shape",
    "mold_mask": "mask, config",
    "unmold_mask": "mask, bbox, image_shape",
    "generate_anchors": "scales, ratios, shape, feature_stride, anchor_stride",
    "generate_pyramid_anchors": "scales, ratios, feature_shapes, feature_strides, anchor_stride",
    "trim_zeros": "x",
    "compute_matches": "gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks, "
    "iou_threshold, score_threshold",
    "compute_ap": "gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks, "
    "iou_threshold",
    "compute_ap_range": "gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask, iou_thresholds, "
    "verbose",
    "compute_recall": "pred_boxes, gt_boxes, iou",
    "batch_slice": "inputs, graph_fn, batch_size, names",
    "download_trained_weights": "coco_model_path, verbose",
    "norm_boxes": "boxes, shape",
    "denorm_boxes": "boxes, shape",
    "resize": "image, output_shape, order, mode, cval, clip, preserve_range, anti_aliasing, anti_aliasing_sigma",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_originals_names_take_the_originals_arguments(name: str) -> None:
    ours = list(inspect.signature(getattr(utils, name)).parameters)
    theirs = SIGNATURES[name].split(", ")
    assert ours[: len(theirs)] == theirs
    extra = [inspect.signature(getattr(utils, name)).parameters[added] for added in ours[len(theirs) :]]
    assert all(parameter.default is not inspect.Parameter.empty for parameter in extra)


def test_batch_slice_runs_element_by_element() -> None:
    first, second = np.arange(6.0).reshape(2, 3), np.ones((2, 3))
    summed, rest = utils.batch_slice([first, second], lambda a, b: (a + b, a - b), 2)
    np.testing.assert_allclose(np.asarray(summed), first + 1)
    np.testing.assert_allclose(np.asarray(rest), first - 1)


def test_nothing_found_and_nothing_there_are_no_errors() -> None:
    assert utils.compute_recall(np.zeros((0, 4)), np.ones((2, 4)), 0.5)[0] == 0
    nothing = (np.zeros((0, 4)), np.zeros(0, int))
    ap, *_ = utils.compute_ap(*nothing, np.zeros((8, 8, 0)), *nothing, np.zeros(0), np.zeros((8, 8, 0)))
    assert ap == 0


@pytest.mark.shared
def test_small_functions_equal_the_originals() -> None:
    parts = stored("utils")
    found = utils.compute_iou(*(parts[f"compute_iou.0.{name}"] for name in ("box", "boxes", "box_area", "boxes_area")))
    np.testing.assert_allclose(found, parts["compute_iou.0.out"])
    for threshold in (0.3, 0.5, 0.7):
        name = f"non_max_suppression.{threshold}"
        found = utils.non_max_suppression(parts[f"{name}.boxes"], parts[f"{name}.scores"], threshold)
        np.testing.assert_array_equal(found, parts[f"{name}.out"])
    np.testing.assert_array_equal(utils.trim_zeros(parts["trim_zeros.0.x"]), parts["trim_zeros.0.out"])
    for case in (0, 1):
        golden = parts[f"resize.{case}.out"]
        np.testing.assert_allclose(utils.resize(parts[f"resize.{case}.image"], golden.shape), golden, atol=1e-6)
    given = [parts[f"generate_anchors.0.{name}"] for name in ("scales", "ratios", "shape")]
    found = utils.generate_anchors(*given, 16, 1)
    np.testing.assert_allclose(found, parts["generate_anchors.0.out"])
    found = utils.box_refinement(parts["box_refinement.0.box"], parts["box_refinement.0.gt_box"])
    np.testing.assert_allclose(found, parts["box_refinement.0.out"], rtol=1e-5, atol=1e-6)


@pytest.mark.shared
@pytest.mark.parametrize("case", [0, 1, 2])
def test_average_precision_equals_the_originals(case: int) -> None:
    parts = {name.removeprefix(f"compute_ap.{case}."): value for name, value in stored("utils").items()}
    given = [
        parts["gt_boxes"],
        parts["gt_class_ids"],
        unpacked(parts, "gt_masks", "."),
        parts["pred_boxes"],
        parts["pred_class_ids"],
        parts["pred_scores"],
        unpacked(parts, "pred_masks", "."),
    ]
    for threshold in ("0.5", "0.75"):
        found = utils.compute_ap(*given, iou_threshold=float(threshold))
        for name, value in zip(("mAP", "precisions", "recalls", "overlaps"), found, strict=True):
            np.testing.assert_allclose(value, parts[f"{threshold}.{name}"], rtol=1e-6, atol=1e-7)
        gt_match, pred_match, _ = utils.compute_matches(*given, iou_threshold=float(threshold))
        np.testing.assert_array_equal(gt_match, parts[f"{threshold}.gt_match"])
        np.testing.assert_array_equal(pred_match, parts[f"{threshold}.pred_match"])
    assert utils.compute_ap_range(*given, verbose=0) == pytest.approx(float(parts["ap_range"]))
    assert utils.compute_ap_range(*given, iou_thresholds=np.array([0.5]), verbose=0) == found_at(given, 0.5)
    recall, places = utils.compute_recall(parts["pred_boxes"], parts["gt_boxes"], 0.5)
    assert recall == pytest.approx(float(parts["recall"]))
    np.testing.assert_array_equal(places, parts["recall_positive_ids"])


def found_at(given: list, threshold: float) -> float:
    return utils.compute_ap(*given, iou_threshold=threshold)[0]
