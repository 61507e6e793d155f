"""How good one picture's objects are beside the truth.

Legend: P predicted objects, G objects of the truth, H and W pixels. Boxes are (y1, x1, y2, x2) pixels. Average
precision over a whole set is not the mean of these: see the evaluation stage.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrcnn import boxes as box_maths
from mrcnn import masks as mask_maths

RANGE = np.arange(0.5, 1.0, 0.05)


def match(
    truth: tuple[np.ndarray, np.ndarray, np.ndarray],
    predicted: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    iou_threshold: float = 0.5,
    score_threshold: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pair predictions with the truth, the highest score first, each with the best mask that is still free.

    Args:
        truth: boxes (G, 4), class ids (G,), masks (H, W, G); boxes of zeros are padding.
        predicted: boxes (P, 4), class ids (P,), scores (P,), masks (H, W, P); boxes of zeros are padding.
        iou_threshold: least overlap of a pair.
        score_threshold: overlaps below it are not looked at.

    Returns:
        (G,) float64 place of the prediction and (P,) float64 place of the truth, -1 for none, and overlaps (P, G);
        predictions by falling score.

    Source: original `utils.compute_matches`.
    """
    truth_boxes, truth_ids, truth_masks = truth
    boxes, class_ids, scores, masks = predicted
    real, count = int(np.any(truth_boxes, axis=1).sum()), int(np.any(boxes, axis=1).sum())
    order = np.argsort(scores[:count])[::-1]
    class_ids, masks = class_ids[order], masks[..., order]
    overlaps = mask_maths.mask_overlaps(masks, truth_masks[..., :real])
    truth_match, match_of = np.full(real, -1.0), np.full(count, -1.0)
    for place in range(count):
        for other in np.argsort(overlaps[place])[::-1]:
            overlap = overlaps[place, other]
            if overlap < score_threshold:
                break
            if truth_match[other] > -1:
                continue
            if overlap < iou_threshold:
                break
            if class_ids[place] == truth_ids[other]:
                truth_match[other], match_of[place] = place, other
                break
    return truth_match, match_of, overlaps


def average_precision(truth_match: np.ndarray, match_of: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Area under the precision-recall curve of one picture, all classes together.

    Args:
        truth_match: (G,) from `match`.
        match_of: (P,) from `match`.

    Returns:
        Area, precisions (P + 2,) and recalls (P + 2,).

    Source: original `utils.compute_ap`; the curve of PASCAL VOC 2010.
    """
    found = np.cumsum(match_of > -1)
    precisions = found / (np.arange(len(match_of)) + 1)
    recalls = found.astype(np.float32) / max(len(truth_match), 1)
    precisions = np.concatenate([[0], precisions, [0]])
    recalls = np.concatenate([[0], recalls, [1]])
    precisions = np.maximum.accumulate(precisions[::-1])[::-1]
    steps = np.flatnonzero(recalls[:-1] != recalls[1:]) + 1
    return float(np.sum((recalls[steps] - recalls[steps - 1]) * precisions[steps])), precisions, recalls


def recall(predicted: np.ndarray, truth: np.ndarray, iou: float) -> tuple[float, np.ndarray]:
    """Share of the truth's boxes (G, 4) that some predicted box (P, 4) overlaps by `iou`, and those boxes' places.

    Source: original `utils.compute_recall`, which raises where either is empty.
    """
    if not len(predicted) or not len(truth):
        return 0.0, np.zeros(0, int)
    overlaps = box_maths.overlaps(np.asarray(predicted), np.asarray(truth))
    places = np.flatnonzero(overlaps.max(axis=1) >= iou)
    return len(set(overlaps.argmax(axis=1)[places])) / len(truth), places


def thresholds_or_default(thresholds: Sequence[float] | np.ndarray | None) -> np.ndarray:
    """Return the thresholds, or COCO's ten from 0.5 to 0.95."""
    return RANGE if thresholds is None or not len(thresholds) else np.asarray(thresholds)
