"""Colours of paint, cloth, hair and skin, as RGB 0..255."""

from __future__ import annotations

import colorsys

import numpy as np

SKINS = (
    (247, 217, 196),
    (236, 192, 164),
    (222, 170, 136),
    (196, 140, 104),
    (158, 104, 72),
    (116, 74, 52),
    (84, 54, 40),
)
HAIRS = ((26, 20, 18), (58, 38, 26), (96, 62, 36), (148, 104, 58), (204, 166, 104), (150, 148, 146), (132, 58, 30))


def bright(random: np.random.Generator, red: float = 0.2) -> np.ndarray:
    """Return a colour of paint or dyed cloth.

    Args:
        random: chooses.
        red: share of reds.
    """
    hue = random.normal(0.995, 0.012) % 1 if random.random() < red else random.random()
    return np.array(colorsys.hsv_to_rgb(hue, random.uniform(0.72, 0.97), random.uniform(0.66, 0.97))) * 255


def dull(random: np.random.Generator) -> np.ndarray:
    """Return a colour of everyday clothes."""
    hue = random.choice([0.6, 0.62, 0.58, 0.08, 0.1, 0.35, 0.0, 0.9])
    return np.array(colorsys.hsv_to_rgb(hue, random.uniform(0.05, 0.5), random.uniform(0.12, 0.9))) * 255


def skin(random: np.random.Generator) -> np.ndarray:
    """Return a colour of skin."""
    place = random.uniform(0, len(SKINS) - 1)
    low = int(place)
    share = place - low
    pair = np.array(SKINS[low]), np.array(SKINS[min(low + 1, len(SKINS) - 1)])
    return (1 - share) * pair[0] + share * pair[1] + random.normal(0, 3, 3)


def hair(random: np.random.Generator) -> np.ndarray:
    """Return a colour of hair that grew."""
    return np.clip(np.array(HAIRS[random.integers(len(HAIRS))]) + random.normal(0, 8, 3), 8, 235)
