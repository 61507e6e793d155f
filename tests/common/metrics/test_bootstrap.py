import math
import time

import numpy as np
import pytest
import random_sets
from made_run import found, objects

from common.metrics import bootstrap
from common.metrics.average_precision import summarize
from common.metrics.matching import match


def test_whole_clips_are_drawn():
    weights = bootstrap.resamples(["a", "a", "b", "c", "c", "c"], number=200, seed=1)
    assert weights.shape == (200, 6)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 1])
    np.testing.assert_array_equal(weights[:, 3], weights[:, 5])
    # Three clips are drawn each time, whichever.
    assert set((weights[:, 0] + weights[:, 2] + weights[:, 3]).tolist()) == {3}
    assert weights[:, 2].mean() == pytest.approx(1, abs=0.2)
    np.testing.assert_array_equal(weights, bootstrap.resamples(["a", "a", "b", "c", "c", "c"], 200, 1))
    assert (weights != bootstrap.resamples(["a", "a", "b", "c", "c", "c"], 200, 2)).any()
    assert bootstrap.resamples([], 5).shape == (5, 0)


def test_one_clip_tells_nothing_about_others():
    """However many pictures it has: no interval, and nothing can be told apart; the exact one knows a single trial."""
    pairs = match(
        [objects((1, (10, 10, 30, 30)))] * 4, [found((1, (10, 10, 30, 30), 0.9))] * 3 + [found()], [1], "mask"
    )
    weights = bootstrap.resamples(["party"] * 4, number=10)
    values = bootstrap.average_precisions(pairs, 1, weights)
    assert np.isnan(values).all()
    assert math.isnan(bootstrap.interval(0.75, values).low)
    assert bootstrap.difference(0.75, 0.5, values, values).alike
    part, whole = np.array([1, 1, 1, 0]), np.ones(4)
    assert math.isnan(bootstrap.share_interval(part, whole, weights, ["party"] * 4).low)
    assert bootstrap.share_interval(whole, whole, weights, ["party"] * 4).low == pytest.approx(0.025)


def test_ratios_by_hand():
    weights = np.array([[1, 1, 1], [0, 2, 1], [0, 0, 3]], np.float32)
    shares = bootstrap.ratios_of(np.array([1, 0, 0]), np.array([2, 1, 0]), weights)
    np.testing.assert_allclose(shares, [1 / 3, 0, np.nan])


def test_intervals_of_a_coin_have_their_theoretical_width():
    """500 throws of a fair coin: 95 % lie within 1.96 * sqrt(0.25 / 500) = 0.0438 of the mean."""
    heads = (np.arange(500) % 2).astype(np.float32)
    names = [str(number) for number in range(500)]
    found_interval = bootstrap.share_interval(heads, np.ones(500), bootstrap.resamples(names), names)
    assert found_interval.value == 0.5
    assert found_interval.low == pytest.approx(0.5 - 0.0438, abs=0.006)
    assert found_interval.high == pytest.approx(0.5 + 0.0438, abs=0.006)
    # The same throws, ten of a kind in each of fifty clips: there are fifty throws, not five hundred.
    tens, clips = np.repeat(heads[:50], 10), [str(number // 10) for number in range(500)]
    wider = bootstrap.share_interval(tens, np.ones(500), bootstrap.resamples(clips), clips)
    assert wider.high - wider.low == pytest.approx(math.sqrt(10) * 2 * 0.0438, rel=0.15)


def test_all_found_is_no_certainty():
    """50 of 50: the exact interval begins at 0.025 ** (1 / 50) = 0.929, where the bootstrap would say 1."""
    names = [str(number) for number in range(50)]
    every = np.ones(50)
    found_interval = bootstrap.share_interval(every, every, bootstrap.resamples(names), names)
    assert (found_interval.low, found_interval.high) == (pytest.approx(0.025 ** (1 / 50)), 1)
    nothing = bootstrap.share_interval(0 * every, every, bootstrap.resamples(names), names)
    assert (nothing.low, nothing.high) == (0, pytest.approx(1 - 0.025 ** (1 / 50)))
    five = ["one", "two", "three", "four", "five"] * 10
    clips = bootstrap.share_interval(every, every, bootstrap.resamples(five), five)
    assert clips.low == pytest.approx(0.025 ** (1 / 5))
    unknown = bootstrap.share_interval(0 * every, 0 * every, bootstrap.resamples(names), names)
    assert all(math.isnan(number) for number in (unknown.value, unknown.low, unknown.high))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("overlap", [0.5, 0.75])
def test_average_precision_of_a_resample_is_that_of_the_pictures_drawn(seed, overlap):
    """COCO's own number on a set in which pictures stand as often as they were drawn."""
    truth, predicted = random_sets.pictures(seed, count=10, ties=False, marks=True)
    names = [str(place // 2) for place in range(10)]
    weights = np.concatenate([np.ones((1, 10), np.float32), bootstrap.resamples(names, 5, seed)])
    values = bootstrap.average_precisions(match(truth, predicted, [1, 2], "mask"), 1, weights, overlap)
    key = "mask_ap50" if overlap == 0.5 else "mask_ap75"
    for row, value in zip(weights, values, strict=True):
        drawn = np.repeat(np.arange(10), row.astype(int))
        theirs = summarize([truth[n] for n in drawn], [predicted[n] for n in drawn], ("BG", "a", "b"), ["mask"])
        assert value == pytest.approx(theirs.by_class["a"][key], abs=1e-6)
    assert len(set(values.round(6))) > 3


def test_average_precision_without_a_hit_or_without_an_object():
    dog, far = (10, 10, 30, 30), (60, 60, 90, 90)
    pairs = match([objects((1, dog)), objects()], [found((1, far, 0.9)), found()], [1, 2], "mask")
    weights = np.array([[1, 1], [0, 2]], np.float32)
    np.testing.assert_array_equal(bootstrap.average_precisions(pairs, 1, weights), [0, np.nan])
    assert np.isnan(bootstrap.average_precisions(pairs, 2, weights)).all()


def test_two_epochs_are_told_apart_or_not():
    dice = np.random.default_rng(0)
    names = [str(number) for number in range(200)]
    weights, every = bootstrap.resamples(names), np.ones(200)
    eighty, ninety_five = (dice.random(200) < share for share in (0.8, 0.95))
    values = [bootstrap.ratios_of(each, every, weights) for each in (eighty, ninety_five)]
    apart = bootstrap.difference(ninety_five.mean(), eighty.mean(), values[1], values[0])
    assert not apart.alike
    assert apart.low > 0
    # One picture more of 200 tells nothing; the same predictions tell nothing at all.
    one_more = eighty.copy()
    one_more[np.flatnonzero(~eighty)[0]] = True
    close = bootstrap.difference(
        one_more.mean(), eighty.mean(), bootstrap.ratios_of(one_more, every, weights), values[0]
    )
    assert close.alike
    assert bootstrap.difference(0.8, 0.8, values[0], values[0]).alike
    assert bootstrap.difference(math.nan, 0.8, values[0] * np.nan, values[0]).alike


def test_a_thousand_resamples_of_a_thousand_pictures_take_a_moment():
    truth, predicted = random_sets.pictures(0, count=40)
    pairs = match(truth * 25, predicted * 25, [1, 2], "box")
    begin = time.process_time()
    weights = bootstrap.resamples([str(place) for place in range(1000)])
    values = bootstrap.average_precisions(pairs, 1, weights)
    seconds = time.process_time() - begin
    assert weights.shape == (1000, 1000)
    assert values.std() > 0.005
    assert seconds < 10
