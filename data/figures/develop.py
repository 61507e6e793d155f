"""From the light on the sensor to the picture: one lens and one grading over figures and photograph alike."""

from __future__ import annotations

import cv2
import numpy as np


def graded(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a picture as one camera would have taken it.

    Args:
        picture: (H, W, 3) float32 RGB 0..255.
        random: chooses lens, contrast, colour and haze.
    """
    soft = random.uniform(0.35, 0.75) * picture.shape[0] / 480
    picture = cv2.GaussianBlur(picture, (0, 0), soft)
    if random.random() < 0.4:  # what cameras do against it
        picture = picture + random.uniform(0.2, 0.9) * (picture - cv2.GaussianBlur(picture, (0, 0), 1.6 * soft))
    grey = picture.mean(axis=2, keepdims=True)
    picture = grey + random.uniform(0.78, 1.1) * (picture - grey)
    if random.random() < 0.04:
        picture = np.repeat(grey, 3, axis=2) * random.uniform(0.95, 1.05, 3)
    share = np.clip(picture / 255, 0, 1.3)
    shoulder = np.where(share > 0.8, 0.8 + 0.2 * np.tanh((share - 0.8) / 0.2), share)  # highlights roll off
    curve = shoulder ** random.uniform(0.8, 1.12)
    curve = random.uniform(0, 0.035) + (1 - random.uniform(0, 0.08)) * curve
    return np.asarray(np.clip(255 * curve * (1 + random.normal(0, 0.03, 3)), 0, 255), np.float32)
