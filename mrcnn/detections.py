"""From the heads' answer to the final boxes.

Legend: B batch, N proposals, C classes with background, K detections. Boxes are normalised (y1, x1, y2, x2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn import boxes as box_maths
from mrcnn import nms
from mrcnn.proposals import gather_rows
from mrcnn.ranking import highest


def refine(
    rois: Any, probabilities: Any, deltas: Any, windows: Any, min_confidence: float, nms_threshold: float, limit: int
) -> Any:
    """Name, correct, cut and thin out the proposals.

    Args:
        rois: (B, N, 4) float32.
        probabilities: (B, N, C) float32.
        deltas: (B, N, C, 4) float32, multiplied by their standard deviations.
        windows: (B, 4) float32, the part of the molded picture that is not padding.
        min_confidence: lower scores are dropped; 0 keeps all.
        nms_threshold: overlap above which the lower score of the same class goes.
        limit: K.

    Returns:
        (B, K, 6) float32 (y1, x1, y2, x2, class, score), highest score first, rows of zeros where there are fewer;
        NaN where probabilities or deltas are no numbers: an overflow must not pass for "nothing found".

    Source: arXiv 1703.06870 section 3.1; original `model.refine_detections_graph`.
    """
    class_ids = ops.cast(ops.argmax(probabilities, axis=-1), "int32")  # (B, N)
    scores = ops.take_along_axis(probabilities, class_ids[..., None], axis=-1)[..., 0]
    chosen = ops.take_along_axis(deltas, class_ids[..., None, None], axis=2)[:, :, 0]  # (B, N, C, 4) -> (B, N, 4)
    boxes = box_maths.clip(box_maths.apply_deltas(rois, chosen), windows[:, None, :])
    usable = class_ids > 0
    if min_confidence:
        usable = ops.logical_and(usable, scores >= min_confidence)
    ranking = ops.where(usable, scores, ops.full_like(scores, -1.0))
    ranking, order = highest(ranking, ranking.shape[1])
    columns = [boxes, ops.cast(class_ids, "float32")[..., None], scores[..., None]]
    rows = gather_rows(ops.concatenate(columns, axis=-1), order)  # (B, N, 6)
    groups = ops.cast(rows[..., 4], "int32")
    places = nms.suppress(rows[..., :4], nms_threshold, limit, valid=ranking >= 0, groups=groups)
    found = gather_rows(rows, places)
    sound = ops.logical_and(
        ops.all(ops.isfinite(probabilities), axis=(1, 2)), ops.all(ops.isfinite(deltas), axis=(1, 2, 3))
    )
    return ops.where(sound[:, None, None], found, ops.full_like(found, float("nan")))


@keras.saving.register_keras_serializable(package="mrcnn")
class DetectionLayer(keras.layers.Layer):
    """`refine` as a layer.

    Inputs: proposals (B, N, 4), probabilities (B, N, C), deltas (B, N, C, 4), windows (B, 4) pixels and picture sizes
    (B, 2) pixels. Output: (B, K, 6) float32.

    Args:
        max_instances: K.
        min_confidence: see `refine`.
        nms_threshold: see `refine`.
        std_dev: four standard deviations of the deltas.

    Source: original `model.DetectionLayer`.
    """

    def __init__(
        self,
        max_instances: int = 100,
        min_confidence: float = 0.7,
        nms_threshold: float = 0.3,
        std_dev: Sequence[float] = (0.1, 0.1, 0.2, 0.2),
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", "trainable": False, **kwargs})
        self.max_instances = max_instances
        self.min_confidence = min_confidence
        self.nms_threshold = nms_threshold
        self.std_dev = tuple(float(value) for value in std_dev)

    def call(self, inputs: Sequence[Any]) -> Any:
        """Choose the detections."""
        rois, probabilities, deltas, windows, sizes = inputs
        windows = box_maths.normalize_tensor(windows, sizes)
        deltas = deltas * ops.array(self.std_dev, "float32")
        return refine(rois, probabilities, deltas, windows, self.min_confidence, self.nms_threshold, self.max_instances)

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> tuple:
        """Return (B, K, 6)."""
        return (input_shape[0][0], self.max_instances, 6)

    def get_config(self) -> dict[str, Any]:
        """Return what the constructor takes."""
        numbers = ("max_instances", "min_confidence", "nms_threshold", "std_dev")
        return {**super().get_config(), **{name: getattr(self, name) for name in numbers}}


@keras.saving.register_keras_serializable(package="mrcnn")
class DetectionBoxes(keras.layers.Layer):
    """(B, K, 6) -> (B, K, 4): boxes of detections, so many as come; the mask head may be run on fewer."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", "trainable": False, **kwargs})

    def call(self, inputs: Any) -> Any:
        """Take the boxes."""
        return inputs[..., :4]

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return (B, any number, 4)."""
        return (input_shape[0], None, 4)
