"""Networks run as they are: a few pictures do not repay the seconds that compiling takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import pytest

from mrcnn.compiled import Compiled


@contextmanager
def uncompiled() -> Iterator[None]:
    """Engines that are built inside the block answer without being compiled, there and afterwards."""
    name = f"_for_{keras.backend.backend()}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Compiled, name, lambda self: lambda *inputs: self._traced(inputs))
        yield
