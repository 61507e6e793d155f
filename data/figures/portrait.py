"""A face as it is seen from the front, painted flat: colour and relief. The head bends it round itself.

Legend: units are head heights from the middle of the head, x right, y down; the chin is at y 0.5.
"""

from __future__ import annotations

import cv2
import numpy as np

HALF_WIDTH, HALF_HEIGHT = 0.42, 0.54
Colour = np.ndarray | tuple[int, int, int]


class Portrait:
    """Paint on a flat face.

    Args:
        scale: pixels a unit.
        skin: (3,) RGB 0..255.

    Attributes:
        colour: (H, W, 3) float32 RGB 0..255.
        relief: (H, W) float32 height in units.
        gloss: (H, W) float32 0..1, how much it mirrors.
    """

    def __init__(self, scale: float, skin: np.ndarray) -> None:
        self.scale = scale
        size = round(2 * HALF_HEIGHT * scale), round(2 * HALF_WIDTH * scale)
        self.colour = np.empty((*size, 3), np.float32)
        self.colour[:] = skin
        self.relief = np.zeros(size, np.float32)
        self.gloss = np.full(size, 0.1, np.float32)

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Return the places of (N, 2) points in units."""
        return np.add(points, (HALF_WIDTH, HALF_HEIGHT)) * self.scale

    def cover(self, outline: np.ndarray, soft: float = 0.004) -> np.ndarray:
        """Return (H, W) float32 0..1, the inside of an outline with edges `soft` units wide."""
        raster = np.zeros(self.relief.shape, np.uint8)
        cv2.fillPoly(raster, [np.round(self.pixels(outline) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        cover = raster.astype(np.float32) / 255
        blur = soft * self.scale
        return cv2.GaussianBlur(cover, (0, 0), blur) if blur > 0.3 else cover

    def fill(
        self, outline: np.ndarray, colour: Colour, soft: float = 0.004, opacity: float = 1.0, gloss: float = -1
    ) -> np.ndarray:
        """Paint the inside of an outline and return its cover."""
        return self.wash(self.cover(outline, soft) * opacity, colour, gloss)

    def wash(self, cover: np.ndarray, colour: Colour, gloss: float = -1) -> np.ndarray:
        """Paint through a cover, (H, W) float32 0..1."""
        self.colour += cover[..., None] * (np.asarray(colour, np.float32) - self.colour)
        if gloss >= 0:
            self.gloss += cover * (gloss - self.gloss)
        return cover

    def raise_(self, x: float, y: float, reach: tuple[float, float], height: float) -> None:
        """Add a soft hill (or, below 0, a hollow) at a point; `reach` is its width and height in units."""
        rows, columns = self.relief.shape
        across = ((np.arange(columns) + 0.5) / self.scale - HALF_WIDTH - x) / reach[0]
        down = ((np.arange(rows) + 0.5) / self.scale - HALF_HEIGHT - y) / reach[1]
        self.relief += height * np.exp(-(across**2)).astype(np.float32) * np.exp(-(down**2)).astype(np.float32)[:, None]


def ellipse(x: float, y: float, across: float, down: float, turn: float = 0.0, count: int = 48) -> np.ndarray:
    """Return the outline of an ellipse, (count, 2), turned clockwise by `turn` radians."""
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    points = np.stack([across * np.cos(angles), down * np.sin(angles)], 1)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.asarray(points @ rotation + (x, y))


def smooth(corners: np.ndarray, count: int = 12) -> np.ndarray:
    """Return the closed curve through (N, 2) corners, (N * count, 2): Catmull-Rom."""
    points = np.asarray(corners, float)
    before, after, beyond = np.roll(points, 1, 0), np.roll(points, -1, 0), np.roll(points, -2, 0)
    t = (np.arange(count) / count)[None, :, None]
    a, b, c, d = (p[:, None, :] for p in (before, points, after, beyond))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.asarray(curve.reshape(-1, 2))


def stroke(points: np.ndarray, widths: np.ndarray | float) -> np.ndarray:
    """Return the outline of a brush stroke along (N, 2) points; `widths` are half-widths."""
    path = np.asarray(points, float)
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.stack([-along[:, 1], along[:, 0]], 1) * np.broadcast_to(widths, len(path))[:, None]
    return np.vstack([path + across, (path - across)[::-1]])


def arc(x: float, y: float, half: float, bend: float, count: int = 17) -> np.ndarray:
    """Return points from (x - half, y) to (x + half, y) whose middle hangs `bend` lower."""
    share = np.linspace(-1, 1, count)
    return np.stack([x + half * share, y + bend * (1 - share**2)], 1)


def capsule(points: np.ndarray, widths: np.ndarray | float) -> np.ndarray:
    """Return the outline of a stroke along (N, 2) points with round ends; `widths` are half-widths."""
    path = np.asarray(points, float)
    half = np.broadcast_to(np.asarray(widths, float), len(path))
    angles = np.linspace(0, np.pi / 2, 7)[1:]
    ends = []
    for at, before, width in ((path[0], path[1], half[0]), (path[-1], path[-2], half[-1])):
        along = (at - before) / max(float(np.linalg.norm(at - before)), 1e-9)
        ends.append((at + along * width * np.sin(angles)[:, None], np.maximum(width * np.cos(angles), 1e-4)))
    (head, head_widths), (tail, tail_widths) = ends
    return stroke(np.vstack([head[::-1], path, tail]), np.concatenate([head_widths[::-1], half, tail_widths]))
