"""Arithmetic that compilers leave as it is written, to the last bit.

The last sample of a box that ends at the picture's edge falls on the edge or a rounding error beyond it, where it is
zero: whole rows of a pooled box hang on the last bit. XLA and Grappler divide by constants and by broadcast numbers
with a rounded reciprocal, and fuse a product into the sum that follows. Both move that bit. The bounds below are
chosen so that they change no value, which compilers do not see.
"""

from __future__ import annotations

from typing import Any

from keras import ops

BEYOND = 1e9


def divide(dividend: Any, divisor: Any) -> Any:
    """Divide a tensor by a number or a tensor that is broadcast to it, with one rounding."""
    hidden = ops.stop_gradient(dividend)
    return dividend / ops.clip(hidden, divisor, divisor)


def product(first: Any, second: Any) -> Any:
    """Multiply, and round before anything is added; for products below 1e9."""
    return ops.clip(first * second, -BEYOND, BEYOND)
