"""Scene cuts: a change between pictures that stands above what was usual just before, and that persists.

Two pictures are compared after the shift between them is taken out, so that a whip pan, in which neighbours still
share most of their content, is no cut. A flash is none either: after it the picture is like the one before it, so no
cut is seen from `REACH` frames back to as many ahead.

Legend: h, w size of the proxy. Sizes of reduced pictures are those of a 16:9 clip.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

import cv2
import numpy as np

from common.video.shift import correlation, detail, reduced, shared_parts, shift_between

REACH = 3  # frames compared on each side; a flash of REACH - 1 frames is seen through
_LEAST_CHANGE = 0.5  # 1 - correlation
_ABOVE_USUAL = 0.25
_USUAL_FRAMES = 25
_TINY, _SMALL = 64, 160
_FLAT = 1.5  # gray levels of spread below which a picture has no content to correlate
_LEVEL_CHANGE = 40.0  # gray levels between the means of two flat pictures that count as full change


@dataclass(frozen=True)
class Glance:
    """What is kept of a picture to compare it with others.

    Attributes:
        detail: (36, 64) float32, the picture without its coarse light and dark, in which unlike pictures look alike.
        level: its mean, gray levels.
        small: (90, 160) uint8, for flow.
    """

    detail: np.ndarray
    level: float
    small: np.ndarray


def glance(proxy: np.ndarray) -> Glance:
    """Reduce a proxy, (h, w) uint8."""
    tiny, small = (reduced(proxy, side) for side in (_TINY, _SMALL))
    return Glance(detail(tiny), float(tiny.mean()), small)


def change(first: Glance, second: Glance) -> float:
    """Return how much two pictures differ once moved onto each other: 0 same content, 1 nothing in common.

    The picture is moved as a whole, and, where that does not explain the difference, by dense flow; the better counts.
    """
    still = _difference(first, second, first.detail, second.detail)
    if still < _LEAST_CHANGE / 2:
        return still
    moved = min(still, _shifted(first, second))
    return moved if moved < _LEAST_CHANGE else min(moved, _warped(first, second))


def _shifted(first: Glance, second: Glance) -> float:
    """Difference where the pictures overlap once the shift between them is taken out; 1 if they hardly overlap."""
    shift = shift_between(first.detail, second.detail)
    return 1.0 if shift is None else _difference(first, second, *shared_parts(first.detail, second.detail, shift))


def _warped(first: Glance, second: Glance) -> float:
    """Difference once the second picture is warped back onto the first by dense flow."""
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    vectors = solver.calc(first.small, second.small, np.zeros((*first.small.shape, 2), np.float32))
    rows, columns = np.mgrid[: vectors.shape[0], : vectors.shape[1]].astype(np.float32)
    warped = cv2.remap(
        second.small,
        columns + vectors[..., 0],
        rows + vectors[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return _difference(first, second, detail(first.small.astype(np.float32)), detail(warped.astype(np.float32)))


def _difference(first: Glance, second: Glance, here: np.ndarray, there: np.ndarray) -> float:
    """Return 1 - correlation of two detail pictures of one size, or the change of level where one has no content."""
    spreads = float(here.std()), float(there.std())
    if min(spreads) < _FLAT:
        level = abs(first.level - second.level) / _LEVEL_CHANGE
        return min(1.0, max(level, (max(spreads) - _FLAT) / _LEVEL_CHANGE))
    return float(np.clip(1 - correlation(here, there), 0, 1))


class CutFinder:
    """Finds the first frames of scenes in a stream of proxies.

    Frames are added in order; whether a cut lies before a frame is known `REACH` - 1 frames later, or at the end.
    """

    def __init__(self) -> None:
        self._pictures: dict[int, Glance] = {}
        self._changes: deque[float] = deque(maxlen=_USUAL_FRAMES)
        self._scene = 0

    def add(self, index: int, proxy: np.ndarray) -> None:
        """Take the proxy of the next frame."""
        if not self._pictures:
            self._scene = index
        self._pictures[index] = glance(proxy)

    def is_cut(self, index: int) -> bool:
        """Tell whether a scene begins with frame `index`; to be asked once a frame, in order."""
        for old in [known for known in self._pictures if known < index - REACH]:
            del self._pictures[old]
        if index - 1 not in self._pictures or index <= self._scene:
            return False
        here = change(self._pictures[index - 1], self._pictures[index])
        least = max(_LEAST_CHANGE, median(self._changes) + _ABOVE_USUAL if self._changes else 0.0)
        if here >= least and self._persists(index, least):
            self._changes.clear()
            self._scene = index
            return True
        self._changes.append(here)
        return False

    def _persists(self, index: int, least: float) -> bool:
        before = [known for known in range(max(index - REACH, self._scene), index) if known in self._pictures]
        after = [known for known in range(index, index + REACH) if known in self._pictures]
        return all(change(self._pictures[b], self._pictures[a]) >= least for b in before for a in after)
