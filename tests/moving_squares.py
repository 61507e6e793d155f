"""Pictures in which everything is known: a textured square that moves over a textured ground."""

from __future__ import annotations

import cv2
import numpy as np
import supervision as sv

from common.detections import make_detections
from infer.tracking.observation import Observation

PROXY = (180, 320)  # (height, width)
FRAME = (360, 640)  # display picture, twice the proxy


def texture(size: tuple[int, int], seed: int) -> np.ndarray:
    """Return (h, w) uint8 noise with coarse and fine structure, as pictures have."""
    random = np.random.default_rng(seed)
    total = np.zeros(size)
    for width in (2, 5, 12, 30):
        smooth = cv2.GaussianBlur(random.normal(0, 1, size), (0, 0), width)
        total += smooth / smooth.std()
    return np.clip(128 + 45 * total / total.std(), 0, 255).astype(np.uint8)


def scene(
    centres: list[tuple[float, float] | None], side: int = 40, seed: int = 1, pan: float = 0.0
) -> list[np.ndarray]:
    """Return one (180, 320) proxy a centre: a square of `side` proxy pixels at that (x, y), or no square.

    The ground moves left by `pan` pixels a frame.
    """
    ground, square = texture((PROXY[0], PROXY[1] * 4), seed), texture((side, side), seed + 1)
    pictures = []
    for index, centre in enumerate(centres):
        shift = np.array([[1, 0, -pan * index], [0, 1, 0]], np.float32)
        picture = cv2.warpAffine(ground, shift, PROXY[::-1])
        if centre is not None:
            put = np.array([[1, 0, centre[0] - side / 2], [0, 1, centre[1] - side / 2]], np.float32)
            inside = cv2.warpAffine(np.full((side, side), 255, np.uint8), put, PROXY[::-1]) > 127
            picture = np.where(inside, cv2.warpAffine(square, put, PROXY[::-1]), picture)
        pictures.append(picture)
    return pictures


def box_around(centre: tuple[float, float], side: float = 40) -> np.ndarray:
    """Return the (4,) box in display pixels of a square at a centre in proxy pixels."""
    x, y = centre
    return np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2]) * 2


def seen(*rows: tuple[tuple[float, float], float], class_id: int = 0, side: float = 40) -> sv.Detections:
    """Return detections of squares at (centre in proxy pixels, score)."""
    boxes = [box_around(centre, side) for centre, _ in rows]
    return make_detections(np.array(boxes).reshape(-1, 4), [score for _, score in rows], [class_id] * len(rows))


def observations(proxies: list[np.ndarray], found: dict[int, sv.Detections | None]) -> list[Observation]:
    """Return observations at 30 frames a second; frames without an entry were analysed and nothing was found."""
    return [Observation(index, index / 30, found.get(index, seen()), proxy) for index, proxy in enumerate(proxies)]
