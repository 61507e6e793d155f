"""The highest scores in order; the choice of kernel for each backend is made here and nowhere else.

Legend: B batch, N scores, K the highest of them.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def highest(scores: Any, count: int) -> tuple[Any, Any]:
    """Rank scores; of equal ones the first comes first.

    Scores of sure anchors are equal to the last bit, so their order decides over whole detections. PyTorch's own top-k
    leaves it to chance; a stable sort does not.

    Args:
        scores: (B, N) float32.
        count: K, at most N.

    Returns:
        (B, K) float32 falling scores and (B, K) int32 their places.
    """
    if keras.backend.backend() == "torch":
        places = ops.argsort(-scores, axis=-1)[:, :count]
        return ops.take_along_axis(scores, places, axis=-1), ops.cast(places, "int32")
    ranked, places = ops.top_k(scores, count, sorted=True)
    return ranked, ops.cast(places, "int32")
