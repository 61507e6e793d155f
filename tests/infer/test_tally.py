from dataclasses import replace

import numpy as np
import pytest

from common.detections import FrameObjects, make_detections
from infer.moments import Moment, Weakest, timestamp
from infer.tally import Tally, weak_frames

SIZE = (100, 200)
MIDDLE, EDGE = (80, 40, 100, 60), (0, 40, 20, 60)


def frame(index, *objects, whole=None):
    """Objects are (track, origin, score, box); ten frames a second."""
    detections = make_detections(
        np.array([item[3] for item in objects], float).reshape(-1, 4),
        [item[2] for item in objects],
        [0] * len(objects),
        [item[0] for item in objects],
        [item[1] for item in objects],
    )
    return FrameObjects(index, index / 10, detections, whole)


def seen(track, score=0.9, box=MIDDLE):
    return (track, "detected", score, box)


def followed(track, box=MIDDLE):
    return (track, "propagated", 0.5, box)


def tally(frames, **options):
    counted = Tally(("face",), SIZE, **options)
    for each in frames:
        counted.add(each, 0.25 if len(each.detections) else 0.0)
    return counted


def reasons(totals):
    return {(moment.reason, moment.index, moment.tracks) for moment in totals.moments}


def test_a_clip_one_can_count_by_hand():
    frames = [
        frame(0, seen(1, 0.9, EDGE), seen(2, 0.8)),
        frame(1, followed(1, EDGE), seen(2, 0.6), seen(-1)),
        frame(2),
        frame(3),
        frame(4, whole="corrupt"),
        frame(5, seen(2, 0.7)),
    ]
    totals = tally(frames).totals()
    assert totals.frames == 6
    assert totals.duration == pytest.approx(0.6)
    assert totals.objects == {"face": 2}
    assert totals.appearances == {"face": 6}
    assert totals.empty_frames == 2
    assert totals.empty_stretches == [(0.2, 0.4)]
    assert totals.whole_frames == {"corrupt": 1}
    assert totals.mean_share == pytest.approx((0.25 + 0.25 + 0 + 0 + 1 + 0.25) / 6)
    assert (totals.highest_share, totals.highest_time) == (1.0, 0.4)
    one, two = totals.tracks
    assert (one.number, one.name, one.first_time, one.last_time) == (1, "face", 0.0, 0.1)
    assert one.frames == {"detected": 1, "propagated": 1, "manual": 0}
    assert (two.lowest_score, two.mean_score) == (pytest.approx(0.6), pytest.approx(0.7))


def test_a_long_run_without_a_sighting_is_a_moment_at_its_middle():
    frames = [frame(0, seen(1)), *(frame(index, followed(1)) for index in range(1, 11)), frame(11, seen(1))]
    (moment,) = tally(frames).totals().moments
    assert moment.reason == "followed for 1.0 s without a sighting"
    assert moment.time == pytest.approx(0.6)
    assert moment.severity == pytest.approx(0.5)
    short = [frame(0, seen(1)), *(frame(index, followed(1)) for index in range(1, 5)), frame(5, seen(1))]
    assert tally(short).totals().moments == []


def test_a_run_to_the_end_of_the_clip_counts_and_the_tally_may_go_on():
    counted = tally([frame(0, seen(1)), *(frame(index, followed(1)) for index in range(1, 9))])
    assert reasons(counted.totals()) >= {("followed for 0.8 s without a sighting", 4, (1,))}
    counted.add(frame(9, followed(1)), 0.1)
    counted.add(frame(10, seen(1)), 0.1)
    assert reasons(counted.totals()) == {("followed for 0.9 s without a sighting", 5, (1,))}


def test_appearing_and_disappearing_in_mid_picture_but_not_at_the_edge_or_the_ends():
    frames = [frame(0), frame(1, seen(1), seen(2, box=EDGE)), frame(2, seen(1), seen(2, box=EDGE)), frame(3)]
    assert reasons(tally(frames).totals()) == {
        ("appears in mid-picture", 1, (1,)),
        ("disappears in mid-picture", 2, (1,)),
    }
    assert tally([frame(0, seen(1)), frame(1, seen(1))]).totals().moments == []


def test_beside_a_frame_covered_whole_or_a_cut_it_is_no_surprise():
    whole = [frame(0, seen(1)), frame(1, seen(1)), frame(2, whole="corrupt"), frame(3, seen(2)), frame(4, seen(2))]
    assert tally(whole).totals().moments == []
    counted = tally([frame(0, seen(1)), frame(1, seen(1))])
    counted.add(replace(frame(2, seen(2)), cut=True), 0.1)
    counted.add(frame(3, seen(2)), 0.1)
    assert reasons(counted.totals()) == {("scene cut with objects beside it", 2, (2,))}


def test_the_weak_frames_are_known_before_rendering():
    frames = [frame(0), frame(1, seen(1)), frame(2, seen(1)), frame(3)]
    assert weak_frames(frames, ("face",), SIZE) == {1: "appears in mid-picture", 2: "disappears in mid-picture"}


def test_a_track_that_comes_back_has_not_disappeared():
    frames = [frame(0, seen(1)), frame(1), frame(2, seen(1))]
    assert tally(frames).totals().moments == []


def test_weak_and_single_sightings():
    frames = [frame(0, seen(1, 0.9), seen(2, 0.3)), frame(1, seen(1, 0.2), followed(2))]
    assert reasons(tally(frames, sure=0.4).totals()) == {
        ("weakly seen (score 0.20)", 1, (1,)),
        ("weakly seen (score 0.30)", 0, (2,)),
        ("sighted in one frame only", 0, (2,)),
    }


def test_what_others_found_doubtful_is_taken_in():
    counted = tally([frame(0), replace(frame(1), doubts=("a weak sighting was dropped",))])
    counted.note(0.0, 0, "looks odd", 0.9)
    odd, dropped = counted.totals().moments
    assert odd == Moment(0.0, 0, "looks odd", 0.9)
    assert (dropped.index, dropped.reason) == (1, "a weak sighting was dropped")


def test_the_most_severe_are_kept_and_neighbours_are_one():
    weakest = Weakest(3)
    for number in range(1000):
        weakest.add(Moment(number, number, "weak", number / 1000))
    assert [moment.index for moment in weakest.chosen()] == [999, 998, 997]
    assert len(weakest._heap) == 24
    near = Weakest(3)
    for track in (3, 1, 2):
        near.add(Moment(5.0 + track / 100, 50, "disappears", 0.45, (track,)))
    near.add(Moment(6.0, 60, "disappears", 0.45, (4,)))
    assert [moment.tracks for moment in near.chosen()] == [(1, 2, 3), (4,)]


def test_memory_is_bounded_in_the_number_of_frames():
    counted = Tally(("face",), SIZE)
    for index in range(3000):
        counted.add(
            frame(index, *([seen(1)] if index % 2 else []), whole=f"reason {index}" if index % 3 == 0 else None), 0
        )
    totals = counted.totals()
    assert len(totals.empty_stretches) == 200
    assert len(totals.whole_frames) == 51 and sum(totals.whole_frames.values()) == 1000


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00.000"), (65.4321, "1:05.432"), (3599.9996, "1:00:00.000"), (-0.5, "-0:00.500")]
)
def test_timestamps(seconds, text):
    assert timestamp(seconds) == text
