"""Hair: what grew, and wigs in all colours; hats on top."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.figures import colour as colours
from data.figures.canvas import Canvas
from data.figures.portrait import ellipse, smooth

if TYPE_CHECKING:
    from data.figures.head import Place

KINDS = ("afro", "tufts", "crown", "short", "long", "bald")


@dataclass(frozen=True)
class Wig:
    """Hair on a head.

    Attributes:
        kind: of `KINDS`.
        colours: (N, 3) RGB, mixed from lock to lock.
        size: how far it stands off, units.
        seed: of the locks.
    """

    kind: str
    colours: np.ndarray
    size: float
    seed: int

    @staticmethod
    def clown(random: np.random.Generator) -> Wig:
        """Choose a clown's wig."""
        kind = ("afro", "tufts", "crown", "bald", "long")[random.choice(5, p=(0.46, 0.26, 0.14, 0.06, 0.08))]
        base = colours.bright(random, 0.3)
        count = 1 if random.random() < 0.75 else int(random.integers(3, 6))
        palette = np.array([base if i == 0 else colours.bright(random) for i in range(count)])
        return Wig(kind, palette, float(random.uniform(0.12, 0.3)), int(random.integers(1 << 30)))

    @staticmethod
    def plain(random: np.random.Generator) -> Wig:
        """Choose hair that grew."""
        kind = ("short", "long", "bald", "afro", "crown")[random.choice(5, p=(0.45, 0.3, 0.1, 0.08, 0.07))]
        return Wig(kind, colours.hair(random)[None], float(random.uniform(0.03, 0.09)), int(random.integers(1 << 30)))

    def draw(self, canvas: Canvas, place: Place, instance: str, behind: bool) -> None:
        """Draw the locks behind the head, or those before it."""
        if self.kind == "bald":
            return
        random = np.random.default_rng(self.seed)
        locks = self._locks(random)
        drawn = []
        for direction, lift, radius, tone in locks:
            point, depth = place.project(direction, lift)
            drawn.append((depth, point, radius, tone))
        for depth, point, radius, tone in sorted(drawn, key=lambda lock: lock[0]):
            if (depth < 0.12) == behind:
                self._lock(canvas, place, (point, radius, tone), instance, random)

    def _locks(self, random: np.random.Generator) -> list[tuple[np.ndarray, float, float, np.ndarray]]:
        """Return (direction, lift, radius, colour) of each lock, in the head's own directions."""
        count = {"afro": 130, "tufts": 90, "crown": 90, "short": 110, "long": 150}[self.kind]
        locks = []
        while len(locks) < count:
            direction = random.standard_normal(3)
            direction /= np.linalg.norm(direction)
            x, y, z = direction
            tone = self.colours[random.integers(len(self.colours))] * random.uniform(0.82, 1.12)
            lift, radius = 1 + random.uniform(0.0, 2.2) * self.size, random.uniform(0.055, 0.1)
            hairline = -0.42 if z > 0 else 0.62
            hairline = hairline + 0.9 * max(0.0, abs(x) - 0.45) if z > 0 else hairline
            if self.kind == "tufts":
                if abs(x) < 0.55 or z > 0.62 or not -0.6 < y < 0.5:
                    continue
                lift += 1.2 * self.size * random.random()
            elif self.kind == "crown":
                if not -0.55 < y < 0.5 or z > 0.55 or (z > 0.2 and abs(x) < 0.6):
                    continue
            elif y > hairline:
                continue
            if self.kind in ("short", "long"):
                lift, radius = 1 + self.size * random.random(), random.uniform(0.07, 0.11)
            locks.append((direction, lift, radius, tone))
        if self.kind == "long":
            for _ in range(70):
                side = random.choice([-1, 1])
                direction = np.array([side * random.uniform(0.7, 1), random.uniform(0, 1.2), random.uniform(-0.6, 0.1)])
                locks.append((direction, 1.1 + 0.5 * random.random(), 0.09, self.colours[0] * random.uniform(0.8, 1.1)))
        return locks

    def _lock(self, canvas: Canvas, place: Place, lock: tuple, instance: str, random: np.random.Generator) -> None:
        point, radius, tone = lock
        angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
        reach = radius * random.uniform(0.75, 1.2, 14)
        outline = smooth(np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None], 4) + point
        part = canvas.part(place.roll(outline))
        if part is None:
            return
        canvas.cast(part, 0.02, 0.35)
        strands = random.standard_normal(part.alpha.shape).astype(np.float32)
        normals = canvas.normals(part, radius)
        lit = tone * (1 + 0.12 * strands[..., None]) * canvas.light.shade(normals)
        lit += 60 * canvas.light.shine(normals, 10)[..., None] * canvas.light.key * (tone / 255)
        canvas.lay(part, lit, instance)


__all__ = ["Wig", "ellipse"]
