"""Hats: what clowns wear, what anybody wears at a party, and what people wear in the street.

Legend: units are head heights from the middle of the head, of a head held upright.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.figures import colour as colours
from data.figures.canvas import Canvas
from data.figures.fabric import Fabric
from data.figures.portrait import arc, ellipse, smooth, stroke

if TYPE_CHECKING:
    from data.figures.head import Place


@dataclass(frozen=True)
class Hat:
    """A hat on a head.

    Attributes:
        kind: "cone", "bowler", "top", "beanie" or "cap".
        cloth: that it is made of.
        band: (3,) RGB of band, brim or pompon.
        tilt: radians.
        size: factor; small hats sit on one side.
    """

    kind: str
    cloth: Fabric
    band: np.ndarray
    tilt: float
    size: float

    @staticmethod
    def clown(random: np.random.Generator) -> Hat | None:
        """Choose a clown's, or none."""
        if random.random() > 0.36:
            return None
        kind = ("cone", "bowler", "top")[random.choice(3, p=(0.45, 0.35, 0.2))]
        size = float(random.uniform(0.45, 1.0))
        return Hat(kind, Fabric.costume(random), colours.bright(random), float(random.normal(0, 0.16)), size)

    @staticmethod
    def plain(random: np.random.Generator) -> Hat | None:
        """Choose one that people wear, or none."""
        if random.random() > 0.24:
            return None
        kind = ("beanie", "cap", "bowler", "cone")[random.choice(4, p=(0.4, 0.3, 0.15, 0.15))]
        colourful = kind == "cone" or random.random() < 0.4
        cloth = Fabric.costume(random) if colourful else Fabric.everyday(random)
        band = colours.bright(random) if colourful else colours.dull(random)
        return Hat(kind, cloth, band, float(random.normal(0, 0.06)), 0.6 if kind == "cone" else 1.0)

    def draw(self, canvas: Canvas, place: Place, instance: str, hair: float) -> None:
        """Draw it on a head whose hair stands `hair` units off."""
        if self.kind in ("beanie", "cap"):
            self._close(canvas, place, instance)
            return
        shift = 0.16 * np.sin(place.turn.yaw)
        base = np.array([shift + 1.4 * self.tilt, -0.36 - 0.5 * hair - 0.1 * (1 - self.size)])
        half = (0.34 + 0.25 * hair) * self.size
        tall = {"cone": 0.75, "bowler": 0.36, "top": 0.55}[self.kind] * self.size
        dip = 0.2 * half
        if self.kind == "cone":
            crown = np.vstack([arc(0, 0, half, dip), [(0.03, -tall), (-0.03, -tall)]])
        elif self.kind == "bowler":
            crown = np.vstack([arc(0, 0, half * 0.82, dip * 0.8), smooth_dome(half * 0.82, tall)])
        else:
            crown = np.vstack([arc(0, 0, half * 0.72, dip * 0.7), arc(0, -tall, half * 0.84, dip * -0.3)[::-1]])
        if self.kind != "cone":
            brim = ellipse(0, 0, half * 1.3, dip * 1.5)
            self._lay(canvas, place, (brim, base), (instance, 0.04), self.band * 0.9)
        self._lay(canvas, place, (crown, base), (instance, half * 0.8), None)
        if self.kind == "cone":
            self._lay(canvas, place, (ellipse(0, -tall, 0.08, 0.08), base), (instance, 0.08), self.band)
            for share in (0.3, 0.6):
                button = ellipse(0.02, -tall * share + dip * (1 - share), 0.055, 0.055)
                self._lay(canvas, place, (button, base), (instance, 0.05), self.band)
        else:
            ribbon = stroke(
                arc(0, -0.05 * self.size, half * (0.8 if self.kind == "bowler" else 0.735), dip * 0.75), 0.04
            )
            self._lay(canvas, place, (ribbon, base), (instance, 0.3), self.band)

    def _lay(
        self,
        canvas: Canvas,
        place: Place,
        shape: tuple[np.ndarray, np.ndarray],
        belongs: tuple[str, float],
        colour: np.ndarray | None,
    ) -> None:
        """Lay a piece, (outline, where its base is), in a colour or in the hat's cloth."""
        outline, base = shape
        instance, roundness = belongs
        c, s = np.cos(self.tilt), np.sin(self.tilt)
        part = canvas.part(place.roll(outline @ np.array([[c, s], [-s, c]]) + base))
        if part is None:
            return
        canvas.cast(part, 0.04, 0.4)
        xs, ys = canvas.grid(part)
        cloth, folds = self.cloth.cut(*place.upright(xs, ys))
        normals = canvas.normals(part, roundness, 0.3 * folds)
        canvas.lay(part, (cloth if colour is None else colour) * canvas.light.shade(normals), instance)

    def _close(self, canvas: Canvas, place: Place, instance: str) -> None:
        """Draw a cap that follows the head."""
        from data.figures.canvas import Part, normals_of
        from data.figures.head import solid

        part, directions, towards = solid(canvas, place, 1.13)
        if part is None:
            return
        line = -0.46 if self.kind == "beanie" else -0.5
        rows = directions[..., 1] - 0.25 * np.clip(-directions[..., 2], 0, 1)
        soft = max(0.02, 2.5 / canvas.scale)
        cover = Part(part.left, part.top, (part.alpha * np.clip((line - rows) / soft, 0, 1)).astype(np.float32))
        canvas.cast(cover, 0.03, 0.45)
        ribs = 0.006 * np.sin(np.arctan2(directions[..., 0], directions[..., 2]) * 40) if self.kind == "beanie" else 0.0
        normals = normals_of((0.4 * towards + ribs) * canvas.scale)
        colour, _ = self.cloth.cut(directions[..., 0] * 0.4, directions[..., 1] * 0.5)
        if self.kind == "beanie":
            colour = np.where((rows > line - 0.17)[..., None], self.band, colour)
        canvas.lay(cover, colour * canvas.light.shade(normals), instance)
        if self.kind == "cap":
            front, depth = place.project(np.array([0, -0.46, 0.9]), 1.13)
            if depth > 0:
                peak = smooth(
                    np.array([(-0.27, -0.02), (0, -0.1), (0.27, -0.02), (0.2, 0.1), (0, 0.14), (-0.2, 0.1)]), 8
                )
                self._lay(canvas, place, (peak, front), (instance, 0.06), self.band)


def smooth_dome(half: float, tall: float) -> np.ndarray:
    """Return the points of a dome from the right foot over the top to the left one."""
    angles = np.linspace(0, np.pi, 21)
    return np.stack([half * np.cos(angles), -tall * np.sin(angles) ** 0.7], 1)
