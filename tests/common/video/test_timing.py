"""Steady or not, opaque or not: told in one reading and little memory."""

import random
import tracemalloc
from fractions import Fraction

import pytest
from clips import CLIPS
from media import make
from rewriting import rewrite

from common.video import timing
from common.video.info import probe
from common.video.plan import check_plan
from common.video.timing import is_steady, lies_on_grid
from common.video.writer import EncodeSettings

MILLI, NTSC = Fraction(1, 1000), Fraction(30000, 1001)


def stored(count):
    """Milliseconds of steady pictures in a disturbed order, as B-frames are stored."""
    times = [round(place / NTSC / MILLI) for place in range(count)]
    chance = random.Random(1)
    for begin in range(0, count - 8, 8):
        part = times[begin : begin + 8]
        chance.shuffle(part)
        times[begin : begin + 8] = part
    return times


@pytest.mark.parametrize(
    "change, steady",
    [
        (lambda times: times, True),
        (lambda times: [time + 7 for time in times], True),
        (lambda times: times[:50] + times[51:], True),  # a place left out
        (lambda times: [*times, times[-1]], False),  # a place taken twice
        (lambda times: [*times[:50], times[50] + 10, *times[51:]], False),
        (lambda times: [], False),
    ],
)
def test_what_lies_on_the_grid(change, steady):
    assert lies_on_grid(change(stored(200)), MILLI, NTSC) is steady


def test_memory_does_not_grow_with_the_clip():
    tracemalloc.start()
    assert lies_on_grid((round(place * 40) for place in range(100_000)), MILLI, Fraction(25))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000


@pytest.mark.parametrize("name, target", [("avi", "a.avi"), ("gif", "a.mp4")])
def test_plan_and_writer_read_the_clip_through_once(name, target, tmp_path):
    source = make(CLIPS[name], tmp_path)
    for question in ("_is_steady", "_is_opaque"):
        getattr(timing, question).cache_clear()
    check_plan(probe(source), tmp_path / target, EncodeSettings())
    rewrite(source, tmp_path / target)
    assert sum(answers.cache_info().misses for answers in (timing._is_steady, timing._is_opaque)) == 1


def test_a_changed_file_is_read_again(tmp_path):
    source = make(CLIPS["cfr"], tmp_path)
    info = probe(source)
    assert is_steady(info)
    other = make(CLIPS["vfr"], tmp_path)
    other.replace(source)
    assert not is_steady(info)
