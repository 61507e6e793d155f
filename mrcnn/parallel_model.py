"""The original's `parallel_model`: several GPUs under its name."""

from __future__ import annotations

import logging
from typing import Any

logger = logging.getLogger(__name__)


def ParallelModel(keras_model: Any, gpu_count: int) -> Any:
    """Return the model itself: Keras 3 spreads a batch by a distribution, which is set before the model is built.

    Args:
        keras_model: any.
        gpu_count: 1, or how many are wished for.

    Source: original `parallel_model.ParallelModel`, which slices the batch by hand.
    """
    if gpu_count > 1:
        logger.warning(
            "one model for the whole batch: to spread it over %d GPUs set "
            "keras.distribution.set_distribution(keras.distribution.DataParallel()) before the model is built",
            gpu_count,
        )
    return keras_model
