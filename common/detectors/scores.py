"""Scores of different origin on one scale."""

from __future__ import annotations

import numpy as np

TINY = 1e-6


def bend(scores: np.ndarray, own: np.ndarray | float, common: float) -> np.ndarray:
    """Bend scores so that what is believed from `own` on comes to be believed from `common` on.

    0 and 1 stay, `own` comes to lie at `common`, between them scores are stretched; their order stays. What reaches
    `own` reaches `common` as float32 too, so that no rounding takes a sure sighting for a weak one.

    Args:
        scores: (N,) 0..1.
        own: score, or one for each of the N, from which such a sighting is believed.
        common: the same for the scale that is wanted.

    Returns:
        (N,) float64.
    """
    scores = np.asarray(scores, float)
    own, common = np.clip(own, TINY, 1 - TINY), float(np.clip(common, TINY, 1 - TINY))
    below, above = scores * (common / own), 1 - (1 - scores) * ((1 - common) / (1 - own))
    reached = float(np.nextafter(np.float32(common), np.float32(1)))
    return np.where(scores < own - TINY, below, np.maximum(above, reached))
