"""Coloured balls, balloons and pompons: what looks like a nose or a wig and is no clown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.figures.canvas import Canvas
from data.figures.colour import bright

KINDS = ("foam", "glossy", "striped", "balloon", "pompon")
INSTANCE = "color"


@dataclass(frozen=True)
class Ball:
    """One of them; its radius is one unit.

    Attributes:
        kind: of `KINDS`.
        colour: (3,) RGB 0..255.
        second: (3,) RGB of the stripes.
        seed: of its roughness.
    """

    kind: str
    colour: np.ndarray
    second: np.ndarray
    seed: int

    @staticmethod
    def make(random: np.random.Generator) -> Ball:
        """Choose one: red more often than anything else, as noses are."""
        kind = KINDS[random.choice(len(KINDS), p=(0.3, 0.26, 0.14, 0.14, 0.16))]
        colour = bright(random, red=0.5 if kind in ("foam", "glossy") else 0.2)
        return Ball(kind, colour, bright(random, red=0.1), int(random.integers(1 << 30)))

    def draw(self, canvas: Canvas, x: float = 0.0, y: float = 0.0, radius: float = 1.0) -> None:
        """Draw it at a unit point of the canvas."""
        random = np.random.default_rng(self.seed)
        angles = np.linspace(0, 2 * np.pi, 96, endpoint=False)
        reach = np.full(96, radius)
        if self.kind == "pompon":
            reach *= 1 + 0.05 * np.sin(angles[:, None] * random.integers(9, 30, 5) + random.uniform(0, 6, 5)).sum(1) / 2
        outline = np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None]
        if self.kind == "balloon":
            outline[:, 1] *= 1.16
            outline[:, 0] *= 1 - 0.1 * outline[:, 1] / radius
        part = canvas.part(outline + np.array([x, y]))
        if part is None:
            return
        xs, ys = canvas.grid(part)
        across, down = (xs - x) / radius, (ys - y) / radius
        towards = np.sqrt(np.clip(1 - across**2 - (down / 1.1) ** 2, 0.02, 1))
        normals = np.dstack([across, down, towards])
        normals /= np.linalg.norm(normals, axis=2, keepdims=True)
        colour = np.broadcast_to(self.colour, (*across.shape, 3)).astype(np.float32)
        if self.kind == "striped":
            tilt = random.uniform(0, np.pi)
            stripe = np.sin(np.arctan2(across * np.cos(tilt) + down * np.sin(tilt), towards) * random.integers(3, 7))
            colour = np.where((stripe > 0)[..., None], colour, self.second).astype(np.float32)
        if self.kind in ("foam", "pompon"):
            rough = random.standard_normal(across.shape).astype(np.float32)
            colour = colour * (1 + (0.05 if self.kind == "foam" else 0.22) * rough[..., None])
        lit = colour * canvas.light.shade(normals)
        shine = {"glossy": 0.8, "balloon": 0.7, "striped": 0.4, "foam": 0.1, "pompon": 0.0}[self.kind]
        lit += 235 * shine * canvas.light.shine(normals, 40)[..., None] * canvas.light.key
        canvas.lay(part, lit, INSTANCE)
