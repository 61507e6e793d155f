"""Finding pictures among many by their looks: perceptual hashes a few bits apart."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np

_FIRST = 1024  # places at the beginning; doubled when they are full
_BANDS = 4
_BAND_BITS = 16
_KEYS = 2**_BAND_BITS
_UNSORTED = 8192  # hashes that are compared one by one, which takes microseconds, until they are sorted in
_SHARE = 16  # or as many as a sixteenth of the sorted ones: so sorting takes a fixed share of the time, however many
_MOST_FLIPS = 2  # bits of a band that are tried out; beyond that all hashes are compared


class Looks:
    """Perceptual hashes in the order they came; some 24 bytes a picture.

    Hashes that differ in at most 6 bits are the same, but for one bit, in one of their four bands of 16 bits: otherwise
    each band would differ in two. So only those are compared that lie under one of 4 x 17 keys, of 100,000 about a
    hundred (multi-index hashing; Norouzi, Punjani, Fleet: Fast search in Hamming space, CVPR 2012).
    """

    def __init__(self) -> None:
        self._hashes = np.empty(_FIRST, np.uint64)
        self._count = 0
        self._sorted = 0  # the first so many are in the index
        self._order = np.empty(0, np.int32)  # (4 * sorted,) places, of each band by its key
        self._starts = np.zeros((_BANDS, _KEYS + 1), np.int32)  # where a key's places begin in its band's order

    def __len__(self) -> int:
        return self._count

    def add(self, perceptual: int) -> int:
        """Remember a 64-bit hash; returns its place."""
        if self._count == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.empty_like(self._hashes)])
        self._hashes[self._count] = perceptual
        self._count += 1
        if self._count - self._sorted > max(_UNSORTED, self._sorted // _SHARE):
            self._sort()
        return self._count - 1

    def nearest(self, perceptual: int, distance: int) -> int | None:
        """Place of the hash that differs in fewest bits, the first of several; None beyond `distance` bits."""
        places, bits = self._compared(perceptual, distance)
        if not len(places):
            return None
        least = bits.min()
        return int(places[bits == least].min()) if least <= distance else None

    def alike(self, perceptual: int, distance: int) -> tuple[np.ndarray, np.ndarray]:
        """Places (N,) of all hashes that differ in at most `distance` bits, ascending, and (N,) in how many."""
        places, bits = self._compared(perceptual, distance)
        near = bits <= distance
        places, first = np.unique(places[near], return_index=True)
        return places, bits[near][first]

    def _compared(self, perceptual: int, distance: int) -> tuple[np.ndarray, np.ndarray]:
        """Places that may be near enough, some more than once, and how many bits differ there."""
        flips = distance // _BANDS
        places = None if flips > _MOST_FLIPS or not self._sorted else self._under(perceptual, flips)
        if places is None:
            places = np.arange(self._count)
        else:
            places = np.concatenate([places, np.arange(self._sorted, self._count)])
        return places, np.bitwise_count(self._hashes[places] ^ np.uint64(perceptual))

    def _sort(self) -> None:
        """Take all hashes into the index."""
        self._sorted = self._count
        bands = _bands(self._hashes[: self._count])
        self._order = np.concatenate([np.argsort(band, kind="stable").astype(np.int32) for band in bands])
        for starts, band in zip(self._starts, bands, strict=True):
            starts[1:] = np.cumsum(np.bincount(band, minlength=_KEYS))

    def _under(self, perceptual: int, flips: int) -> np.ndarray | None:
        """Places of sorted hashes, some more than once, one band of which is the given hash's but for `flips` bits.

        None where they are more than there are hashes: frames of one scene all lie under the same keys.
        """
        keys = _bands(np.array([perceptual], np.uint64)) ^ _masks(flips)  # (4, masks)
        band = np.arange(_BANDS)[:, None]
        begins, ends = self._starts[band, keys], self._starts[band, keys + 1]
        lengths = (ends - begins).ravel()
        if lengths.sum() > self._sorted:
            return None
        begins = (begins + band * self._sorted).ravel()
        # The ranges begin, begin + 1, …, begin + length - 1 of all keys, one after the other.
        shifts = begins - (np.cumsum(lengths) - lengths)
        return self._order[np.repeat(shifts, lengths) + np.arange(lengths.sum())]


def _bands(hashes: np.ndarray) -> np.ndarray:
    """(N,) uint64 → (4, N) int64: its bits, 16 at a time."""
    return hashes.view(np.uint16).reshape(-1, _BANDS).T.astype(np.int64)


@cache
def _masks(flips: int) -> np.ndarray:
    """All 16-bit numbers with at most so many bits set, (M,) int64."""
    chosen = (bits for count in range(flips + 1) for bits in combinations(range(_BAND_BITS), count))
    return np.array([sum(1 << bit for bit in bits) for bits in chosen], np.int64)
