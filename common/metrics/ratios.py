"""Ratios of counts; nothing out of nothing is NaN, "not known", and never a crash or a flattering 1."""

from __future__ import annotations

from typing import Any

import numpy as np


def ratio(part: Any, whole: Any) -> np.ndarray:
    """Divide counts; NaN where the whole is 0."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole != 0)


def f1(hits: Any, misses: Any, false_alarms: Any) -> np.ndarray:
    """Harmonic mean of precision and recall: 2 hits / (2 hits + misses + false alarms); NaN where all are 0."""
    hits = np.asarray(hits, float)
    return ratio(2 * hits, 2 * hits + misses + false_alarms)
