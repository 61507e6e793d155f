"""Augmentation: named recipes as data, or an augmenter of the user's own.

A recipe's motion (mirror, size, turn, shift) is one matrix, drawn here, with which picture and masks are moved once;
its colours are imgaug's augmenters. Every draw follows from the seed of the example.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from common import imgaug_numpy2
from common.errors import UserError

IMGAUG_SEEDS = 2**31 - 1  # below which it draws them


@dataclass(frozen=True)
class Paint:
    """One of imgaug's augmenters that leaves pixels where they are.

    Attributes:
        name: in `imgaug.augmenters`.
        arguments: of it.
        chance: with which it is used.
    """

    name: str
    arguments: Mapping[str, Any]
    chance: float = 0.5


@dataclass(frozen=True)
class Recipe:
    """What is done to a picture before it is learnt from.

    Attributes:
        flip: chance of a mirrored picture.
        scale: least and most size; above 1 the border is cut off.
        shift: most motion to a side, as a share of the picture.
        turn: most degrees.
        paints: in the order in which they are used.
    """

    flip: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    shift: float = 0.0
    turn: float = 0.0
    paints: tuple[Paint, ...] = field(default=())

    def motion(self, dice: np.random.Generator, window: tuple[int, int, int, int]) -> np.ndarray | None:
        """Draw a motion about the middle of the window; see `folder_examples.Augmentation`."""
        mirrored = dice.random() < self.flip
        # Even in the logarithm, so that pictures shrink as often as they grow.
        scale = float(np.exp(dice.uniform(*np.log(self.scale))))
        angle = np.deg2rad(dice.uniform(-self.turn, self.turn))
        top, left, bottom, right = window
        shift = dice.uniform(-self.shift, self.shift, 2) * (right - left, bottom - top)
        if not mirrored and (scale, angle) == (1.0, 0.0) and not shift.any():
            return None
        middle = np.array([left + right - 1, top + bottom - 1]) / 2
        turned = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turned = turned @ np.diag([-1.0 if mirrored else 1.0, 1.0])
        return np.column_stack([turned, middle - turned @ middle + shift])

    def paint(self, image: np.ndarray, seed: int) -> np.ndarray:
        """Change colours; see `folder_examples.Augmentation`."""
        if not self.paints:
            return image
        batches = imgaug_numpy2.load().augmentables.batches
        batch = batches.Batch(images=[np.ascontiguousarray(image)]).to_batch_in_augmentation()
        # What imgaug's Sequential of Sometimes draws, but only those that are used are seeded, and none is copied.
        dice = _dice(np.random.SeedSequence(seed))
        for paint, augmenter in zip(self.paints, self._augmenters, strict=True):
            own = _derived(dice)
            draw = _dice(own)
            draw.random()  # the chance is a parameter of imgaug's, which goes one on
            if draw.binomial(1, paint.chance):
                augmenter.seed_(_derived(_dice(own)))
                batch = augmenter.augment_batch_(batch)
        painted: np.ndarray = batch.images[0]
        return painted

    @cached_property
    def _augmenters(self) -> list[Any]:
        augmenters = imgaug_numpy2.load().augmenters
        return [getattr(augmenters, paint.name)(**paint.arguments) for paint in self.paints]

    def __getstate__(self) -> dict[str, Any]:
        """Leave the augmenters behind: another process makes its own."""
        return {name: value for name, value in self.__dict__.items() if name != "_augmenters"}


def _dice(sequence: np.random.SeedSequence) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(sequence))


def _derived(dice: np.random.Generator) -> np.random.SeedSequence:
    """What imgaug's `RNG.derive_rng_` makes a child of."""
    return np.random.SeedSequence(int(dice.integers(IMGAUG_SEEDS, size=2, dtype=np.int32)[-1]), spawn_key=(0,))


