"""Names of files and classes in figures, whatever they are called."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def plain_names() -> Iterator[None]:
    """Draw and save a figure in this block: "$" begins no formula, and a script that no font here has is no warning."""
    from matplotlib import rc_context

    with rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield
