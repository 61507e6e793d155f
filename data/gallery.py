"""The set on which the sample clip is shot: a wall with framed photographs, and a column in front of it.

All photographs are those that ship inside scikit-image; nothing is downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import skimage.data

from data.camera import View
from data.ellipse import Ellipse

SIZE = (1120, 2500)
PORTRAIT_AT = (1050, 270)  # scene place of the portrait's top left corner
# The face in skimage.data.astronaut(), forehead to chin and cheek to cheek: x, y, half-axes and tilt in its pixels.
PORTRAIT_FACE = (223.5, 132.0, 45.0, 57.0, 4.0)


def face() -> Ellipse:
    """Return the face on the wall, in scene pixels."""
    x, y, half_width, half_height, angle = PORTRAIT_FACE
    return Ellipse.upright(x + PORTRAIT_AT[0], y + PORTRAIT_AT[1], half_width, half_height, angle)


@cache
def wall() -> np.ndarray:
    """Return the scene, (1120, 2500, 3) float32 RGB 0..255: plaster, framed photographs, soft light."""
    scene = _plaster()
    coffee = cv2.resize(skimage.data.coffee(), (540, 360), interpolation=cv2.INTER_AREA)
    rocket = cv2.resize(skimage.data.rocket(), (560, 374), interpolation=cv2.INTER_AREA)
    for photograph, x, y in (
        (coffee, 320, 390),
        (skimage.data.astronaut(), *PORTRAIT_AT),
        (rocket, 1760, 380),
    ):
        _hang(scene, photograph.astype(np.float32), x, y)
    ys, xs = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32)
    light = 1.06 - 0.22 * ((xs - 1200) / 1600) ** 2 - 0.16 * ((ys - 380) / 700) ** 2
    scene *= light[..., None]
    return np.clip(scene, 0, 255)


def _plaster() -> np.ndarray:
    """Return a warm grey wall: roughness of several sizes."""
    random = np.random.default_rng(7)
    rough = np.zeros(SIZE, np.float32)
    for cell, strength in ((1, 2.2), (3, 2.0), (12, 1.6), (90, 3.0)):
        small = random.standard_normal((SIZE[0] // cell + 2, SIZE[1] // cell + 2), np.float32)
        rough += strength * cv2.resize(small, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    return np.array([176, 170, 160], np.float32) + rough[..., None]


def _hang(scene: np.ndarray, photograph: np.ndarray, x: int, y: int) -> None:
    """Put a photograph with mount, wooden frame and shadow on the wall; (x, y) is its top left corner."""
    height, width = photograph.shape[:2]
    mount, wood = 34, 16
    outer = (x - mount - wood, y - mount - wood, x + width + mount + wood, y + height + mount + wood)
    shadow = np.zeros(scene.shape[:2], np.float32)
    shadow[outer[1] + 22 : outer[3] + 30, outer[0] + 14 : outer[2] + 18] = 0.5
    scene *= 1 - cv2.GaussianBlur(shadow, (0, 0), 14)[..., None]
    random = np.random.default_rng(x)
    scene[outer[1] : outer[3], outer[0] : outer[2]] = _grain(outer[3] - outer[1], outer[2] - outer[0], random)
    inner = (x - mount, y - mount, x + width + mount, y + height + mount)
    scene[inner[1] : inner[3], inner[0] : inner[2]] = (236, 233, 225)
    scene[inner[1] : inner[1] + 5, inner[0] : inner[2]] *= np.linspace(0.7, 1, 5, dtype=np.float32)[:, None, None]
    scene[inner[1] : inner[3], inner[0] : inner[0] + 5] *= np.linspace(0.8, 1, 5, dtype=np.float32)[:, None]
    scene[y - 2 : y + height + 2, x - 2 : x + width + 2] = (196, 192, 184)
    scene[y : y + height, x : x + width] = photograph


def _grain(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    """Return (height, width, 3) float32 dark wood."""
    streaks = cv2.GaussianBlur(random.standard_normal((height, width), np.float32), (0, 0), sigmaX=18, sigmaY=0.8)
    return np.array([62, 41, 28], np.float32) + 90 * streaks[..., None]


@dataclass(frozen=True)
class Column:
    """A column between camera and wall: seen from a moving camera it passes faster than the wall.

    Attributes:
        x: the scene point in front of which it stands when the camera looks at that point.
        half_width: in scene pixels.
        nearness: how many times faster than the wall it moves; also how much larger it looks.
    """

    x: float
    half_width: float = 15.0
    nearness: float = 2.2

    def cover(self, views: list[View], size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Render the column as an exposure sees it.

        Args:
            views: of the exposure.
            size: (height, width) of the picture.

        Returns:
            (H, W) float32 opacity 0..1 and (H, W, 3) float32 colour.
        """
        rows, columns = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
        opacity = np.zeros(size, np.float32)
        across = np.zeros(size, np.float32)
        for view in views:
            near = view.scale * self.nearness
            lean = np.tan(np.radians(view.roll)) * (rows - size[0] / 2)
            offset = columns - (size[1] - 1) / 2 + lean - (self.x - view.x) * near
            soft = 2.0 + near  # out of focus
            half = self.half_width * near
            opacity += _step((half - np.abs(offset)) / soft) / len(views)
            across += np.clip(offset / half, -1, 1) / len(views)
        round_light = 0.12 + 0.98 * np.sqrt(np.clip(1 - (across + 0.35) ** 2 / 1.85, 0, 1))
        return opacity, round_light[..., None] * np.array([128, 134, 138], np.float32)


def _step(value: np.ndarray) -> np.ndarray:
    """Return 0 below -1, 1 above 1 and a smooth rise between."""
    bounded = np.clip((value + 1) / 2, 0, 1)
    return bounded * bounded * (3 - 2 * bounded)
