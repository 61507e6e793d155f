"""What a clown paints on its face: white, or white round eyes and mouth, shapes, a mouth larger than its own."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from data.figures import colour as colours
from data.figures.portrait import Portrait, arc, ellipse, stroke

GROUNDS = ("white", "muzzle", "tramp", "tinted")
EYES = ("arch", "diamond", "round", "star", "tear", "hollow", "cross")
MOUTHS = ("wide", "oval", "outlined", "down", "torn")


@dataclass(frozen=True)
class Makeup:
    """One clown's paint.

    Attributes:
        base: of `GROUNDS`: whole face, round eyes and mouth, grey beard with white mouth, a colour.
        base_colour: (3,) RGB.
        eyes: of `EYES`.
        eye_colour: (3,) RGB.
        mouth: of `MOUTHS`.
        lips: (3,) RGB.
        cheeks: whether there are red discs.
        wear: 0 (fresh) to 1 (half of it has come off).
        seed: where it has come off.
    """

    base: str
    base_colour: np.ndarray
    eyes: str
    eye_colour: np.ndarray
    mouth: str
    lips: np.ndarray
    cheeks: bool
    wear: float
    seed: int

    @staticmethod
    def make(random: np.random.Generator) -> Makeup:
        """Choose one."""
        ground = GROUNDS[random.choice(4, p=(0.6, 0.24, 0.1, 0.06))]
        white = np.array([238, 236, 232]) - random.uniform(0, 18)
        dark = random.random() < 0.35
        return Makeup(
            base=ground,
            base_colour=white if ground != "tinted" else 0.6 * white + 0.4 * colours.bright(random),
            eyes=EYES[random.integers(len(EYES))],
            eye_colour=np.array([24, 20, 24]) if dark else colours.bright(random, 0.15),
            mouth=MOUTHS[random.choice(5, p=(0.34, 0.22, 0.2, 0.14, 0.1))],
            lips=colours.bright(random, 0.85) * random.uniform(0.75, 1),
            cheeks=random.random() < 0.4,
            wear=float(random.choice([0, random.uniform(0, 0.4), random.uniform(0.4, 0.8)], p=[0.45, 0.4, 0.15])),
            seed=int(random.integers(1 << 30)),
        )

    @property
    def hides_brows(self) -> bool:
        """Whether the ground covers them."""
        return self.base in ("white", "tinted")

    def _worn(self, portrait: Portrait) -> np.ndarray:
        random = np.random.default_rng(self.seed)
        rows, columns = portrait.relief.shape
        patches = np.zeros((rows, columns), np.float32)
        for cells, strength in ((7, 1.0), (18, 0.7), (60, 0.5)):
            small = random.standard_normal((cells, cells), np.float32)
            patches += strength * cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC)
        return np.clip(1.0 - 0.06 * np.abs(patches) - self.wear * np.clip(patches - 0.3, 0, 1.2), 0.05, 1)

    def ground(self, portrait: Portrait, smile: float) -> None:
        """Paint what lies under eyes and mouth."""
        worn = self._worn(portrait)
        if self.base in ("white", "tinted"):
            cover = portrait.cover(ellipse(0, 0.0, 0.39, 0.54), 0.012)
            portrait.wash(cover * worn * 0.96, self.base_colour, 0.12)
        else:
            if self.base == "tramp":
                cover = portrait.cover(ellipse(0, 0.36, 0.34, 0.22), 0.03)
                portrait.wash(cover * worn * 0.8, (70, 66, 66), 0.05)
            for side in (-1, 1):
                cover = portrait.cover(ellipse(side * 0.15, -0.05, 0.105, 0.15, side * 0.15), 0.008)
                portrait.wash(cover * worn * 0.96, self.base_colour, 0.12)
            cover = portrait.cover(ellipse(0, 0.315, 0.25, 0.135), 0.008)
            portrait.wash(cover * worn * 0.96, self.base_colour, 0.12)
        if self.cheeks:
            for side in (-1, 1):
                portrait.wash(
                    portrait.cover(ellipse(side * 0.225, 0.16, 0.068, 0.068), 0.012) * worn * 0.85, self.lips, 0.12
                )
        for side in (-1, 1):
            self._eye(portrait, side, worn)
        self._mouth(portrait, smile, worn)

    def _eye(self, portrait: Portrait, side: int, worn: np.ndarray) -> None:
        x, colour = side * 0.15, self.eye_colour
        if self.eyes in ("arch", "tear"):
            cover = portrait.cover(
                stroke(
                    arc(x, -0.12, 0.085, -0.085), np.interp(np.linspace(-1, 1, 17), [-1, 0, 1], [0.006, 0.024, 0.006])
                )
            )
        elif self.eyes == "diamond":
            cover = portrait.cover(np.array([(x, -0.17), (x + 0.055, 0), (x, 0.15), (x - 0.055, 0)]))
        elif self.eyes == "round":
            cover = portrait.cover(ellipse(x, -0.02, 0.1, 0.115))
        elif self.eyes == "star":
            angles = np.arange(10) * np.pi / 5 - np.pi / 2
            reach = np.where(np.arange(10) % 2, 0.055, 0.135)
            cover = portrait.cover(np.stack([x + reach * np.cos(angles), -0.01 + reach * np.sin(angles)], 1))
        elif self.eyes == "hollow":
            cover = portrait.cover(ellipse(x, 0.0, 0.1, 0.085), 0.022)
        else:
            upright = portrait.cover(stroke(np.array([(x, -0.14), (x, 0.0), (x, 0.14)]), 0.014))
            cover = np.maximum(
                upright, portrait.cover(stroke(np.array([(x - 0.09, 0.0), (x, 0.0), (x + 0.09, 0.0)]), 0.014))
            )
        portrait.wash(cover * worn * 0.95, colour, 0.15)
        if self.eyes == "tear" and side > 0:
            tear = np.array([(x, 0.07), (x + 0.022, 0.13), (x, 0.16), (x - 0.022, 0.13)])
            portrait.wash(portrait.cover(tear) * worn, colour, 0.15)

    def _mouth(self, portrait: Portrait, smile: float, worn: np.ndarray) -> None:
        bend = 0.04 * smile
        if self.mouth == "wide":
            cover = portrait.cover(
                stroke(
                    arc(0, 0.27, 0.22, 0.075 + bend),
                    np.interp(np.linspace(-1, 1, 17), [-1, -0.5, 0.5, 1], [0.008, 0.05, 0.05, 0.008]),
                )
            )
        elif self.mouth == "oval":
            cover = portrait.cover(ellipse(0, 0.31, 0.175, 0.085))
        elif self.mouth == "down":
            cover = portrait.cover(
                stroke(
                    arc(0, 0.36, 0.2, -0.06 + bend), np.interp(np.linspace(-1, 1, 17), [-1, 0, 1], [0.012, 0.05, 0.012])
                )
            )
        elif self.mouth == "torn":
            cover = portrait.cover(
                stroke(
                    arc(0, 0.2, 0.3, 0.13),
                    np.interp(np.linspace(-1, 1, 17), [-1, -0.6, 0, 0.6, 1], [0.004, 0.012, 0.045, 0.012, 0.004]),
                )
            )
        else:
            cover = portrait.cover(ellipse(0, 0.31, 0.2, 0.1))
            portrait.wash(cover * worn, (20, 16, 16), 0.15)
            cover = portrait.cover(ellipse(0, 0.31, 0.185, 0.087))
        portrait.wash(cover * worn * 0.97, self.lips, 0.3)

    def lines(self, portrait: Portrait, smile: float) -> None:
        """Paint what lies over eyes and mouth: the thin line that parts the lips of a large painted mouth."""
        if self.mouth in ("wide", "oval", "outlined"):
            line = arc(0, 0.295 - 0.012 * smile, 0.13, 0.04 * smile)
            portrait.wash(portrait.cover(stroke(line, 0.004)) * 0.8, self.lips * 0.25)
