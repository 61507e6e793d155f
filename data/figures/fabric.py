"""Cloth: a pattern that is cut to a shape, and its folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.figures import colour as colours

PATTERNS = ("plain", "stripes", "dots", "checks", "diamonds", "halves")


@dataclass(frozen=True)
class Fabric:
    """One cloth.

    Attributes:
        pattern: of `PATTERNS`.
        colours: (2, 3) RGB.
        period: of the pattern, units.
        angle: of the pattern, radians.
        fold: height of the folds, units.
        seed: of the folds.
    """

    pattern: str
    colours: np.ndarray
    period: float
    angle: float
    fold: float
    seed: int

    @staticmethod
    def costume(random: np.random.Generator) -> Fabric:
        """Choose a clown's."""
        second = np.array([238, 236, 230]) if random.random() < 0.3 else colours.bright(random)
        pattern = PATTERNS[random.choice(6, p=(0.14, 0.2, 0.26, 0.13, 0.13, 0.14))]
        return Fabric(
            pattern,
            np.array([colours.bright(random), second]),
            float(random.uniform(0.2, 0.5)),
            float(random.choice([0, 0, np.pi / 2, 0.6])),
            float(random.uniform(0.015, 0.04)),
            int(random.integers(1 << 30)),
        )

    @staticmethod
    def everyday(random: np.random.Generator) -> Fabric:
        """Choose what people wear."""
        pattern = PATTERNS[random.choice(4, p=(0.66, 0.18, 0.04, 0.12))]
        base = colours.dull(random)
        return Fabric(
            pattern,
            np.array([base, np.clip(base * random.uniform(0.6, 1.5), 10, 240)]),
            float(random.uniform(0.1, 0.3)),
            float(random.choice([0, np.pi / 2])),
            float(random.uniform(0.01, 0.035)),
            int(random.integers(1 << 30)),
        )

    def cut(self, xs: np.ndarray, ys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the colour (h, w, 3) and the folds' height (h, w), float32, at unit points."""
        random = np.random.default_rng(self.seed)
        folds = np.zeros(xs.shape, np.float32)
        for _ in range(5):
            angle, wave, phase = random.uniform(-0.7, 0.7), random.uniform(3, 11), random.uniform(0, 6.3)
            bend = random.uniform(0.3, 1.0) * np.sin(ys * random.uniform(0.8, 2.5) + phase)
            folds += np.sin((xs * np.cos(angle) + ys * np.sin(angle)) * wave + bend + phase) / wave**0.7
        folds *= self.fold
        u = xs * np.cos(self.angle) + ys * np.sin(self.angle) + 0.8 * folds
        v = -xs * np.sin(self.angle) + ys * np.cos(self.angle)
        first = self._first(u / self.period, v / self.period, xs)
        colour = self.colours[1] + first[..., None] * (self.colours[0] - self.colours[1])
        return colour.astype(np.float32), folds

    def _first(self, u: np.ndarray, v: np.ndarray, xs: np.ndarray) -> np.ndarray:
        """Return where the first colour is, (h, w) 0 or 1."""
        if self.pattern == "stripes":
            return np.asarray((u % 1 < 0.5).astype(np.float32))
        if self.pattern == "dots":
            row = np.floor(v)
            return np.asarray(((((u + 0.5 * (row % 2)) % 1 - 0.5) ** 2 + (v % 1 - 0.5) ** 2) > 0.09).astype(np.float32))
        if self.pattern == "checks":
            return np.asarray(((u % 1 < 0.5) ^ (v % 1 < 0.5)).astype(np.float32))
        if self.pattern == "diamonds":
            return np.asarray((((u + 0.6 * v) % 1 < 0.5) ^ ((u - 0.6 * v) % 1 < 0.5)).astype(np.float32))
        if self.pattern == "halves":
            return np.asarray((xs > 0).astype(np.float32))
        return np.ones(u.shape, np.float32)
