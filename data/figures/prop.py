"""What is labelled as nothing: teddy bears, posts, crates and curtains, before and behind the figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.figures import colour as colours
from data.figures.background import PHOTOGRAPHS, TEXTURES, photograph
from data.figures.canvas import Canvas
from data.figures.portrait import capsule, ellipse


@dataclass(frozen=True)
class Bear:
    """A teddy bear: round face, ears, dark nose. Its head is one unit high, its middle at (0, 0).

    Attributes:
        fur: (3,) RGB.
        muzzle: (3,) RGB.
        seed: of the fur.
    """

    fur: np.ndarray
    muzzle: np.ndarray
    seed: int

    extent = (-1.2, -0.9, 1.2, 2.3)

    @staticmethod
    def make(random: np.random.Generator) -> Bear:
        """Choose one."""
        fur = colours.bright(random) if random.random() < 0.2 else colours.skin(random) * (0.9, 0.75, 0.6)
        return Bear(fur, np.clip(fur * 1.3 + 25, 0, 245), int(random.integers(1 << 30)))

    def draw(self, canvas: Canvas) -> None:
        """Draw it."""
        random = np.random.default_rng(self.seed)
        limbs = [np.array([(s * 0.4, 0.75), (s * 0.85, 1.15)]) for s in (-1, 1)]
        limbs += [np.array([(s * 0.3, 1.7), (s * 0.62, 2.0)]) for s in (-1, 1)]
        shapes = [(capsule(limb, 0.2), self.fur) for limb in limbs]
        shapes.append((ellipse(0, 1.2, 0.58, 0.75), self.fur))
        shapes.append((ellipse(0, 1.3, 0.36, 0.48), self.muzzle))
        for s in (-1, 1):
            shapes += [
                (ellipse(s * 0.42, -0.4, 0.21, 0.21), self.fur),
                (ellipse(s * 0.42, -0.38, 0.12, 0.12), self.muzzle),
            ]
        shapes += [(ellipse(0, 0, 0.58, 0.52), self.fur), (ellipse(0, 0.2, 0.27, 0.21), self.muzzle)]
        dark = np.array([28, 22, 22])
        shapes += [(ellipse(s * 0.2, -0.08, 0.06, 0.07), dark) for s in (-1, 1)]
        shapes += [
            (ellipse(0, 0.1, 0.1, 0.07), dark),
            (capsule(np.array([(-0.1, 0.27), (0, 0.3), (0.1, 0.27)]), 0.014), dark),
        ]
        for outline, colour in shapes:
            part = canvas.part(outline)
            if part is None:
                continue
            canvas.cast(part, 0.04, 0.35)
            fur = random.standard_normal(part.alpha.shape).astype(np.float32)
            normals = canvas.normals(part, 0.3, 0.004 * fur if colour is not dark else None)
            lit = colour * (1 + (0.1 if colour is not dark else 0) * fur[..., None]) * canvas.light.shade(normals)
            if colour is dark:
                lit += 160 * canvas.light.shine(normals, 30)[..., None]
            canvas.lay(part, lit)


@dataclass(frozen=True)
class Panel:
    """A flat or round thing with a piece of a photograph on it: crate, board, post. Its half-width is one unit.

    Attributes:
        kind: "board" or "post".
        tall: half its height, units.
        texture: name of the photograph.
        corner: (2,) share of the photograph at which the piece begins.
        tone: (3,) factor.
    """

    kind: str
    tall: float
    texture: str
    corner: tuple[float, float]
    tone: np.ndarray

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """(x1, y1, x2, y2) units that hold it."""
        return -1.1, -self.tall - 0.1, 1.1, self.tall + 0.1

    @staticmethod
    def make(random: np.random.Generator) -> Panel:
        """Choose one."""
        kind = "post" if random.random() < 0.5 else "board"
        names = PHOTOGRAPHS + TEXTURES
        return Panel(
            kind,
            float(random.uniform(12, 30) if kind == "post" else random.uniform(0.4, 1.6)),
            names[random.integers(len(names))],
            (random.random(), random.random()),
            random.uniform(0.5, 1.0) * (1 + random.normal(0, 0.12, 3)),
        )

    def draw(self, canvas: Canvas) -> None:
        """Draw it."""
        part = canvas.part(np.array([(-1, -self.tall), (1, -self.tall), (1, self.tall), (-1, self.tall)]))
        if part is None:
            return
        xs, ys = canvas.grid(part)
        picture = photograph(self.texture)
        side = 0.45 * min(picture.shape[:2])
        rows = (self.corner[1] * (picture.shape[0] - side) + (ys / max(self.tall, 1) * 0.5 + 0.5) * side).astype(int)
        columns = (self.corner[0] * (picture.shape[1] - side) + (xs * 0.5 + 0.5) * side).astype(int)
        colour = picture[np.clip(rows, 0, picture.shape[0] - 1), np.clip(columns, 0, picture.shape[1] - 1)] * self.tone
        if self.kind == "post":
            normals = np.dstack([xs, np.zeros_like(xs), np.sqrt(np.clip(1 - xs * xs, 0.02, 1))])
        else:
            normals = canvas.normals(part, 0.06)
        canvas.lay(part, colour.astype(np.float32) * canvas.light.shade(normals.astype(np.float32)))
