"""Whether a network's answer is made of numbers. One that is not must not pass for "nothing found".

Imports neither Keras nor a backend: every engine asks here.
"""

from __future__ import annotations

import numpy as np


def check_numbers(*arrays: np.ndarray, features_sound: bool = True) -> None:
    """Raise unless an answer can be believed.

    Args:
        arrays: detections (B, K, 6), NaN where the heads computed what is no number; masks of any shape.
        features_sound: whether the pyramid is made of numbers.

    Raises:
        FloatingPointError: it cannot.
    """
    if not features_sound or not all(np.isfinite(array).all() for array in arrays):
        raise FloatingPointError(
            "the network computed what is no number (damaged weights, or an overflow in half precision): "
            "its answer says nothing about the picture"
        )
