"""Lines about arrays on standard output, as the original's `log` and `verbose=1` give them."""

from __future__ import annotations

import numpy as np


def log(text: str, array: np.ndarray | None = None) -> None:
    """Print a line, with shape, range and dtype of an array."""
    if array is not None:
        values = f"min: {array.min():10.5f}  max: {array.max():10.5f}" if array.size else "min: empty  max: empty"
        text = f"{text:25}  shape: {array.shape!s:20}  {values}  {array.dtype}"
    print(text)  # noqa: T201
