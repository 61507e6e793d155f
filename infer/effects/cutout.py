"""Objects cut out: everything else becomes transparent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from common.detections import FrameObjects
from infer.effects.canvas import Canvas
from infer.effects.effect import BACKGROUND, Effect
from infer.effects.kept import everything_else
from infer.effects.patch import Patch, whole_patch


class Cutout(Effect):
    """Keeps the objects, removes the rest.

    The colours of what is removed are blackened too: whoever drops the alpha channel finds nothing.
    """

    name = "cutout"
    hides = BACKGROUND
    needs_alpha = True

    def __init__(self) -> None:
        super().__init__()
        self.notes.append("cutout keeps the objects and removes everything else")

    def apply(self, canvas: Canvas, patches: Sequence[Patch], objects: FrameObjects) -> None:
        """Make everything but the patches black and transparent."""
        self._remove(canvas, everything_else(patches, canvas.size))

    def apply_whole(self, canvas: Canvas, reason: str) -> None:
        """Remove the whole picture."""
        self._remove(canvas, whole_patch(canvas.size))

    def _remove(self, canvas: Canvas, rest: Patch) -> None:
        planes = canvas.planes
        assert planes.alpha is not None
        # Soft edges keep their colour and fade by alpha alone; only what is gone for good is blackened.
        gone = Patch(0, 0, np.where(rest.alpha == 255, np.uint8(255), np.uint8(0)), rest.span)
        canvas.fill(gone, (0, 0, 0))
        kept = (255 - rest.alpha).astype(np.uint32)
        planes.alpha[:] = (planes.alpha * kept + 127) // 255
