"""Solid colour: nothing of the object is left."""

from __future__ import annotations

from collections.abc import Sequence

from common.colours import parse_colour
from infer.effects.canvas import Canvas
from infer.effects.effect import Effect
from infer.effects.patch import Patch, whole_patch


class Fill(Effect):
    """Covers objects with one colour."""

    name = "fill"

    def __init__(self, colour: str | Sequence[int] = "black") -> None:
        """Set up.

        Args:
            colour: name, #rrggbb or three numbers.

        Raises:
            UserError: for an unknown colour.
        """
        super().__init__()
        self.colour = parse_colour(colour)

    def paint(self, canvas: Canvas, patch: Patch) -> None:
        """Fill the patch."""
        canvas.fill(patch, self.colour)

    def apply_whole(self, canvas: Canvas, reason: str) -> None:
        """Fill the picture."""
        canvas.fill(whole_patch(canvas.size), self.colour)
