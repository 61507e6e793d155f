"""Effects: what happens to the objects that are hidden."""

from common.region import DEFAULT_FEATHER, DEFAULT_GROW
from infer.effects.catalogue import EFFECTS, EffectEntry, open_effect
from infer.effects.effect import Effect
from infer.effects.renderer import DEFAULT_SHAPE, Renderer

__all__ = [
    "DEFAULT_FEATHER",
    "DEFAULT_GROW",
    "DEFAULT_SHAPE",
    "EFFECTS",
    "Effect",
    "EffectEntry",
    "Renderer",
    "open_effect",
]
