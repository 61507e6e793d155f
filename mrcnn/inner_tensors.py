"""Tensors inside the network by the names that the original's graph gave them, for notebooks that look into it.

Legend: B batch, A anchors, N the best of them by score, K proposals.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn import boxes as box_maths
from mrcnn import nms
from mrcnn.proposals import ProposalLayer, gather_rows
from mrcnn.ranking import highest

STEPS = ("pre_nms_anchors", "refined_anchors", "refined_anchors_clipped", "rpn_non_max_suppression")


class ProposalSteps(keras.layers.Layer):
    """What a `ProposalLayer` goes through, from the same inputs.

    Outputs: the best anchors (B, N, 4), corrected (B, N, 4), cut to the picture (B, N, 4), all normalised, and the
    places among those N that stay in the first picture (K,) int32; where fewer stay, the best anchor fills up.

    Args:
        layer: whose numbers are used.

    Source: original `model.ProposalLayer`, the names inside its `call`.
    """

    def __init__(self, layer: ProposalLayer, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", "trainable": False, **kwargs})
        self._borrowed = [layer]

    def call(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Go through the steps."""
        (probabilities, deltas, anchors), layer = inputs, self._borrowed[0]
        count = ops.shape(anchors)[1]  # a tensor where TensorFlow does not know it while tracing
        limit = (min if isinstance(count, int) else ops.minimum)(layer.pre_nms_limit, count)
        _, places = highest(probabilities[:, :, 1], limit)
        best = gather_rows(anchors, places)
        refined = box_maths.apply_deltas(best, gather_rows(deltas * ops.array(layer.std_dev, "float32"), places))
        clipped = box_maths.clip(refined, ops.array([0.0, 0.0, 1.0, 1.0], "float32"))
        kept = nms.suppress(clipped, layer.nms_threshold, layer.proposal_count, kernel=layer.nms_kernel)
        return best, refined, clipped, ops.maximum(kept[0], 0)

    def compute_output_spec(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Return three (B, N, 4) and (K,)."""
        boxes = [keras.KerasTensor((inputs[0].shape[0], None, 4), "float32") for _ in range(3)]
        return (*boxes, keras.KerasTensor((self._borrowed[0].proposal_count,), "int32"))


def find(model: keras.Model, name: str) -> Any:
    """Return the tensor that the original knew by `name`, None if there is none.

    Args:
        model: from `network.inference_model`.
        name: a layer's (its output), with a number at its end or ":0" or without, or "ROI/" and one of `STEPS`.

    Source: original `MaskRCNN.ancestor`.
    """
    owner, _, step = name.removesuffix(":0").partition("/")
    layer = next((one for one in model.layers if re.fullmatch(re.escape(owner) + r"(_\d+)?", one.name)), None)
    if layer is None or not step:
        return None if layer is None else layer.output
    place = next((index for index, known in enumerate(STEPS) if step.split("/")[0] == known), None)
    if place is None or not isinstance(layer, ProposalLayer):
        return None
    return ProposalSteps(layer)(layer.input)[place]