LIGHT = (
    Paint("Multiply", {"mul": (0.85, 1.15)}),
    Paint("LinearContrast", {"alpha": (0.85, 1.15)}),
)
STANDARD = (
    Paint("Multiply", {"mul": (0.7, 1.3)}),
    Paint("LinearContrast", {"alpha": (0.75, 1.3)}),
    Paint("AddToHueAndSaturation", {"value_hue": (-8, 8), "value_saturation": (-25, 25)}),
    Paint("Grayscale", {"alpha": (0.5, 1.0)}, 0.1),
    Paint("GaussianBlur", {"sigma": (0.3, 1.5)}, 0.15),
    Paint("AdditiveGaussianNoise", {"scale": (2, 10)}, 0.15),
    Paint("JpegCompression", {"compression": (40, 85)}, 0.15),
)
HEAVY = (
    Paint("Multiply", {"mul": (0.5, 1.6), "per_channel": 0.2}, 0.7),
    Paint("LinearContrast", {"alpha": (0.5, 1.7)}, 0.7),
    Paint("AddToHueAndSaturation", {"value_hue": (-20, 20), "value_saturation": (-50, 50)}, 0.7),
    Paint("Grayscale", {"alpha": (0.5, 1.0)}, 0.1),
    Paint("GaussianBlur", {"sigma": (0.5, 3.0)}, 0.25),
    Paint("MotionBlur", {"k": (3, 11)}, 0.2),
    Paint("AdditiveGaussianNoise", {"scale": (4, 20)}, 0.25),
    Paint("JpegCompression", {"compression": (50, 95)}, 0.3),
)
RECIPES = {
    "light": Recipe(flip=0.5, paints=LIGHT),
    "standard": Recipe(flip=0.5, scale=(0.8, 1.25), shift=0.1, turn=5.0, paints=STANDARD),
    "heavy": Recipe(flip=0.5, scale=(0.5, 2.0), shift=0.2, turn=20.0, paints=HEAVY),
}
NAMES = ("none", *RECIPES)


@dataclass(frozen=True)
class OwnAugmenter:
    """An imgaug augmenter that a function of the user's makes; another process makes it again by the same name.

    Attributes:
        source: "module:function".
    """

    source: str

    @cached_property
    def made(self) -> Any:
        """The augmenter.

        Raises:
            UserError: there is no such function, it fails, or makes something else.
        """
        return _make(self.source)

    def to_deterministic(self) -> Any:
        """As an augmenter's."""
        return self.made.to_deterministic()

    def __getstate__(self) -> dict[str, Any]:
        """Send the name alone."""
        return {"source": self.source}


def find_augmentation(name: str) -> Any:
    """Return what `--augment` names.

    Args:
        name: one of `NAMES`, or "module:function", a function without arguments that makes an imgaug augmenter.

    Returns:
        None for "none", a `Recipe`, or an augmenter; both can be sent to another process.

    Raises:
        UserError: there is none of that name, or the function does not make an augmenter.
    """
    if name == "none":
        return None
    if name in RECIPES:
        return RECIPES[name]
    if ":" not in name:
        raise UserError(
            f"no augmentation {name!r}: expected {', '.join(NAMES)}, or module:function, a function of your own that "
            "returns an imgaug augmenter"
        )
    own = OwnAugmenter(name)
    own.made  # noqa: B018  (faults come out now, in this process)
    return own


def _make(source: str) -> Any:
    module_name, _, function_name = source.partition(":")
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    imgaug = imgaug_numpy2.load()
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise UserError(
            f"--augment {source}: the module {module_name!r} cannot be imported ({type(error).__name__}: {error}); it "
            "must lie in this folder or be installed"
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise UserError(f"--augment {source}: {module_name} has no function {function_name!r}")
    try:
        made = function()
    except Exception as error:
        raise UserError(f"--augment {source}: the function failed with {type(error).__name__}: {error}") from error
    if not isinstance(made, imgaug.augmenters.Augmenter):
        raise UserError(
            f"--augment {source}: the function returned {type(made).__name__}; expected an imgaug augmenter, such as "
            "imgaug.augmenters.Fliplr(0.5)"
        )
    return made
