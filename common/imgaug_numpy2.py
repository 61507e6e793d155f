"""imgaug under NumPy 2: the library is asked for by name; its last release (0.4.0, 2020) reads what NumPy 2 dropped.

Call `load` in place of `import imgaug`; afterwards a plain `import imgaug` works, too. NumPy itself stays as it was.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

# `numpy.sctypes` as NumPy 1 had it, for the three kinds that imgaug reads while it is imported.
SCALAR_TYPES = {
    "int": [np.int8, np.int16, np.int32, np.int64],
    "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
    "float": [np.float16, np.float32, np.float64, np.longdouble],
}


class _NumpyWithComplex:
    """NumPy, and `complex`, NumPy 1's name for Python's own type."""

    complex = complex

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def load() -> Any:
    """Import imgaug, mend what NumPy 2 broke, and return it.

    Returns:
        The module `imgaug`, with `augmenters` and `parameters`.

    Raises:
        ModuleNotFoundError: imgaug is not installed.
    """
    missing = "imgaug" not in sys.modules and not hasattr(np, "sctypes")
    if missing:
        np.sctypes = SCALAR_TYPES  # type: ignore[attr-defined]  # noqa: NPY201  (put back for imgaug alone)
    try:
        import imgaug
        import imgaug.augmenters
        import imgaug.parameters
    finally:
        if missing:
            del np.sctypes  # type: ignore[attr-defined]  # noqa: NPY201
    if not hasattr(np, "complex"):
        imgaug.parameters.np = _NumpyWithComplex()
    elastic = imgaug.augmenters.ElasticTransformation
    if elastic._map_coordinates.__module__ != __name__:
        elastic._map_coordinates = classmethod(_in_float32(elastic._map_coordinates.__func__))
    return imgaug


def _in_float32(move: Callable[..., Any]) -> Callable[..., Any]:
    """Make the shifts float32, which OpenCV wants; under NumPy 2 they come as float64."""

    def move_in_float32(cls: Any, image: Any, dx: np.ndarray, dy: np.ndarray, *args: Any, **kwargs: Any) -> Any:
        return move(cls, image, dx.astype(np.float32), dy.astype(np.float32), *args, **kwargs)

    return move_in_float32
