"""One code for NumPy arrays and backend tensors: pick the namespace that an array's functions live in."""

from __future__ import annotations

from typing import Any

import numpy as np


def namespace(*arrays: Any) -> Any:
    """Return `numpy` when every array is NumPy's (or a plain number), else `keras.ops`.

    Both offer `exp`, `log`, `stack`, `maximum` and the rest under the same names, so box maths is written once and the
    NumPy result keeps NumPy's precision (float64 stays float64).
    """
    if all(isinstance(array, (np.ndarray, np.generic, float, int, list, tuple)) for array in arrays):
        return np
    from keras import ops

    return ops
