"""What every effect is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from common.detections import FrameObjects
from common.errors import UserError
from infer.effects.canvas import Canvas
from infer.effects.patch import Patch

OBJECTS, BACKGROUND, NOTHING = "objects", "background", "nothing"
LARGEST_CELLS = 12  # samples across an object above which faces begin to be recognised


class Effect:
    """Changes the pictures of a video where objects are.

    An effect writes nothing outside the patches it is given, except those that hide the background.

    Attributes:
        name: as on the command line.
        hides: "objects", "background" (everything else) or "nothing".
        needs_alpha: the result needs a pixel format with an alpha channel.
        needs_preparation: `prepare` must see the clip first for the best result.
        notes: what the user should know before trusting the result.
    """

    name: ClassVar[str] = ""
    hides: ClassVar[str] = OBJECTS
    needs_alpha: ClassVar[bool] = False
    needs_preparation: ClassVar[bool] = False

    def __init__(self) -> None:
        self.notes: list[str] = []

    @property
    def anonymises(self) -> bool:
        """Whether an object covered by this effect, as set up, can no longer be recognised."""
        return self.hides == OBJECTS

    def prepare(self, pictures: Iterable[tuple[Canvas, Sequence[Patch]]]) -> None:
        """See the whole clip, in order, before the first frame is rendered.

        Args:
            pictures: each trusted frame (not to be written to) and what will be covered in it.
        """

    def apply(self, canvas: Canvas, patches: Sequence[Patch], objects: FrameObjects) -> None:
        """Render one picture in place; by default `paint` for every patch."""
        for patch in patches:
            self.paint(canvas, patch)

    def paint(self, canvas: Canvas, patch: Patch) -> None:
        """Render one patch in place."""
        raise NotImplementedError(f"{type(self).__name__} paints no patches")

    def apply_whole(self, canvas: Canvas, reason: str) -> None:
        """Cover a picture about which nothing is known.

        Every effect that hides something leaves nothing recognisable: by default at most four samples across the
        whole picture, made smooth.
        """
        canvas.wash()


def checked_strength(strength: float) -> float:
    """Check a strength: 1 is the default, 2 twice as coarse, 0.5 half as coarse.

    Raises:
        UserError: when it is not a positive number.
    """
    try:
        value = float(strength)
    except (TypeError, ValueError):
        value = -1.0
    if not 0 < value < 1e6:
        raise UserError(f"strength '{strength}' must be a number above 0; 1 is the default, 2 twice as coarse")
    return value
