"""Mixed precision: a model calculates in half precision where digits can be spared and keeps its weights in float32.

Pictures, the first convolution, every score, box and mask that comes out, and all that follows a decision stay float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from common.errors import UserError

PRECISIONS = ("float16", "bfloat16")


@contextmanager
def building_in(precision: str | None) -> Iterator[None]:
    """Build layers for a precision; what is built outside is not touched.

    Under "float16" Keras scales the loss in training, so that small gradients do not vanish.

    Args:
        precision: "float16" (ten bits behind the point), "bfloat16" (seven, but float32's range), or None for Keras'
            policy as it stands, which is float32 unless `keras.config.set_dtype_policy` was called.

    Raises:
        UserError: no such precision.
    """
    if precision is not None and precision not in PRECISIONS:
        raise UserError(
            f"no MIXED_PRECISION {precision!r}: expected one of {', '.join(PRECISIONS)}, or None for float32"
        )
    before = keras.config.dtype_policy()
    if precision is not None:
        keras.config.set_dtype_policy(f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
