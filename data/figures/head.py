"""A head: a face bent round a solid that turns, with ears, nose, hair and hat.

Legend: units are head heights; a head's own middle is (0, 0), its chin at y 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from data.figures.canvas import Canvas, Part, normals_of
from data.figures.face import Expression, Face
from data.figures.hat import Hat
from data.figures.portrait import HALF_HEIGHT, HALF_WIDTH, ellipse
from data.figures.wig import Wig

HALF = 0.37  # half-width at the temples


@dataclass(frozen=True)
class Turn:
    """How a head is held, radians: `yaw` to its left (the picture's right), `pitch` down, `roll` clockwise."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    def matrix(self) -> np.ndarray:
        """Return (3, 3) from the head's to the picture's directions (x right, y down, z to the camera)."""
        cy, sy, cp, sp = np.cos(self.yaw), np.sin(self.yaw), np.cos(self.pitch), np.sin(self.pitch)
        return np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]]) @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])


def half_width(y: np.ndarray | float) -> np.ndarray:
    """Return the half-width of the head at height `y` (units), without the round of its top and chin."""
    return np.asarray(HALF * (1 - 0.2 * np.clip(np.asarray(y) / 0.5, 0, 1) ** 1.6))


@dataclass(frozen=True)
class Head:
    """A head of one person.

    Attributes:
        face: its features.
        wig: hair that grew, or was put on.
        nose: (3,) RGB of a clown's nose, or None.
        nose_radius: units.
        hat: on top, or None.
    """

    face: Face
    wig: Wig
    nose: np.ndarray | None
    nose_radius: float
    hat: Hat | None = None

    def draw(self, canvas: Canvas, at: np.ndarray, turn: Turn, expression: Expression, instance: str) -> None:
        """Draw it.

        Args:
            canvas: to draw on.
            at: (2,) the unit point of its middle.
            turn: how it is held.
            expression: of the face.
            instance: that its pixels belong to.
        """
        place = Place(at, turn)
        self.wig.draw(canvas, place, instance, behind=True)
        for side in (-1, 1):
            self._ear(canvas, place, side, instance)
        self._skull(canvas, place, expression, instance)
        if self.nose is not None:
            self._nose(canvas, place, instance)
        self.wig.draw(canvas, place, instance, behind=False)
        if self.hat is not None:
            top = self.wig.size if self.wig.kind in ("afro", "curls") else 0.02
            self.hat.draw(canvas, place, instance, top)

    def _skull(self, canvas: Canvas, place: Place, expression: Expression, instance: str) -> None:
        part, turned, towards = solid(canvas, place, 1.0)
        if part is None:
            return
        flat_x, flat_y, front = turned[..., 0], turned[..., 1], turned[..., 2]
        # What lies beyond the edge of the portrait keeps the colour of its edge.
        length = np.maximum(np.sqrt(flat_x**2 + flat_y**2), 1e-6)
        out = np.where(front < 0, 1 / length, 1.0)
        scale = float(np.clip(canvas.scale * 1.15, 60, 520))
        portrait = self.face.paint(scale, expression)
        map_x = (flat_x * out * half_width(0.5 * flat_y * out) + HALF_WIDTH) * scale - 0.5
        map_y = (0.5 * flat_y * out + HALF_HEIGHT) * scale - 0.5
        maps = map_x.astype(np.float32), map_y.astype(np.float32)
        colour = cv2.remap(portrait.colour, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        relief = cv2.remap(portrait.relief, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        gloss = cv2.remap(portrait.gloss, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        relief *= np.clip(front * 2, 0, 1)
        height = (0.37 * towards + relief) * canvas.scale
        normals = normals_of(cv2.GaussianBlur(height, (0, 0), max(0.006 * canvas.scale, 0.5)))
        lit = colour * canvas.light.shade(normals)
        lit += 150 * (gloss * canvas.light.shine(normals, 18))[..., None] * canvas.light.key
        canvas.lay(part, lit, instance)

    def _ear(self, canvas: Canvas, place: Place, side: int, instance: str) -> None:
        point, depth = place.project(np.array([side * 1.0, 0.1, -0.12]))
        if depth < -0.75:
            return
        lean = side * 0.12
        part = canvas.part(place.roll(ellipse(0, 0, 0.055, 0.1, lean) + point))
        if part is None:
            return
        skin = self.face.skin if self.face.makeup is None or self.face.makeup.base != "white" else self.face.skin * 0.97
        normals = canvas.normals(part, 0.05)
        canvas.lay(part, skin * (0.97, 0.86, 0.84) * canvas.light.shade(normals), instance)

    def _nose(self, canvas: Canvas, place: Place, instance: str) -> None:
        if self.nose is None:
            return
        point, _ = place.project(np.array([0, 0.33, 0.95]), lift=1.16)
        r = self.nose_radius
        part = canvas.part(place.roll(ellipse(point[0], point[1], r, r)))
        if part is None:
            return
        canvas.cast(part, 0.025, 0.5)
        xs, ys = canvas.grid(part)
        x, y = place.upright(xs, ys)
        across, down = (x - point[0]) / r, (y - point[1]) / r
        normals = np.dstack([across, down, np.sqrt(np.clip(1 - across**2 - down**2, 0.03, 1))])
        normals /= np.linalg.norm(normals, axis=2, keepdims=True)
        lit = self.nose * canvas.light.shade(normals.astype(np.float32))
        lit += 190 * canvas.light.shine(normals.astype(np.float32), 30)[..., None] * canvas.light.key
        canvas.lay(part, lit, instance)


def solid(canvas: Canvas, place: Place, lift: float) -> tuple[Part | None, np.ndarray, np.ndarray]:
    """Rasterise the head's solid, `lift` times as large.

    Returns:
        Its part; (h, w, 3) float32 where each pixel lies, a unit vector in the head's own directions; (h, w) float32
        how far towards the camera, 0..1. The part is None where nothing of it is on the canvas.
    """
    angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    ys = 0.5 * np.sin(angles)
    outline = np.asarray(np.stack([half_width(ys) * np.cos(angles), ys], 1) * lift)
    part = canvas.part(place.roll(outline))
    if part is None:
        return None, np.zeros((0, 0, 3), np.float32), np.zeros((0, 0), np.float32)
    xs, ys_ = canvas.grid(part)
    x, y = place.upright(xs, ys_)
    x, y = x / lift, y / lift
    down = np.clip(2 * y, -0.999, 0.999)
    ring = np.sqrt(1 - down * down)
    across = np.clip(x / np.maximum(half_width(y).astype(np.float32) * ring, 1e-3), -1, 1) * ring
    towards = np.sqrt(np.clip(1 - across**2 - down**2, 0, 1))
    directions = np.dstack([across, down, towards]).astype(np.float32) @ place.turn.matrix().astype(np.float32)
    return part, directions, towards.astype(np.float32)


@dataclass(frozen=True)
class Place:
    """Where a head is and how it is held."""

    at: np.ndarray
    turn: Turn

    def roll(self, points: np.ndarray) -> np.ndarray:
        """Take (N, 2) points of an upright head to the canvas, in units."""
        c, s = np.cos(self.turn.roll), np.sin(self.turn.roll)
        return np.asarray(np.asarray(points) @ np.array([[c, s], [-s, c]]) + self.at)

    def upright(self, xs: np.ndarray, ys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take points of the canvas, in units, back to the upright head."""
        c, s = np.cos(self.turn.roll), np.sin(self.turn.roll)
        x, y = xs - np.float32(self.at[0]), ys - np.float32(self.at[1])
        return c * x + s * y, -s * x + c * y

    def project(self, directions: np.ndarray, lift: np.ndarray | float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Return the upright places (..., 2) of points of the head's surface, and how far they face the camera, -1..1.

        Args:
            directions: (..., 3) of the points from the head's middle, in the head's own directions.
            lift: how far they are from the middle, broadcast to (..., 1); 1 is the surface.
        """
        units = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
        seen = units @ self.turn.matrix().T
        lifted = seen[..., :2] * lift
        height = 0.5 * lifted[..., 1]
        return np.stack([lifted[..., 0] * half_width(height), height], axis=-1), seen[..., 2]
