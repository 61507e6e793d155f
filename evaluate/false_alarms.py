"""False alarms on video: what was covered from coming to going although nothing that was to be hidden was there.

A run of `infer` says which sightings are one object: a track is a false alarm when in none of its frames it lies on
an object. Where there is only the cover itself, its connected patches are followed: in the next frame a patch goes on
in every patch that overlaps it, and what is followed so is a false alarm when in none of its frames any part of it lies
on an object or within an object's margin. A false patch that meets the cover of an object is none then: of two ways
the second counts less.

Either way a cover that begins a little before its object comes, or ends a little after it has gone, is false cover
there, but no false alarm.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from common.leak import TruthObject

LIES_ON = 0.25  # share of a sighting that an object takes from which it is a sighting of it


class FalseTracks:
    """Takes the sightings of frame after frame; keeps a number for each track."""

    def __init__(self) -> None:
        self._met: dict[int, bool] = {}

    @property
    def count(self) -> int:
        """Tracks so far that never met an object."""
        return sum(not met for met in self._met.values())

    def add(self, sightings: Sequence[TruthObject], objects: Sequence[TruthObject], size: tuple[int, int]) -> None:
        """Take the next frame.

        Args:
            sightings: what a run saw, by its tracks.
            objects: what is there, ignored ones included.
            size: (H, W) of the picture.
        """
        there = np.zeros(size, bool)
        for each in objects:
            height, width = each.mask.shape
            there[each.top : each.top + height, each.left : each.left + width] |= each.mask
        for each in sightings:
            height, width = each.mask.shape
            under = there[each.top : each.top + height, each.left : each.left + width] & each.mask
            met = under.sum() >= LIES_ON * each.mask.sum()
            self._met[each.number] = self._met.get(each.number, False) or bool(met)


class FalsePatches:
    """Takes frames one by one; keeps one frame, and a few numbers for each patch that is followed."""

    def __init__(self) -> None:
        self._before: np.ndarray | None = None  # (H, W) int32 numbers of the last frame's patches, 0 for none
        self._of: list[int] = []  # number in the last frame -> number of what is followed
        self._joined: list[int] = []  # number of what is followed -> the one it turned out to be part of, or itself
        self._touched: list[bool] = []  # whether it ever lay on an object

    @property
    def count(self) -> int:
        """False alarms so far, those that still go on included."""
        return sum(
            whole == place and not touched
            for place, (whole, touched) in enumerate(zip(self._joined, self._touched, strict=True))
        )

    def add(self, covered: np.ndarray, beyond: np.ndarray) -> None:
        """Take the next frame.

        Args:
            covered: (H, W) bool, what is covered.
            beyond: (H, W) bool, the part of it that lies beyond every object's margin.
        """
        number, labels = cv2.connectedComponents(covered.astype(np.uint8), connectivity=8)
        touches = np.bincount(labels[covered & ~beyond], minlength=number) > 0
        followed = [-1] * number
        for old, new in self._overlapping(labels):
            whole = self._root(self._of[old])
            followed[new] = whole if followed[new] < 0 else self._join(followed[new], whole)
        for label in range(1, number):
            if followed[label] < 0:
                followed[label] = len(self._joined)
                self._joined.append(followed[label])
                self._touched.append(False)
            followed[label] = self._root(followed[label])
            self._touched[followed[label]] |= bool(touches[label])
        self._before, self._of = labels, followed

    def _overlapping(self, labels: np.ndarray) -> np.ndarray:
        """(N, 2) pairs of patches of the last frame and of this one that share a pixel."""
        if self._before is None:
            return np.zeros((0, 2), int)
        both = (self._before > 0) & (labels > 0)
        return np.unique(np.stack([self._before[both], labels[both]], axis=1), axis=0)

    def _root(self, place: int) -> int:
        while self._joined[place] != place:
            place = self._joined[place]
        return place

    def _join(self, first: int, second: int) -> int:
        first, second = self._root(first), self._root(second)
        self._joined[second] = first
        self._touched[first] |= self._touched[second]
        return first
