"""How far a number may be off, had other pictures been taken: percentile bootstrap over pictures or whole clips.

Pictures of one clip resemble each other; whole clips are drawn then, and intervals are honest about it. A resample is a
row of weights, how often each picture was drawn, so that every number is computed for all resamples at once.

Legend: B resamples, F pictures, H hits.

Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 and 13.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.metrics import ratios
from common.metrics.matching import Matches

RESAMPLES = 1000
CONFIDENCE = 0.95
RECALL_LEVELS = np.linspace(0, 1, 101)  # COCO's


@dataclass(frozen=True)
class Interval:
    """A number and where it may lie; NaN where it is not defined.

    Attributes:
        value: as measured.
        low: lower end, confidence 0.95.
        high: upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference(Interval):
    """Of two models on the same pictures."""

    @property
    def alike(self) -> bool:
        """The data cannot tell the two apart: 0 is in the interval, or nothing is known."""
        return not (self.low > 0 or self.high < 0)


def resamples(groups: Sequence[str], number: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Draw whole groups with replacement, as many as there are.

    Args:
        groups: of each picture (F,): its clip, or a name of its own.
        number: B.
        seed: of the draw; the same for what is to be compared.

    Returns:
        (B, F) float32, how often each picture was drawn; NaN where all pictures are of one group: drawn anew it is
        always the same, and how far its numbers carry is not known.
    """
    if not len(groups):
        return np.zeros((number, 0), np.float32)
    unique, place = np.unique(np.asarray(groups), return_inverse=True)
    if len(unique) == 1 and len(groups) > 1:
        return np.full((number, len(groups)), np.nan, np.float32)
    drawn = np.random.default_rng(seed).multinomial(len(unique), np.full(len(unique), 1 / len(unique)), size=number)
    return drawn[:, place].astype(np.float32)


def ratios_of(part: np.ndarray, whole: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute sum(part) / sum(whole) in every resample.

    Args:
        part: (F,) counts by picture.
        whole: (F,) counts by picture.
        weights: (B, F) from `resamples`.

    Returns:
        (B,) float64, NaN where the whole is 0.
    """
    sums = weights @ np.stack([part, whole], axis=1).astype(np.float32)  # (B, 2)
    return ratios.ratio(sums[:, 0], sums[:, 1])


def interval(value: float, values: np.ndarray) -> Interval:
    """Percentile interval from the values (B,) of all resamples; those that are NaN are left out."""
    return Interval(value, *_ends(values))


def share_interval(part: np.ndarray, whole: np.ndarray, weights: np.ndarray, groups: Sequence[str]) -> Interval:
    """Interval of a share, e.g. a recall.

    Where all or nothing was found no resample differs, and the bootstrap would claim certainty. The exact binomial
    interval (Clopper and Pearson) stands in, each group with any of it counted as one trial: 50 of 50 clips give
    0.929 ... 1.

    Args:
        part: (F,) counts by picture.
        whole: (F,) counts by picture, each at least its part.
        weights: (B, F) from `resamples`.
        groups: as given to `resamples`.
    """
    value = float(ratios.ratio(part.sum(), whole.sum()))
    if value not in (0.0, 1.0):
        return interval(value, ratios_of(part, whole, weights))
    from scipy.stats import binomtest

    trials = len({group for group, held in zip(groups, whole, strict=True) if held})
    exact = binomtest(round(value) * trials, trials).proportion_ci(CONFIDENCE, method="exact")
    return Interval(value, float(exact.low), float(exact.high))


def difference(first: float, second: float, firsts: np.ndarray, seconds: np.ndarray) -> Difference:
    """First minus second, measured and in every resample; both from the same weights."""
    return Difference(first - second, *_ends(firsts - seconds))


def average_precisions(matches: Matches, class_id: int, weights: np.ndarray, overlap: float = 0.5) -> np.ndarray:
    """Average precision of a class in every resample: COCO's, at one overlap.

    Only hits raise recall, and precision is highest at hits, so the curve is computed there alone.

    Args:
        matches: of the set.
        class_id: the class.
        weights: (B, F) from `resamples`; a row of ones gives COCO's number itself.
        overlap: one of COCO's ten.

    Returns:
        (B,) float64, NaN where a resample holds no object of the class.
    """
    from scipy.sparse import csr_matrix

    row = matches.at(overlap)
    own = np.flatnonzero((matches.detection_class == class_id) & ~matches.passed[row])
    own = own[np.argsort(-matches.score[own], kind="stable")]
    hit, picture = matches.hit[row][own], matches.detection_picture[own]
    objects = matches.object_picture[(matches.object_class == class_id) & matches.object_counts]
    turned = np.ascontiguousarray(weights.T)  # (F, B)
    positives = weights @ np.bincount(objects, minlength=matches.pictures).astype(np.float32)  # (B,)
    count = int(hit.sum())
    if not count:
        return np.where(positives > 0, 0.0, np.nan)
    before = np.cumsum(hit)[~hit]  # hits that come before each false alarm
    early = before < count
    cells = (np.ones(int(early.sum()), np.float32), (before[early], picture[~hit][early]))
    alarms = csr_matrix(cells, shape=(count, matches.pictures))
    wrong = np.cumsum(alarms @ turned, axis=0, dtype=float)  # (H, B)
    right = np.cumsum(turned[picture[hit]], axis=0, dtype=float)
    precision = np.maximum.accumulate((right / (right + wrong + np.spacing(1)))[::-1], axis=0)[::-1]
    answer = np.full(len(weights), np.nan)
    for place in np.flatnonzero(positives > 0):
        levels = np.searchsorted(right[:, place] / positives[place], RECALL_LEVELS, side="left")
        answer[place] = np.append(precision[:, place], 0.0)[levels].mean()
    return answer


def by_picture(pictures: np.ndarray, chosen: np.ndarray, count: int) -> np.ndarray:
    """Count chosen rows by picture: (count,) float32, for `ratios_of`."""
    return np.bincount(pictures[chosen], minlength=count).astype(np.float32)


def _ends(values: np.ndarray) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(known, [tail, 100 - tail])
    return float(low), float(high)
