"""Looking for a perceptual hash among many."""

import numpy as np
import pytest

from common import looks
from common.looks import Looks


def filled(hashes):
    known = Looks()
    for place, perceptual in enumerate(hashes):
        assert known.add(int(perceptual)) == place
    return known


def flipped(perceptual, *bits):
    return int(perceptual) ^ sum(1 << bit for bit in bits)


def test_the_nearest_of_few():
    hashes = np.random.default_rng(3).integers(0, 2**64, 3000, np.uint64)
    assert Looks().nearest(5, 64) is None
    known = filled(hashes)
    assert known.nearest(int(hashes[2500]), 0) == 2500
    assert known.nearest(flipped(hashes[2500], 0, 1, 2, 3, 4, 5), 6) == 2500
    assert known.nearest(flipped(hashes[2500], 0, 1, 2, 3, 4, 5, 6), 6) is None
    known.add(int(hashes[7]))
    assert known.nearest(int(hashes[7]), 3) == 7  # the first of two
    assert len(known) == 3001


@pytest.mark.parametrize("distance", [0, 3, 4, 6, 7, 8, 11, 12, 30])
def test_of_many_it_is_the_one_that_comparing_all_would_give(distance):
    random = np.random.default_rng(4)
    hashes = random.integers(0, 2**64, 12_000, np.uint64)
    hashes[9_000:] = hashes[:3000] ^ np.uint64(0b11)  # neighbours that are sorted in and ones that are not yet
    known = filled(hashes)
    for place in range(0, 12_000, 97):
        turned = random.choice(64, random.integers(0, distance + 2), replace=False)
        wanted = flipped(hashes[place], *map(int, turned))
        bits = np.bitwise_count(hashes ^ np.uint64(wanted))
        expected = int(bits.argmin()) if bits.min() <= distance else None
        assert known.nearest(wanted, distance) == expected


def test_ten_times_as_many_are_not_ten_times_the_work(monkeypatch):
    compared, count = [], np.bitwise_count
    hashes = np.random.default_rng(5).integers(0, 2**64, 100_000, np.uint64)
    known = filled(hashes)
    monkeypatch.setattr(looks.np, "bitwise_count", lambda bits: compared.append(len(bits)) or count(bits))
    for place in range(0, 100_000, 1000):
        assert known.nearest(flipped(hashes[place], 1, 20, 40, 60, 63), 6) == place
    assert max(compared) < looks._UNSORTED + 500
