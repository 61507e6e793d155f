"""Pictures that look alike on both sides of a split: what was learnt by heart would be taken for knowledge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from annotate import grouping
from annotate.label_set import LabelledImage
from common.perceptual_hash import DISTANCE

ROWS = 1024  # compared at a time: memory stays flat


def alike(hashes: np.ndarray, distance: int = DISTANCE) -> Iterator[tuple[int, int, int]]:
    """Pairs of perceptual hashes that differ in few bits.

    Args:
        hashes: (N,) uint64.
        distance: most bits.

    Yields:
        (first, second, bits that differ), first < second.
    """
    for start in range(0, len(hashes), ROWS):
        bits = np.bitwise_count(hashes[start : start + ROWS, None] ^ hashes[None, :])
        for first, second in np.argwhere(bits <= distance):
            if start + first < second:
                yield int(start + first), int(second), int(bits[first, second])


def across(
    images: Sequence[LabelledImage], splits: Mapping[str, Sequence[int]], distance: int = DISTANCE
) -> list[tuple[LabelledImage, LabelledImage, int]]:
    """Pairs of pictures that look alike and lie in different splits, nearest first."""
    where = {place: name for name, places in splits.items() for place in places}
    hashes = np.array([image.picture.perceptual for image in images], np.uint64)
    pairs = [
        (images[first], images[second], bits)
        for first, second, bits in alike(hashes, distance)
        if where.get(first) != where.get(second)
    ]
    return sorted(pairs, key=lambda pair: (pair[2], pair[0].path, pair[1].path))


def joined(images: Sequence[LabelledImage], distance: int = DISTANCE) -> list[str]:
    """New group names in which pictures that look alike share one."""
    hashes = np.array([image.picture.perceptual for image in images], np.uint64)
    pairs = ((first, second) for first, second, _ in alike(hashes, distance))
    return grouping.joined([image.group for image in images], pairs)
