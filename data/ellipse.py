"""An ellipse that stays one under every affine camera: the shape in which made faces are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ellipse:
    """All points `middle + axes @ u` with |u| <= 1.

    Attributes:
        middle: (2,) float64 (x, y).
        axes: (2, 2) float64; its columns are two conjugate half-axes.
    """

    middle: np.ndarray
    axes: np.ndarray

    @staticmethod
    def upright(x: float, y: float, half_width: float, half_height: float, angle: float = 0.0) -> Ellipse:
        """Return an ellipse with level axes, then turned clockwise by `angle` degrees."""
        turn = np.radians(angle)
        turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        return Ellipse(np.array([x, y], float), turned @ np.diag([half_width, half_height]).astype(float))

    def through(self, matrix: np.ndarray) -> Ellipse:
        """Return the picture of this ellipse under a (2, 3) matrix."""
        return Ellipse(matrix[:, :2] @ self.middle + matrix[:, 2], matrix[:, :2] @ self.axes)

    def box(self) -> np.ndarray:
        """Return (4,) (x1, y1, x2, y2), the tight box."""
        reach = np.sqrt((self.axes**2).sum(axis=1))
        return np.concatenate([self.middle - reach, self.middle + reach])

    def area(self) -> float:
        """Return its area in square pixels."""
        return float(np.pi * abs(np.linalg.det(self.axes)))

    def mask(self, size: tuple[int, int]) -> tuple[int, int, np.ndarray]:
        """Rasterise within a picture of `size` (height, width).

        Returns:
            (x, y, mask): the corner of a crop and its (h, w) bool, True where a pixel's centre is inside. Empty where
            nothing of it is in the picture.
        """
        x1, y1, x2, y2 = self.box()
        left, top = max(0, int(np.floor(x1))), max(0, int(np.floor(y1)))
        right, bottom = min(size[1], int(np.ceil(x2)) + 1), min(size[0], int(np.ceil(y2)) + 1)
        if right <= left or bottom <= top:
            return 0, 0, np.zeros((0, 0), bool)
        ys, xs = np.mgrid[top:bottom, left:right]
        points = np.stack([xs - self.middle[0], ys - self.middle[1]], axis=-1) @ np.linalg.inv(self.axes).T
        return left, top, (points**2).sum(axis=-1) <= 1.0
