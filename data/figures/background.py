"""Photographs to stand on: those that ship inside scikit-image and scikit-learn, cropped, turned and toned anew."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import skimage.data
from sklearn.datasets import load_sample_image

# In none of them is a person, a clown or a ball; the textures are grey and get a colour.
PHOTOGRAPHS = ("china", "flower", "motorcycle", "coffee", "rocket", "chelsea", "hubble")
TEXTURES = ("brick", "grass", "gravel")
SHARES = (0.17, 0.1, 0.2, 0.08, 0.12, 0.05, 0.03, 0.1, 0.08, 0.07)


@cache
def photograph(name: str) -> np.ndarray:
    """Return a photograph as (H, W, 3) float32 RGB 0..255."""
    if name in ("china", "flower"):
        picture = load_sample_image(f"{name}.jpg")
    elif name == "motorcycle":
        picture = skimage.data.stereo_motorcycle()[0]
    elif name == "hubble":
        picture = skimage.data.hubble_deep_field()
    else:
        picture = getattr(skimage.data, name)()
    if picture.ndim == 2:
        picture = np.dstack([picture] * 3)
    return np.asarray(picture, np.float32)


def background(size: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """Return (height, width, 3) float32 RGB 0..255: a crop of a photograph in another light and focus, or a room."""
    if random.random() < 0.4:
        return _toned(_room(size, random), random)
    names = PHOTOGRAPHS + TEXTURES
    name = names[random.choice(len(names), p=np.array(SHARES) / sum(SHARES))]
    picture = photograph(name)
    if name in TEXTURES:
        picture = _tinted(picture, random)
    return _toned(_cropped(picture, size, random), random)


def _tinted(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    tone = np.clip(random.uniform(60, 190) * (1 + random.normal(0, 0.09, 3)), 20, 235)
    return np.asarray(np.clip(picture / picture.mean() * tone, 0, 255), np.float32)


def _room(size: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """Return a wall with a floor before it: plaster, bricks, boards or a curtain; stones, grass or wood."""
    height, width = size
    wall = _wall(size, random)
    ground = _tinted(
        (photograph("gravel"), photograph("grass"), photograph("coffee")[310:400, 440:600])[random.integers(3)], random
    )
    if random.random() < 0.25:
        ground = _plain((256, 256), random)
    edge = int(height * random.uniform(0.5, 0.85))
    rows = np.arange(edge, height, dtype=np.float32)
    away = (height * 0.35) / (rows - edge + height * 0.12)  # perspective: what is nearer is coarser
    across = (np.arange(width, dtype=np.float32) - width / 2)[None] * away[:, None] * 0.9 + ground.shape[1] / 2
    deep = (away * height * 0.8)[:, None] + np.zeros((1, width), np.float32)
    floor = cv2.remap(
        ground, across.astype(np.float32), deep.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    wall[edge:] = floor
    soft = np.exp(-np.abs(np.arange(height) - edge) / (0.035 * height)).astype(np.float32)
    wall *= 1 - 0.4 * soft[:, None, None]
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    spot = random.uniform(0.2, 0.8) * width, random.uniform(-0.1, 0.6) * height
    fall = ((xs - spot[0]) / width) ** 2 + ((ys - spot[1]) / height) ** 2
    wall *= (1.12 - random.uniform(0.1, 0.6) * fall)[..., None]
    return np.clip(wall, 0, 255)


def _wall(size: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    height, width = size
    kind = ("plaster", "brick", "curtain", "boards")[random.choice(4, p=(0.34, 0.26, 0.2, 0.2))]
    if kind == "brick":
        bricks = _tinted(photograph("brick").transpose(1, 0, 2), random)
        wall = _cropped(
            np.tile(np.hstack([bricks, bricks[:, ::-1]]), (2, 1, 1))[:, : 1024 * width // max(width, height)],
            size,
            random,
        )
    elif kind == "curtain":
        xs = np.arange(width, dtype=np.float32)
        phase = xs / width * random.uniform(30, 90) + 2 * np.sin(xs / width * random.uniform(4, 15))
        first, second = random.uniform(40, 220, 3), random.uniform(40, 220, 3)
        striped = random.random() < 0.4
        stripe = (np.sin(phase * 0.25) > 0)[:, None] if striped else np.ones((width, 1), bool)
        line = np.where(stripe, first, second) * (0.8 + 0.25 * np.sin(phase))[:, None]
        wall = np.repeat(line[None].astype(np.float32), height, axis=0)
    else:
        wall = _plain(size, random)
        if kind == "boards":
            count = int(random.integers(6, 18))
            board = (np.arange(width) * count // width).astype(int)
            wall *= random.uniform(0.82, 1.12, count + 1)[board][None, :, None].astype(np.float32)
            wall[:, np.flatnonzero(np.diff(board))] *= 0.55
    for _ in range(int(random.choice([0, 1, 2, 3], p=[0.35, 0.3, 0.2, 0.15]))):
        _hang(wall, random)
    return wall


def _plain(size: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """Return paint on plaster: one colour, roughness of several sizes."""
    height, width = size
    rough = np.zeros(size, np.float32)
    for cell, strength in ((1, 2.0), (4, 2.5), (20, 3.0), (110, 6.0)):
        small = random.standard_normal((height // cell + 2, width // cell + 2), np.float32)
        rough += strength * cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    colour = np.clip(random.uniform(70, 215) * (1 + random.normal(0, 0.1, 3)), 25, 240)
    return (colour.astype(np.float32) + rough[..., None]).astype(np.float32)


def _hang(wall: np.ndarray, random: np.random.Generator) -> None:
    """Hang a framed piece of a photograph on a wall."""
    height, width = wall.shape[:2]
    high, wide = int(height * random.uniform(0.15, 0.4)), int(width * random.uniform(0.12, 0.35))
    top, left = int(random.uniform(0, 0.4) * height), int(random.uniform(-0.05, 0.9) * width)
    x1, x2, y2 = max(left, 0), min(left + wide, width), min(top + high, height)
    if x2 - x1 < 12 or y2 - top < 12:
        return
    piece = _cropped(photograph(PHOTOGRAPHS[random.integers(len(PHOTOGRAPHS))]), (y2 - top, x2 - x1), random)
    wall[top:y2, x1:x2] = random.uniform(20, 235, 3)
    rim = max(2, int(0.015 * height))
    wall[top + rim : y2 - rim, x1 + rim : x2 - rim] = piece[rim:-rim, rim:-rim]


def _cropped(picture: np.ndarray, size: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    height, width = picture.shape[:2]
    largest = min(height / size[0], width / size[1])
    share = random.uniform(0.55, 1.0) * largest
    crop_h, crop_w = int(size[0] * share), int(size[1] * share)
    top, left = random.integers(0, height - crop_h + 1), random.integers(0, width - crop_w + 1)
    crop = picture[top : top + crop_h, left : left + crop_w]
    if random.random() < 0.5:
        crop = crop[:, ::-1]
    smaller = share > 1
    return cv2.resize(
        np.ascontiguousarray(crop), size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    )


def _toned(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    if random.random() < 0.6:  # out of focus, as behind somebody who is in focus
        picture = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.4, 4.0) * picture.shape[0] / 480)
    gamma = random.uniform(0.75, 1.3)
    cast = 1 + random.normal(0, 0.06, 3)
    picture = 255 * np.clip(picture / 255, 0, 1) ** gamma * cast * random.uniform(0.8, 1.1)
    return np.clip(picture, 0, 255).astype(np.float32)
