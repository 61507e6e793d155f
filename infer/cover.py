"""From the settings to a renderer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infer.effects import EFFECTS, open_effect
from infer.effects.renderer import Renderer
from infer.settings import Cover


def open_renderer(cover: Cover, classes: Sequence[str]) -> Renderer:
    """Set up the effect and the shape that the settings ask for.

    Args:
        cover: effect, options, shape.
        classes: class names as `class_id` counts them, for effects that write captions.

    Raises:
        UserError: no such effect, option or shape, or a value out of range.
    """
    options: dict[str, Any] = dict(cover.options)
    if cover.effect in EFFECTS and "classes" in EFFECTS[cover.effect].options:
        options["classes"] = classes
    lengths: dict[str, Any] = {"shape": cover.shape, "grow": cover.grow, "feather": cover.feather, "more": cover.more}
    given = {name: value for name, value in lengths.items() if value is not None}
    return Renderer(open_effect(cover.effect, **options), **given)
