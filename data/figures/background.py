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
    """Return (height, width, 3) float32 RGB 0..255: a crop of a photograph in another light and focus."""
    names = PHOTOGRAPHS + TEXTURES
    name = names[random.choice(len(names), p=np.array(SHARES) / sum(SHARES))]
    picture = photograph(name)
    if name in TEXTURES:
        tone = np.array([128, 128, 128]) + random.normal(0, 22, 3)
        picture = picture / picture.mean() * tone
    return _toned(_cropped(picture, size, random), random)


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
