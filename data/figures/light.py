"""The light in which a scene is drawn: where it comes from and what colour it has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Light:
    """One key light and the light from all around.

    Attributes:
        direction: (3,) unit vector towards the key light: x right, y down, z towards the camera.
        key: (3,) RGB factor of what faces the key light.
        around: (3,) RGB factor of what the key light does not reach.
    """

    direction: np.ndarray
    key: np.ndarray
    around: np.ndarray

    def shade(self, normals: np.ndarray, wrap: float = 0.25) -> np.ndarray:
        """Return the (h, w, 3) float32 factor for surfaces with (h, w, 3) unit normals.

        Args:
            normals: as `direction`.
            wrap: how far light creeps round the edge, 0..1: skin and cloth are soft.
        """
        facing = normals @ self.direction.astype(np.float32)
        lit = np.clip((facing + wrap) / (1 + wrap), 0, None)
        sky = 0.5 - 0.5 * normals[..., 1]  # what looks up sees more of the sky
        around = self.around * (0.72 + 0.42 * sky[..., None])
        return np.asarray(around + lit[..., None] * self.key, np.float32)

    def shine(self, normals: np.ndarray, sharpness: float) -> np.ndarray:
        """Return the (h, w) float32 mirror light of surfaces, 0..1."""
        half = self.direction + np.array([0, 0, 1])
        half = (half / np.linalg.norm(half)).astype(np.float32)
        return np.asarray(np.clip(normals @ half, 0, 1) ** sharpness, np.float32)


def from_photograph(photograph: np.ndarray, random: np.random.Generator) -> Light:
    """Guess the light of a photograph: its colour and strength from the pixels, the side from the brighter half.

    Args:
        photograph: (H, W, 3) float32 RGB 0..255.
        random: chooses what the photograph does not tell.
    """
    grey = photograph.mean(axis=2)
    middle = grey.shape[1] // 2
    lean = (grey[:, middle:].mean() - grey[:, :middle].mean()) / 128
    side = np.clip(1.5 * lean + random.normal(0, 0.5), -0.9, 0.9)
    direction = np.array([side, -random.uniform(0.35, 0.9), random.uniform(0.5, 1.0)])
    bright = photograph.reshape(-1, 3)[grey.ravel() >= np.percentile(grey, 60)].mean(axis=0) + 25
    tint = bright / bright.mean()
    tint = tint ** random.uniform(0.35, 0.65)
    strength = np.clip((grey.mean() + 60) / 170, 0.62, 1.08) * random.uniform(0.92, 1.08)
    share = random.uniform(0.45, 0.68)  # of the key light
    dull = photograph.reshape(-1, 3).mean(axis=0) + 25
    cast = (dull / dull.mean()) ** 0.45
    return Light(direction / np.linalg.norm(direction), strength * share * tint * 1.12, strength * (1 - share) * cast)
