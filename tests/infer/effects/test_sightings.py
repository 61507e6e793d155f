import numpy as np
import pytest

from infer.effects.sightings import GUARD, LONG_AT_BORDER, LONG_INSIDE, Sightings


def believed(cover, every=1):
    """Frames that show the background of a single pixel, of a text with x for covered and . for not."""
    sightings = Sightings((1, 1))
    for index, mark in enumerate(cover):
        sightings.add(np.full((1, 1), mark == "x"))
        if index % every == 0:
            sightings.sample()
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


def test_what_is_seen_in_a_small_share_of_the_scene_is_not_believed():
    assert believed("." * 17 + "x" * 83, every=4) == []
    assert believed("." * 18 + "x" * 82, every=4) == [0, 4, 8, 12]
    assert believed("x" * 40 + "." * 18 + "x" * 42, every=4) == []
    twice = "x" * 30 + "." * 24 + "x" * 30 + "." * 24 + "x" * 30  # 2 times 18 frames
    assert believed(twice + "x" * 103, every=8) == []
    assert believed(twice + "x" * 101, every=8) == [40, 48, 88, 96, 104]


def test_each_pixel_is_followed_for_itself_when_samples_are_replaced_and_forgotten():
    random = np.random.default_rng(1)
    covers = np.repeat(random.random((4, 3, 5)) < 0.5, [13, 2, 30, 15], axis=0)
    sightings = Sightings((3, 5))
    for index, cover in enumerate(covers):
        sightings.add(cover)
        if index % 6 in (0, 5):
            sightings.sample(instead=index % 6 == 5)
        if index == 42:
            sightings.keep([1, 2, 4, 5, 7])
    samples = [11, 17, 29, 35, 47, 53, 59]
    doubts = np.array(sightings.finish())
    assert np.array_equal(sightings.ever, covers.any(axis=0)) and 0 < doubts.mean() < 1
    for row, column in np.ndindex(3, 5):
        text = "".join("x" if mark else "." for mark in covers[:, row, column])
        found = [sample for sample, doubt in zip(samples, doubts[:, row, column], strict=True) if not doubt]
        alone = Sightings((1, 1))
        for index, mark in enumerate(text):
            alone.add(np.full((1, 1), mark == "x"))
            if index in samples:
                alone.sample()
        expected = [sample for sample, doubt in zip(samples, alone.finish(), strict=True) if not doubt[0, 0]]
        assert found == expected


def test_frames_with_little_cover_now_and_lately_make_the_best_samples():
    sightings, levels = Sightings((8, 40)), []
    for index in range(60):
        cover = np.zeros((8, 40), bool)
        cover[:, : 20 if index < 10 else 0] = True
        cover[:, 30 : 38 if index == 40 else 30] = True
        sightings.add(cover)
        levels.append(sightings.restless())
    assert levels[:10] == [10] * 10 and levels[10:21] == [10] * 11 and levels[21:40] == [0] * 19
    assert levels[40:52] == [4] * 12 and levels[52:] == [0] * 8
