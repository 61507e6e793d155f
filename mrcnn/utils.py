"""The original's `utils`: its names and signatures over the engine, no logic of its own.

Boxes are (y1, x1, y2, x2); masks are (H, W, N).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from skimage import transform

from mrcnn import anchors, average_precision, masks, postprocess, preprocess
from mrcnn import boxes as box_maths
from mrcnn.dataset import Dataset
from mrcnn.download import COCO_MODEL_URL, download_trained_weights

__all__ = [
    "COCO_MODEL_URL",
    "Dataset",
    "apply_box_deltas",
    "batch_slice",
    "box_refinement",
    "box_refinement_graph",
    "compute_ap",
    "compute_ap_range",
    "compute_iou",
    "compute_matches",
    "compute_overlaps",
    "compute_overlaps_masks",
    "compute_recall",
    "denorm_boxes",
    "download_trained_weights",
    "expand_mask",
    "extract_bboxes",
    "generate_anchors",
    "generate_pyramid_anchors",
    "minimize_mask",
    "mold_mask",
    "non_max_suppression",
    "norm_boxes",
    "resize",
    "resize_image",
    "resize_mask",
    "trim_zeros",
    "unmold_mask",
]

compute_overlaps = box_maths.overlaps
compute_overlaps_masks = masks.mask_overlaps
apply_box_deltas = box_maths.apply_deltas


def extract_bboxes(mask: np.ndarray) -> np.ndarray:
    """Return the (N, 4) int32 boxes around (H, W, N) masks."""
    return masks.extract_boxes(mask)


def resize_mask(
    mask: np.ndarray, scale: float, padding: Sequence[Sequence[int]], crop: Sequence[int] | None = None
) -> np.ndarray:
    """Bring (H, W, N) masks to where `resize_image` brought their picture."""
    return masks.resize_masks(mask, scale, padding, crop)


def box_refinement_graph(box: Any, gt_box: Any) -> Any:
    """Return the (N, 4) deltas that carry boxes to others, as tensors."""
    return box_maths.find_deltas(box, gt_box)


def compute_recall(pred_boxes: np.ndarray, gt_boxes: np.ndarray, iou: float) -> tuple[float, np.ndarray]:
    """Return the share of the truth's boxes that were found, and the places of the boxes that found them."""
    return average_precision.recall(pred_boxes, gt_boxes, iou)


def compute_iou(box: np.ndarray, boxes: np.ndarray, box_area: float, boxes_area: np.ndarray) -> np.ndarray:
    """Return the (N,) overlaps of one box with (N, 4) boxes; the areas are found anew."""
    return compute_overlaps(np.asarray(box)[None], boxes)[0]


