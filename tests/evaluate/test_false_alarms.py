"""False alarms counted by hand on a small picture."""

import numpy as np

from common.leak import TruthObject
from evaluate.false_alarms import FalsePatches, FalseTracks

SIZE = (20, 40)
LEFT, MIDDLE, RIGHT = (0, 0, 5, 5), (15, 0, 20, 5), (30, 0, 38, 5)


def region(*boxes):
    made = np.zeros(SIZE, bool)
    for left, top, right, bottom in boxes:
        made[top:bottom, left:right] = True
    return made


def counted(*frames, on=()):
    """Frames are boxes covered; `on` holds the objects, which stay where they are."""
    alarms, objects = FalsePatches(), region(*on)
    for boxes in frames:
        covered = region(*boxes)
        alarms.add(covered, covered & ~objects)
    return alarms.count


def test_an_alarm_lasts_as_long_as_its_patch():
    assert counted([LEFT]) == 1
    assert counted([LEFT], [LEFT], [LEFT]) == 1
    assert counted([LEFT], [], [LEFT]) == 2
    assert counted([], []) == 0


def test_patches_are_followed_one_by_one():
    assert counted([LEFT, RIGHT], [LEFT, MIDDLE]) == 3
    assert counted([LEFT], [(4, 4, 9, 9)], [(9, 9, 14, 14)]) == 2  # moved by less than itself, then by more


def test_what_lies_on_an_object_in_any_of_its_frames_is_no_alarm():
    moving = [[(start, 0, start + 6, 5)] for start in range(0, 30, 4)]
    assert counted(*moving) == 1
    for place in (0, 17, 33):  # met at its beginning, on its way, at its end
        assert counted(*moving, on=[(place, 0, place + 1, 5)]) == 0


def test_patches_that_meet_are_one_and_what_parts_was_one():
    wide = (0, 0, 38, 5)
    assert counted([LEFT, RIGHT], [wide]) == 1
    assert counted([wide], [LEFT, RIGHT]) == 1
    assert counted([LEFT, MIDDLE, RIGHT], [(0, 0, 20, 5), RIGHT], [wide], [MIDDLE]) == 1
    # All that was ever joined to what lay on an object is its cover.
    assert counted([LEFT, RIGHT], [wide], [LEFT], on=[(34, 0, 36, 5)]) == 0


def sighting(track, box):
    left, top, right, bottom = box
    return TruthObject(track, left, top, np.ones((bottom - top, right - left), bool))


def test_a_track_that_never_lies_on_an_object():
    alarms, dog = FalseTracks(), sighting(9, MIDDLE)
    for box in (LEFT, MIDDLE, RIGHT):  # track 1 crosses the dog, track 2 stays away from it
        alarms.add([sighting(1, box), sighting(2, RIGHT)], [dog], SIZE)
    assert alarms.count == 1
    alarms.add([sighting(2, (15, 0, 20, 1))], [dog], SIZE)
    assert alarms.count == 0


def test_a_sighting_lies_on_what_takes_a_quarter_of_it():
    for width, alarm in ((5, 0), (4, 1)):
        alarms = FalseTracks()
        alarms.add([sighting(1, (0, 0, 20, 5))], [sighting(9, (0, 0, width, 5))], SIZE)
        assert alarms.count == alarm
