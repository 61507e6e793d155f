"""The outline of objects: shows where they are, hides nothing."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from common.colours import parse_colour
from common.errors import UserError
from infer.effects.canvas import Canvas
from infer.effects.effect import NOTHING, Effect
from infer.effects.patch import Patch


class Outline(Effect):
    """Draws a line along the inner edge of each region."""

    name = "outline"
    hides = NOTHING

    def __init__(self, colour: str | Sequence[int] = "lime", width: int = 0) -> None:
        """Set up.

        Args:
            colour: of the line.
            width: of the line in pixels; 0: 3 % of the object, at least 2.

        Raises:
            UserError: for an unknown colour or a negative width.
        """
        super().__init__()
        self.colour = parse_colour(colour)
        if not 0 <= int(width) <= 1000:
            raise UserError(f"outline width {width} must be 0 to 1000 pixels")
        self.width = int(width)
        self.notes.append("outline hides nothing: objects stay recognisable")

    def paint(self, canvas: Canvas, patch: Patch) -> None:
        """Draw the outline of the patch, inside of it."""
        width = self.width or max(2, round(0.03 * patch.span))
        solid = (patch.alpha == 255).view(np.uint8)
        # The frame of zeros gives a line along the borders of the patch as well.
        framed = cv2.copyMakeBorder(solid, width, width, width, width, cv2.BORDER_CONSTANT, value=(0,))
        inner = cv2.erode(framed, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1,) * 2))
        line = (solid - inner[width:-width, width:-width]) * np.uint8(255)
        canvas.fill(Patch(patch.top, patch.left, line, patch.span, patch.index), self.colour)

    def apply_whole(self, canvas: Canvas, reason: str) -> None:
        """Leave the picture: this effect hides nothing."""
