import numpy as np
import pytest

from infer.effects.sightings import GUARD, LONG_AT_BORDER, LONG_INSIDE, Sightings


def believed(cover, every=1):
    """Frames that show the background of a single pixel, of a text with x for covered and . for not."""
    sightings = Sightings((1, 1))
    for index, mark in enumerate(cover):
        sightings.add(np.full((1, 1), mark == "x"), index % every == 0)
    return [number * every for number, doubt in enumerate(sightings.finish()) if not doubt[0, 0]]


def test_what_is_never_covered_is_seen_always():
    assert believed("." * 5) == [0, 1, 2, 3, 4]


def test_a_long_stretch_counts_without_the_frames_next_to_the_object():
    assert (GUARD, LONG_AT_BORDER, LONG_INSIDE) == (3, 12, 24)
    assert believed("." * 12 + "xx") == list(range(9))
    assert believed("xx" + "." * 12) == list(range(5, 14))
    assert believed("xx" + "." * 24 + "x") == list(range(5, 23))


@pytest.mark.parametrize(
    "cover", ["." * 11 + "x", "x" + "." * 11, "x" + "." * 23 + "x", "x.x.x", ".x" * 15, "xx" + ".....x" * 5, "xxx"]
)
def test_a_short_stretch_counts_for_nothing(cover):
    assert believed(cover) == []


def test_stretches_are_measured_in_frames_not_in_samples():
    cover = "." * 20 + "x" * 10 + "." * 10 + "x" * 10 + "." * 30
    assert believed(cover, every=8) == [0, 8, 16, 56, 64, 72]


def test_each_pixel_is_followed_for_itself_also_over_thinning():
    random = np.random.default_rng(1)
    covers = np.repeat(random.random((4, 3, 5)) < 0.5, [13, 2, 30, 15], axis=0)
    sightings = Sightings((3, 5))
    for index, cover in enumerate(covers):
        sightings.add(cover, index % 4 == 0)
        if index == 40:
            sightings.thin()
    samples = [0, 8, 16, 24, 32, 40, 44, 48, 52, 56]
    doubts = np.array(sightings.finish())
    assert len(doubts) == len(samples) and np.array_equal(sightings.ever, covers.any(axis=0))
    for row, column in np.ndindex(3, 5):
        sure = np.zeros(60, bool)
        text = "".join("x" if mark else "." for mark in covers[:, row, column])
        for start in range(0, 60, 30):  # every frame a sample, as many as there are bits
            alone = Sightings((1, 1))
            for index, mark in enumerate(text):
                alone.add(np.full((1, 1), mark == "x"), start <= index < start + 30)
            sure[start : start + 30] = [not doubt[0, 0] for doubt in alone.finish()]
        assert np.array_equal(~doubts[:, row, column], sure[samples])
