"""A made camera: looks at a flat scene, shakes, blurs what moves fast, and has a noisy sensor.

Legend: scene and picture coordinates are (x, y) in pixels with pixel centres at whole numbers, as OpenCV has them;
sizes are (height, width).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class View:
    """Where the camera looks at one instant.

    Attributes:
        x: scene point that lands in the middle of the picture.
        y: as `x`.
        scale: picture pixels per scene pixel.
        roll: degrees, clockwise as seen in the picture.
    """

    x: float
    y: float
    scale: float
    roll: float = 0.0

    def matrix(self, size: tuple[int, int]) -> np.ndarray:
        """Return the (2, 3) float64 matrix that takes scene points to points of a picture of `size`."""
        angle = math.radians(self.roll)
        turn = self.scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        middle = (np.array(size[::-1], float) - 1) / 2
        return np.hstack([turn, (middle - turn @ [self.x, self.y])[:, None]])


def between(first: View, last: View, share: float) -> View:
    """Return the view at `share` (0..1) of the way from `first` to `last`."""
    mixed = ((1 - share) * a + share * b for a, b in zip(_numbers(first), _numbers(last), strict=True))
    return View(*mixed)


def _numbers(view: View) -> tuple[float, float, float, float]:
    return view.x, view.y, view.scale, view.roll


def shutter(before: View, now: View, after: View, size: tuple[int, int], angle: float = 180.0) -> list[View]:
    """Return the views that one exposure sees: one for a still camera, more the faster it moves.

    Args:
        before: the view a frame earlier.
        now: the view in the middle of the exposure.
        after: the view a frame later.
        size: of the picture.
        angle: of the shutter in degrees; 180 exposes for half the frame's time.

    Returns:
        Views about 1.5 pixels apart at the fastest corner of the picture, symmetric about `now`.
    """
    half = angle / 720.0
    start, end = between(now, before, half), between(now, after, half)
    height, width = size
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float)
    inverse = cv2.invertAffineTransform(now.matrix(size))
    scene = np.hstack([corners @ inverse.T, np.ones((4, 1))])
    moved = scene @ (end.matrix(size) - start.matrix(size)).T
    steps = int(np.clip(math.ceil(float(np.abs(moved).max()) / 1.5), 1, 32))
    if steps == 1:
        return [now]
    first = [between(start, now, (i + 0.5) / steps * 2) for i in range(steps) if (i + 0.5) / steps < 0.5]
    second = [between(now, end, (i + 0.5) / steps * 2 - 1) for i in range(steps) if (i + 0.5) / steps >= 0.5]
    return first + second


def expose(scene: np.ndarray, matrices: Sequence[np.ndarray], size: tuple[int, int], fine: int = 1) -> np.ndarray:
    """Warp a scene through each matrix and average: the picture before the sensor.

    Args:
        scene: (H, W, C) float32; a last channel of opacity is averaged like the others.
        matrices: (2, 3) each, scene to picture.
        size: of the picture.
        fine: subpixels a side that are computed and averaged, against stair-steps where the scene is shrunk.

    Returns:
        (height, width, C) float32; outside the scene it is mirrored (opaque scenes) or nothing is (4 channels).
    """
    height, width = size[0] * fine, size[1] * fine
    border = cv2.BORDER_REFLECT_101 if scene.shape[2] == 3 else cv2.BORDER_CONSTANT
    total = np.zeros((height, width, scene.shape[2]), np.float32)
    for matrix in matrices:
        finer = fine * matrix
        finer[:, 2] += (fine - 1) / 2
        flags = cv2.INTER_LINEAR if fine > 1 else cv2.INTER_CUBIC
        total += cv2.warpAffine(scene, finer, (width, height), flags=flags, borderMode=border)
    total /= len(matrices)
    return total if fine == 1 else cv2.resize(total, size[::-1], interpolation=cv2.INTER_AREA)


def sense(picture: np.ndarray, random: np.random.Generator, noise: float = 2.0, grain: float = 0.25) -> np.ndarray:
    """Turn an exposed picture into what a sensor delivers.

    Args:
        picture: (H, W, 3) float32, 0..255.
        random: source of the noise.
        noise: standard deviation of the read-out noise, in levels.
        grain: of the light's own noise: that many levels times the square root of the level.

    Returns:
        (H, W, 3) uint8.
    """
    spread = noise + grain * np.sqrt(np.clip(picture, 0, 255))
    grey = random.standard_normal(picture.shape[:2], np.float32)[..., None]
    colour = random.standard_normal(picture.shape, np.float32)
    noisy = picture + spread * (0.8 * grey + 0.4 * colour)
    return np.clip(noisy + 0.5, 0, 255).astype(np.uint8)


def shake(frames: int, rate: float, random: np.random.Generator, speed: float = 1.0) -> np.ndarray:
    """Return a hand's unrest: (frames, 3) float64 with a standard deviation of about 1 a column (x, y, roll).

    A sum of sine waves between 0.4 and 6 Hz whose strength falls with frequency, as hands do.
    """
    waves = np.geomspace(0.4, 6.0, 7) * speed
    strength = 1 / waves
    strength /= math.sqrt(float((strength**2).sum()) / 2)
    times = np.arange(frames)[:, None, None] / rate
    phase = random.uniform(0, 2 * math.pi, (1, 3, len(waves)))
    detune = random.uniform(0.9, 1.1, (1, 3, len(waves)))
    return (strength * np.sin(2 * math.pi * waves * detune * times + phase)).sum(axis=2)
