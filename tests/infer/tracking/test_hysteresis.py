import numpy as np
import pytest

from infer.tracking.hysteresis import Belief, believed
from infer.tracking.tracks import Sighting, Track

BELIEF = Belief(sure=0.5, weak=0.25, times=3, share=0.5)


def track(scores: tuple[float, ...], step: int) -> Track:
    made = Track.begin(Sighting(0, 0, np.zeros(4), scores[0], 0))
    for number, score in enumerate(scores[1:], start=1):
        made.add(Sighting(number * step, 0, np.zeros(4), score, 0))
    return made


@pytest.mark.parametrize(
    ("scores", "step", "expected"),
    [
        ((0.13, 0.5, 0.12), 1, True),  # sure once
        ((0.49,), 1, False),  # a lone flicker
        ((0.3, 0.2, 0.25), 1, True),  # weak but steady
        ((0.3, 0.2, 0.24), 1, False),  # too weak
        ((0.3, 0.3, 0.3), 2, True),  # 3 of 5 frames
        ((0.3, 0.3, 0.3), 3, False),  # 3 of 7 frames: too rare
        ((0.1, 0.1, 0.1, 0.3, 0.3, 0.3, 0.1), 1, True),  # steady for a while
    ],
)
def test_belief(scores, step, expected):
    assert believed(track(scores, step), BELIEF, {frame: frame for frame in range(20)}) is expected


def test_the_class_is_voted_by_score():
    made = Track.begin(Sighting(0, 0, np.zeros(4), 0.9, 2))
    for frame in (1, 2, 3):
        made.add(Sighting(frame, 0, np.zeros(4), 0.4, 7))
    assert made.class_id == 7  # 1.2 against 0.9
