"""Pictures that look alike on both sides of a split: what was learnt by heart would be taken for knowledge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from annotate import grouping
from annotate.label_set import LabelledImage
from common.looks import Looks
from common.perceptual_hash import DISTANCE

NAMED = 3  # pairs that are named; thousands of frames of one scene make millions


@dataclass(frozen=True)
class Leaks:
    """Pairs of pictures that look alike and lie in different splits.

    Attributes:
        count: how many there are.
        nearest: a few of them, those that differ least first: two pictures and the bits that differ.
    """

    count: int
    nearest: tuple[tuple[LabelledImage, LabelledImage, int], ...]


def alike(hashes: np.ndarray, distance: int = DISTANCE) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Find perceptual hashes that differ in few bits.

    Args:
        hashes: (N,) uint64.
        distance: most bits.

    Yields:
        (place, (K,) earlier places like it, (K,) bits that differ), where there are any.
    """
    known = Looks()
    for place, perceptual in enumerate(hashes.tolist()):
        earlier, bits = known.alike(perceptual, distance)
        if len(earlier):
            yield place, earlier, bits
        known.add(perceptual)


def across(images: Sequence[LabelledImage], splits: Mapping[str, Sequence[int]], distance: int = DISTANCE) -> Leaks:
    """Count and name pairs of pictures that look alike and lie in different splits."""
    split_of = np.full(len(images), -1)
    for number, places in enumerate(splits.values()):
        split_of[list(places)] = number
    count, nearest = 0, list[tuple[int, int, int]]()  # bits, places
    for place, earlier, bits in alike(_hashes(images), distance):
        parted = split_of[earlier] != split_of[place]
        count += int(parted.sum())
        first = np.argsort(bits[parted], kind="stable")[:NAMED]
        found = zip(bits[parted][first].tolist(), earlier[parted][first].tolist(), strict=True)
        nearest = sorted([*nearest, *((differing, other, place) for differing, other in found)])[:NAMED]
    return Leaks(count, tuple((images[other], images[place], bits) for bits, other, place in nearest))


def joined(images: Sequence[LabelledImage], distance: int = DISTANCE) -> list[str]:
    """New group names in which pictures that look alike share one."""
    likeness = np.arange(len(images))  # one number for those that are linked by looks: the place of the last of them
    for place, earlier, _ in alike(_hashes(images), distance):
        met = np.zeros(len(images), bool)
        met[likeness[earlier]] = True
        likeness[met[likeness]] = place
    return grouping.joined([image.group for image in images], enumerate(likeness.tolist()))


def _hashes(images: Sequence[LabelledImage]) -> np.ndarray:
    return np.array([image.picture.perceptual for image in images], np.uint64)
