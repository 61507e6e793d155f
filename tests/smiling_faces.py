"""Drawn faces that smile or do not, and a trunk that is small enough to learn them in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np

from data.figures.face import Expression, Face

CLASSES = ("no_smile", "smile")


def draw(seed: int, smiling: bool, size: int = 48) -> np.ndarray:
    """Return (size, size, 3) uint8 RGB: somebody of that number, seen from the front."""
    dice = np.random.default_rng(seed)
    face = Face.make(dice)
    expression = Expression(
        smile=float(dice.uniform(0.5, 1) if smiling else dice.uniform(-0.9, -0.4)),
        brows=float(dice.uniform(-0.5, 0.5)),
        lids=float(dice.choice([1, 0.8])),
    )
    painted = np.clip(face.paint(70, expression).colour, 0, 255).astype(np.uint8)
    return cv2.resize(painted, (size, size), interpolation=cv2.INTER_AREA)


def faces(count: int, first: int = 0, size: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """Return (count, size, size, 3) uint8 and their places in `CLASSES`, half of them smiling."""
    numbers = range(first, first + count)
    class_ids = np.array([number % 2 for number in numbers], np.int32)
    return np.stack([draw(number, number % 2 == 1, size) for number in numbers]), class_ids


def write(folder: Path, count: int, first: int = 0, size: int = 48) -> Path:
    """Write faces as folder/smile/0001.png and so on."""
    for number, (pixels, class_id) in enumerate(zip(*faces(count, first, size), strict=True), start=first):
        place = folder / CLASSES[class_id]
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f"{number:04d}.png"), pixels[..., ::-1])
    return folder


def small_trunk(name: str, family: Any, channels: int = 3, weights: Any = None) -> keras.Model:
    """Stand in for `application_trunk.build_application`: three convolutions instead of a hundred."""
    x = picture = keras.Input((None, None, channels))
    for number, filters in enumerate((16, 32, 32), start=1):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = keras.layers.BatchNormalization(name=f"bn{number}")(x)
        x = keras.layers.MaxPooling2D(name=f"pool{number}")(keras.layers.ReLU(name=f"relu{number}")(x))
    return keras.Model(picture, x, name=name)
