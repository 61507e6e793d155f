"""The effects by name."""

from __future__ import annotations

import difflib
import inspect
from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from infer.effects.background import Background
from infer.effects.blur import Average, Bilateral, Gaussian, Median, Pixelate
from infer.effects.boxes import Boxes
from infer.effects.clean_plate import CleanPlate
from infer.effects.cutout import Cutout
from infer.effects.effect import Effect
from infer.effects.fill import Fill
from infer.effects.outline import Outline

YES, WHEN_STRONG, NO = "yes", "reversible when weak", "no"


@dataclass(frozen=True)
class EffectEntry:
    """One effect in the list.

    Attributes:
        effect: the class.
        summary: one line.
        anonymises: "yes", "reversible when weak" (below the default strength) or "no".
    """

    effect: type[Effect]
    summary: str
    anonymises: str

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options `open_effect` takes."""
        parameters = inspect.signature(self.effect.__init__).parameters
        return tuple(name for name in parameters if name != "self")


EFFECTS: dict[str, EffectEntry] = {
    "fill": EffectEntry(Fill, "one colour over the object; nothing of it is left", YES),
    "pixelate": EffectEntry(Pixelate, "mosaic of at most 8 tiles across the object", WHEN_STRONG),
    "gaussian": EffectEntry(Gaussian, "smooth blur scaled to the object", WHEN_STRONG),
    "average": EffectEntry(Average, "box blur scaled to the object", WHEN_STRONG),
    "median": EffectEntry(Median, "median blur scaled to the object: flat blots", WHEN_STRONG),
    "bilateral": EffectEntry(Bilateral, "edge-keeping blur scaled to the object", WHEN_STRONG),
    "clean-plate": EffectEntry(CleanPlate, "the object removed: background from other frames in its place", YES),
    "background": EffectEntry(Background, "the object kept, all else replaced by a picture, a gradient or a blur", NO),
    "cutout": EffectEntry(Cutout, "the object kept, all else transparent (PNG; video with alpha)", NO),
    "outline": EffectEntry(Outline, "a line around the object", NO),
    "none": EffectEntry(Boxes, "boxes with class, score and track; hides nothing", NO),
}


def open_effect(name: str, **options: Any) -> Effect:
    """Set up an effect.

    Args:
        name: a key of `EFFECTS`.
        options: as the effect's `__init__` takes them; None stands for the default.

    Returns:
        The effect; its `notes` say what to know before trusting the result.

    Raises:
        UserError: for an unknown name or option, or a bad value.
    """
    entry = EFFECTS.get(name)
    if entry is None:
        close = difflib.get_close_matches(name.lower(), EFFECTS, n=1, cutoff=0.5)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise UserError(f"unknown effect '{name}'.{hint} There are: {', '.join(EFFECTS)}")
    given = {key: value for key, value in options.items() if value is not None}
    for key in given:
        if key not in entry.options:
            takes = ", ".join(entry.options) or "no options"
            raise UserError(f"effect '{name}' has no option '{key}'; it takes: {takes}")
    return entry.effect(**given)