def non_max_suppression(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """Return the int32 places of the boxes that stay, the highest score first."""
    order = np.argsort(scores)[::-1]
    kept: list[int] = []
    while len(order):
        kept.append(int(order[0]))
        order = order[1:][compute_overlaps(boxes[order[:1]], boxes[order[1:]])[0] <= threshold]
    return np.array(kept, np.int32)


def box_refinement(box: np.ndarray, gt_box: np.ndarray) -> np.ndarray:
    """Return the (N, 4) float32 deltas that carry boxes to others."""
    return box_maths.find_deltas(np.asarray(box, np.float32), np.asarray(gt_box, np.float32))


def norm_boxes(boxes: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Return (N, 4) float32 normalised boxes; shape is (height, width)."""
    return box_maths.normalize(np.asarray(boxes), (shape[0], shape[1]))


def denorm_boxes(boxes: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Return (N, 4) int32 pixel boxes; shape is (height, width)."""
    return box_maths.denormalize(np.asarray(boxes), (shape[0], shape[1]))


def resize_image(
    image: np.ndarray,
    min_dim: int | None = None,
    max_dim: int | None = None,
    min_scale: float | None = None,
    mode: str = "square",
    border: str = "edge",
) -> tuple[np.ndarray, tuple[int, ...], float, list[tuple[int, int]], tuple[int, ...] | None]:
    """Return image, window, scale, padding and crop; see `preprocess.resize_image`."""
    molded, placement = preprocess.resize_image(image, min_dim, max_dim, min_scale, mode, border)
    return molded, *placement


def minimize_mask(bbox: np.ndarray, mask: np.ndarray, mini_shape: Sequence[int], border: str = "edge") -> np.ndarray:
    """Return (h, w, N) bool small copies of the masks inside their boxes."""
    return masks.minimize(bbox, mask, mini_shape, border)


def expand_mask(
    bbox: np.ndarray, mini_mask: np.ndarray, image_shape: Sequence[int], border: str = "edge"
) -> np.ndarray:
    """Return (H, W, N) bool masks from small copies."""
    return masks.expand(bbox, mini_mask, image_shape, border)


def mold_mask(mask: np.ndarray, config: Any) -> None:
    """Do nothing, as in the original."""


def unmold_mask(mask: np.ndarray, bbox: Sequence[int], image_shape: Sequence[int], border: str = "edge") -> np.ndarray:
    """Return the (H, W) bool mask of one object from the network's (M, M) one."""
    size = (int(image_shape[0]), int(image_shape[1]))
    return postprocess.full_masks(np.asarray(mask)[None], np.asarray(bbox)[None], size, border)[..., 0]


def generate_anchors(
    scales: Sequence[float], ratios: Sequence[float], shape: Sequence[int], feature_stride: int, anchor_stride: int
) -> np.ndarray:
    """Return the (A, 4) anchors of one level in pixels."""
    return anchors.level_anchors(np.atleast_1d(scales), ratios, shape, feature_stride, anchor_stride)


def generate_pyramid_anchors(
    scales: Sequence[float],
    ratios: Sequence[float],
    feature_shapes: np.ndarray,
    feature_strides: Sequence[int],
    anchor_stride: int,
) -> np.ndarray:
    """Return the (A, 4) anchors of all levels in pixels."""
    return anchors.pyramid_anchors(scales, ratios, feature_shapes, feature_strides, anchor_stride)


def trim_zeros(x: np.ndarray) -> np.ndarray:
    """Return the rows of (N, K) that are not all zeros."""
    return x[np.any(x != 0, axis=1)]


def compute_matches(  # noqa: PLR0913  (the original's signature)
    gt_boxes: np.ndarray,
    gt_class_ids: np.ndarray,
    gt_masks: np.ndarray,
    pred_boxes: np.ndarray,
    pred_class_ids: np.ndarray,
    pred_scores: np.ndarray,
    pred_masks: np.ndarray,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return gt_match, pred_match and overlaps; see `average_precision.match`."""
    predicted = (pred_boxes, pred_class_ids, pred_scores, pred_masks)
    return average_precision.match((gt_boxes, gt_class_ids, gt_masks), predicted, iou_threshold, score_threshold)


def compute_ap(
    gt_boxes: np.ndarray,
    gt_class_ids: np.ndarray,
    gt_masks: np.ndarray,
    pred_boxes: np.ndarray,
    pred_class_ids: np.ndarray,
    pred_scores: np.ndarray,
    pred_masks: np.ndarray,
    iou_threshold: float = 0.5,
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Return mAP, precisions, recalls and overlaps of one picture."""
    predicted = (pred_boxes, pred_class_ids, pred_scores, pred_masks)
    gt_match, pred_match, overlaps = average_precision.match(
        (gt_boxes, gt_class_ids, gt_masks), predicted, iou_threshold
    )
    return *average_precision.average_precision(gt_match, pred_match), overlaps


def compute_ap_range(  # noqa: PLR0913  (the original's signature)
    gt_box: np.ndarray,
    gt_class_id: np.ndarray,
    gt_mask: np.ndarray,
    pred_box: np.ndarray,
    pred_class_id: np.ndarray,
    pred_score: np.ndarray,
    pred_mask: np.ndarray,
    iou_thresholds: Sequence[float] | np.ndarray | None = None,
    verbose: int = 1,
) -> float:
    """Return the mean of the APs over a range of thresholds, 0.5 to 0.95 by default."""
    found = []
    for threshold in average_precision.thresholds_or_default(iou_thresholds):
        given = (gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask)
        found.append(compute_ap(*given, iou_threshold=threshold)[0])
        if verbose:
            print(f"AP @{threshold:.2f}:\t {found[-1]:.3f}")  # noqa: T201
    return float(np.mean(found))


def batch_slice(inputs: Any, graph_fn: Callable[..., Any], batch_size: int, names: Sequence[str] | None = None) -> Any:
    """Run a function on every element of a batch and stack what it returns."""
    from keras import ops

    inputs = inputs if isinstance(inputs, list) else [inputs]
    results = [graph_fn(*(tensor[index] for tensor in inputs)) for index in range(batch_size)]
    rows = [result if isinstance(result, tuple | list) else [result] for result in results]
    stacked = [ops.stack(list(parts), axis=0) for parts in zip(*rows, strict=True)]
    return stacked[0] if len(stacked) == 1 else stacked


def resize(  # noqa: PLR0913  (the original's signature)
    image: np.ndarray,
    output_shape: Sequence[int],
    order: int = 1,
    mode: str = "constant",
    cval: float = 0,
    clip: bool = True,
    preserve_range: bool = False,
    anti_aliasing: bool = False,
    anti_aliasing_sigma: float | None = None,
) -> np.ndarray:
    """Resize by scikit-image, as the original does."""
    return transform.resize(
        image,
        output_shape,
        order=order,
        mode=mode,
        cval=cval,
        clip=clip,
        preserve_range=preserve_range,
        anti_aliasing=anti_aliasing,
        anti_aliasing_sigma=anti_aliasing_sigma,
    )
