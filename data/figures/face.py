"""How a face looks and what it does: features that stay, expressions that pass."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from data.figures import colour as colours
from data.figures.makeup import Makeup
from data.figures.portrait import Portrait, arc, ellipse, smooth, stroke

IRISES = ((92, 58, 32), (60, 92, 120), (74, 100, 62), (46, 32, 24), (110, 84, 48))


@dataclass(frozen=True)
class Expression:
    """What a face does at one moment.

    Attributes:
        smile: -1 (mouth corners down) to 1.
        mouth: how far it is open, 0..1.
        brows: -1 (down) to 1 (up).
        lids: how far the eyes are open, 0..1.
        gaze: (x, y) -1..1, where they look.
    """

    smile: float = 0.2
    mouth: float = 0.0
    brows: float = 0.0
    lids: float = 1.0
    gaze: tuple[float, float] = (0.0, 0.0)

    @staticmethod
    def make(random: np.random.Generator) -> Expression:
        """Choose one."""
        return Expression(
            smile=float(np.clip(random.normal(0.35, 0.5), -0.9, 1)),
            mouth=float(random.choice([0, 0, 0.15, 0.5, 0.9], p=[0.3, 0.2, 0.2, 0.2, 0.1])),
            brows=float(np.clip(random.normal(0.1, 0.5), -1, 1)),
            lids=float(random.choice([1, 0.85, 0.6, 0.1], p=[0.5, 0.3, 0.15, 0.05])),
            gaze=(float(random.uniform(-0.8, 0.8)), float(random.uniform(-0.4, 0.4))),
        )


@dataclass(frozen=True)
class Face:
    """The features of one person.

    Attributes:
        skin: (3,) RGB 0..255.
        hair: (3,) RGB of brows and beard.
        iris: (3,) RGB.
        eye_gap: of each eye from the middle, units.
        eye_size: half-width, units.
        nose_size: factor.
        mouth_half: half-width of the mouth, units.
        lip: (3,) RGB.
        beard: 0 (none) to 1 (full).
        glasses: whether it wears some.
        age: 0 (child) to 1 (old).
        makeup: what a clown paints on it, None on a plain face.
        seed: of freckles and grain.
    """

    skin: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    eye_gap: float
    eye_size: float
    nose_size: float
    mouth_half: float
    lip: np.ndarray
    beard: float
    glasses: bool
    age: float
    makeup: Makeup | None
    seed: int

    @staticmethod
    def make(random: np.random.Generator, makeup: Makeup | None = None) -> Face:
        """Choose a face."""
        skin = colours.skin(random)
        lip = skin * (0.86, 0.6, 0.6) if random.random() < 0.7 else np.array([168, 40, 52])
        beard = random.uniform(0.3, 1) if random.random() < (0.1 if makeup else 0.25) else 0.0
        return Face(
            skin=skin,
            hair=colours.hair(random),
            iris=np.array(IRISES[random.integers(len(IRISES))]) * random.uniform(0.8, 1.2),
            eye_gap=random.uniform(0.135, 0.165),
            eye_size=random.uniform(0.05, 0.066),
            nose_size=random.uniform(0.8, 1.25),
            mouth_half=random.uniform(0.09, 0.125),
            lip=lip,
            beard=float(beard),
            glasses=makeup is None and random.random() < 0.2,
            age=random.random(),
            makeup=makeup,
            seed=int(random.integers(1 << 30)),
        )

    def paint(self, scale: float, expression: Expression) -> Portrait:
        """Paint the face from the front at `scale` pixels a head height."""
        random = np.random.default_rng(self.seed)
        portrait = Portrait(scale, self.skin)
        self._skin(portrait, random)
        self._bones(portrait)
        if self.beard:
            self._beard(portrait, random)
        if self.makeup:
            self.makeup.ground(portrait, expression.smile)
        for side in (-1, 1):
            self._eye(portrait, side, expression)
            self._brow(portrait, side, expression)
        self._nose(portrait)
        self._mouth(portrait, expression)
        if self.makeup:
            self.makeup.lines(portrait, expression.smile)
        if self.glasses:
            self._glasses(portrait)
        return portrait

    def _skin(self, portrait: Portrait, random: np.random.Generator) -> None:
        rows, columns = portrait.relief.shape
        for cell, strength in ((24, 4.0), (8, 3.0), (3, 2.0)):
            small = random.standard_normal((cell_count(rows, cell), cell_count(columns, cell)), np.float32)
            portrait.colour += strength * cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC)[..., None]
        for side in (-1, 1):
            portrait.fill(ellipse(side * 0.2, 0.14, 0.08, 0.07), self.skin * (1.02, 0.8, 0.78), 0.04, 0.45)
        if self.age > 0.6:
            for side in (-1, 1):
                fold = smooth_path([(side * 0.075, 0.15), (side * 0.125, 0.23), (side * 0.135, 0.31)])
                portrait.fill(stroke(fold, 0.006), self.skin * 0.62, 0.008, self.age - 0.4)
            for line in range(3):
                wrinkle = arc(0, -0.2 - 0.045 * line, 0.17, -0.012)
                portrait.fill(stroke(wrinkle, 0.004), self.skin * 0.7, 0.006, 0.6 * (self.age - 0.4))

    def _bones(self, portrait: Portrait) -> None:
        for side in (-1, 1):
            portrait.raise_(side * self.eye_gap, 0.0, (0.085, 0.06), -0.03)
            portrait.raise_(side * 0.21, 0.13, (0.1, 0.08), 0.018)
            portrait.raise_(side * self.eye_gap, -0.085, (0.1, 0.035), 0.016)
        portrait.raise_(0, 0.45, (0.09, 0.06), 0.02)
        portrait.raise_(0, 0.3, (0.14, 0.07), 0.012)

    def _beard(self, portrait: Portrait, random: np.random.Generator) -> None:
        outline = smooth(
            np.array(
                [
                    (-0.36, 0.08),
                    (-0.2, 0.22),
                    (0, 0.2),
                    (0.2, 0.22),
                    (0.36, 0.08),
                    (0.33, 0.45),
                    (0, 0.62),
                    (-0.33, 0.45),
                ]
            )
        )
        cover = portrait.cover(outline, 0.03)
        hairs = 0.75 + 0.25 * random.standard_normal(cover.shape).astype(np.float32)
        portrait.wash(np.clip(cover * hairs * self.beard, 0, 1), self.hair, 0.0)

    def _eye(self, portrait: Portrait, side: int, expression: Expression) -> None:
        x, y, size = side * self.eye_gap, 0.0, self.eye_size
        open_ = 0.5 * size * expression.lids
        upper, lower = arc(x, y, size, -open_ * 1.25), arc(x, y, size, open_ * 0.85)
        outline = np.vstack([upper, lower[::-1]])
        portrait.fill(
            stroke(arc(x, y - 0.018, size * 1.15, -open_ * 1.1), 0.006), portrait_shadow(self.skin), 0.006, 0.5
        )
        inside = portrait.cover(outline, 0.003)
        portrait.wash(inside, (236, 232, 226), 0.9)
        gaze = np.array(expression.gaze) * (0.35 * size, 0.3 * open_)
        radius = 0.52 * size
        for share, tone in ((1.0, self.iris * 0.55), (0.86, self.iris * 1.15), (0.45, np.array([10, 9, 9]))):
            portrait.wash(
                inside * portrait.cover(ellipse(x + gaze[0], y + gaze[1], radius * share, radius * share)), tone
            )
        lit = ellipse(x + gaze[0] - 0.2 * size, y + gaze[1] - 0.2 * size, 0.1 * size, 0.12 * size)
        portrait.wash(inside * portrait.cover(lit, 0.002), (255, 255, 255))
        portrait.wash(inside * portrait.cover(stroke(arc(x, y, size, -open_ * 1.1), 0.012), 0.008) * 0.45, (60, 45, 45))
        portrait.fill(
            stroke(upper, np.interp(np.linspace(0, 1, 17), [0, 0.5, 1], [0.003, 0.009, 0.003])), (30, 20, 18), 0.003
        )
        portrait.fill(stroke(lower, 0.003), self.skin * 0.55, 0.003, 0.7)

    def _brow(self, portrait: Portrait, side: int, expression: Expression) -> None:
        y = -0.085 - 0.03 * expression.brows
        inner = 0.03 * expression.brows if expression.brows < 0 else 0.0
        path = smooth_path(
            [
                (side * (self.eye_gap - 0.07), y + 0.012 - inner),
                (side * self.eye_gap, y - 0.012),
                (side * (self.eye_gap + 0.075), y + 0.022),
            ]
        )
        widths = np.interp(np.linspace(0, 1, len(path)), [0, 0.3, 1], [0.012, 0.013, 0.003])
        opacity = 0.45 if self.makeup and self.makeup.hides_brows else 0.9
        portrait.fill(stroke(path, widths), self.hair * 0.9, 0.005, opacity)

    def _nose(self, portrait: Portrait) -> None:
        k = self.nose_size
        portrait.raise_(0, 0.07, (0.03 * k, 0.1), 0.03)
        portrait.raise_(0, 0.165, (0.042 * k, 0.038), 0.05 * k)
        for side in (-1, 1):
            portrait.raise_(side * 0.042 * k, 0.18, (0.022 * k, 0.024), 0.02)
            portrait.fill(ellipse(side * 0.023 * k, 0.2, 0.012 * k, 0.006), self.skin * 0.35, 0.004, 0.8)
        portrait.fill(ellipse(0, 0.2, 0.05 * k, 0.01), self.skin * 0.6, 0.01, 0.35)

    def _mouth(self, portrait: Portrait, expression: Expression) -> None:
        half = self.mouth_half * (1 + 0.22 * max(expression.smile, 0))
        y, bend, open_ = 0.295, 0.04 * expression.smile, 0.09 * expression.mouth
        upper, lower = arc(0, y - bend * 0.3, half, bend - open_ * 0.25), arc(0, y - bend * 0.3, half, bend + open_)
        lip = self.lip if self.makeup is None else self.makeup.lips
        top = arc(0, y - bend * 0.3, half * 1.03, bend - open_ * 0.25 - 0.03)
        bottom = arc(0, y - bend * 0.3, half * 1.03, bend + open_ + 0.038)
        portrait.fill(np.vstack([top, bottom[::-1]]), lip, 0.004, 0.9, 0.35)
        portrait.raise_(0, y + bend + open_ + 0.02, (half * 0.7, 0.016), 0.012)
        if open_ > 0.01:
            inside = portrait.cover(np.vstack([upper, lower[::-1]]), 0.003)
            portrait.wash(inside, (58, 18, 20), 0.2)
            teeth = np.vstack([upper, arc(0, y - bend * 0.3, half, bend - open_ * 0.25 + min(0.03, open_ * 0.6))[::-1]])
            portrait.wash(inside * portrait.cover(teeth, 0.003), (226, 220, 206), 0.5)
            if open_ > 0.04:
                portrait.wash(
                    inside * portrait.cover(ellipse(0, y + bend + open_, half * 0.5, 0.03), 0.006), (176, 78, 84)
                )
        else:
            portrait.fill(stroke(upper, 0.005), lip * 0.4, 0.004, 0.9)

    def _glasses(self, portrait: Portrait) -> None:
        for side in (-1, 1):
            ring = ellipse(side * self.eye_gap, 0.01, 0.1, 0.075)
            inner = ellipse(side * self.eye_gap, 0.01, 0.086, 0.061)
            frame = np.clip(portrait.cover(ring) - portrait.cover(inner), 0, 1)
            portrait.wash(frame, (24, 22, 26), 0.8)
            portrait.fill(
                stroke(np.array([(side * 0.25, 0.0), (side * 0.33, -0.01), (side * 0.42, -0.02)]), 0.008), (24, 22, 26)
            )
        portrait.fill(stroke(arc(0, 0.0, 0.06, -0.015), 0.007), (24, 22, 26))


def portrait_shadow(skin: np.ndarray) -> np.ndarray:
    """Return the colour of skin in a fold."""
    return np.asarray(skin * (0.62, 0.52, 0.5))


def smooth_path(points: list[tuple[float, float]], count: int = 17) -> np.ndarray:
    """Return a curve through three points, (count, 2)."""
    (a, b, c), t = np.array(points, float), np.linspace(0, 1, count)[:, None]
    middle = 2 * b - 0.5 * (a + c)
    return np.asarray((1 - t) ** 2 * a + 2 * t * (1 - t) * middle + t**2 * c)


def cell_count(pixels: int, cell: int) -> int:
    """Return how many cells of noise cover so many pixels of a face drawn large."""
    return max(2, min(pixels, round(pixels / cell)))
