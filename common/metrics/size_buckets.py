"""How large the missed ones are: COCO's small, medium and large objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.metrics import ratios
from common.metrics.matching import Matches

SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, np.inf)}  # pixels, upper end open


@dataclass(frozen=True)
class SizeBucket:
    """Objects of one size.

    Attributes:
        size: "small", "medium" or "large".
        objects: how many there are.
        found: how many of them were found.
    """

    size: str
    objects: int
    found: int

    @property
    def recall(self) -> float:
        """Share found; NaN where there are none."""
        return float(ratios.ratio(self.found, self.objects))


def size_buckets(matches: Matches, class_id: int, threshold: float, overlap: float = 0.5) -> list[SizeBucket]:
    """Count what is found of one class by size.

    Every object falls into one bucket. (COCO's own size ranges share their ends, and its `ap_small` passes over
    detections of other sizes; this is plain recall.)
    """
    own = (matches.object_class == class_id) & matches.object_counts
    found = matches.found_score[matches.at(overlap)] >= threshold
    buckets = []
    for size, (low, high) in SIZES.items():
        inside = own & (matches.object_area >= low) & (matches.object_area < high)
        buckets.append(SizeBucket(size, int(inside.sum()), int((inside & found).sum())))
    return buckets
