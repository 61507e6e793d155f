"""What is kept of a picture by effects that hide everything but the objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infer.effects.patch import Patch


def everything_else(patches: Sequence[Patch], size: tuple[int, int]) -> Patch:
    """Turn patches inside out.

    Args:
        patches: the objects that stay.
        size: (height, width) of the stored picture.

    Returns:
        One patch over the whole picture: 255 where no object is, 0 inside the union of all, between on soft edges.
    """
    alpha = union(patches, size)
    np.subtract(255, alpha, out=alpha)
    return Patch(0, 0, alpha, float(max(size)))


def union(patches: Sequence[Patch], size: tuple[int, int]) -> np.ndarray:
    """Largest alpha of all patches: (H, W) uint8, stored orientation."""
    alpha = np.zeros(size, np.uint8)
    for patch in patches:
        height, width = patch.alpha.shape
        part = alpha[patch.top : patch.top + height, patch.left : patch.left + width]
        np.maximum(part, patch.alpha, out=part)
    return alpha
