"""From the region proposal network's answer to the boxes that the heads look at.

Legend: B batch, A anchors, N the best of them by score, K proposals. Boxes are normalised (y1, x1, y2, x2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn import boxes as box_maths
from mrcnn import nms
from mrcnn.ranking import highest


def gather_rows(values: Any, places: Any) -> Any:
    """Return (B, K, C) rows of (B, N, C) values at (B, K) int places; a place of -1 gives zeros."""
    rows = ops.take_along_axis(values, ops.maximum(places, 0)[..., None], axis=1)
    return ops.where(places[..., None] >= 0, rows, ops.zeros_like(rows))


def best_anchors(scores: Any, deltas: Any, anchors: Any, limit: int) -> tuple[Any, Any]:
    """Correct the anchors of the highest scores.

    Args:
        scores: (B, A) float32.
        deltas: (B, A, 4) float32, multiplied by their standard deviations.
        anchors: (B, A, 4) float32.
        limit: N, or fewer where there are fewer anchors.

    Returns:
        Boxes (B, N, 4) cut to the picture and their scores (B, N), highest first.
    """
    if scores.shape[1] is None:  # number of anchors unknown while tracing: fill up, so that N is a number
        scores = ops.pad(scores, [[0, 0], [0, limit]], constant_values=-1.0)
        deltas, anchors = (ops.pad(values, [[0, 0], [0, limit], [0, 0]]) for values in (deltas, anchors))
    else:
        limit = min(limit, scores.shape[1])
    scores, places = highest(scores, limit)
    corrected = box_maths.apply_deltas(gather_rows(anchors, places), gather_rows(deltas, places))
    return box_maths.clip(corrected, ops.array([0.0, 0.0, 1.0, 1.0], "float32")), scores


@keras.saving.register_keras_serializable(package="mrcnn")
class ProposalLayer(keras.layers.Layer):
    """Keep the K best boxes that do not overlap too much; rows of zeros where there are fewer.

    Inputs: class probabilities (B, A, 2), deltas (B, A, 4), anchors (B, A, 4). Output: (B, K, 4) float32.

    Args:
        proposal_count: K.
        nms_threshold: overlap above which the lower score goes.
        pre_nms_limit: N.
        std_dev: four standard deviations of the deltas.
        nms_kernel: see `nms.suppress`.
        stop_gradient: False lets what follows teach the deltas through the proposals' places, as the original does.

    Source: arXiv 1506.01497 section 3.3; original `model.ProposalLayer`.
    """

    def __init__(
        self,
        proposal_count: int,
        nms_threshold: float,
        pre_nms_limit: int = 6000,
        std_dev: Sequence[float] = (0.1, 0.1, 0.2, 0.2),
        nms_kernel: str = "auto",
        stop_gradient: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", "trainable": False, **kwargs})
        self.proposal_count = proposal_count
        self.nms_threshold = nms_threshold
        self.pre_nms_limit = pre_nms_limit
        self.std_dev = tuple(float(value) for value in std_dev)
        self.nms_kernel = nms_kernel
        self.stop_gradient = stop_gradient

    def call(self, inputs: Sequence[Any]) -> Any:
        """Choose the proposals."""
        probabilities, deltas, anchors = inputs
        if self.stop_gradient:
            deltas = ops.stop_gradient(deltas)
        probabilities, deltas = ops.stop_gradient(probabilities), deltas * ops.array(self.std_dev, "float32")
        boxes, scores = best_anchors(probabilities[:, :, 1], deltas, anchors, self.pre_nms_limit)
        places = nms.suppress(boxes, self.nms_threshold, self.proposal_count, kernel=self.nms_kernel)
        if anchors.shape[1] is None:  # what was filled up has a score below zero
            places = ops.where(gather_rows(scores[..., None], places)[..., 0] >= 0, places, nms.NOTHING)
        return gather_rows(boxes, places)

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> tuple:
        """Return (B, K, 4)."""
        return (input_shape[0][0], self.proposal_count, 4)

    def get_config(self) -> dict[str, Any]:
        """Return what the constructor takes."""
        numbers = ("proposal_count", "nms_threshold", "pre_nms_limit", "std_dev", "nms_kernel", "stop_gradient")
        return {**super().get_config(), **{name: getattr(self, name) for name in numbers}}
