"""The vote over tracks, on clips of a few frames written down by hand."""

import numpy as np
import pytest

from common.detections import FrameObjects, Header, make_detections, read_detections, read_header
from infer.belonging.ballot import STEADY
from infer.belonging.rule import Belonging, looked_for, may_be_hidden
from infer.belonging.verdicts import Verdicts, judged

RULE = Belonging("clown", "person", "nface")
CLASSES = ("clown", "person", "nface")
BODY, HEAD = (0, 0, 40, 100), (10, 0, 30, 20)
OTHER_BODY, OTHER_HEAD = (60, 0, 100, 100), (70, 0, 90, 20)
SIZE = (120, 160)


def person(track=1, box=BODY, origin="detected"):
    return ("person", box, 0.9, track, origin)


def clown(score=0.8, track=11, box=HEAD, origin="detected"):
    return ("clown", box, score, track, origin)


def plain(score=0.8, track=21, box=HEAD, origin="detected"):
    return ("nface", box, score, track, origin)


def clip(*frames):
    """Frames are lists of (class, box, score, track, origin)."""
    made = []
    for index, rows in enumerate(frames):
        names, boxes, scores, tracks, origins = zip(*rows, strict=True) if rows else ((),) * 5
        ids = [CLASSES.index(name) for name in names]
        found = make_detections(np.array(boxes).reshape(-1, 4), scores, ids, tracks, origins)
        made.append(FrameObjects(index, index / 25, found))
    return made


def verdicts(rules=(RULE,), hidden=("clown",), sure=0.5):
    return Verdicts(rules, hidden, CLASSES, sure)


def hidden(frames, judge=None):
    """What is hidden in each frame: a set of (class, track)."""
    judge = judge or verdicts()
    for frame in frames:
        judge.hear(frame)
    shown = []
    for frame in frames:
        found = judge.thinned(frame).detections
        names = [judge.classes[class_id] for class_id in found.class_id]
        shown.append(set(zip(names, found.tracker_id.tolist(), strict=True)))
    return shown


def test_seen_once_hidden_from_the_first_frame_to_the_last():
    frames = clip([person()], [person(), clown()], [person()], [person(origin="propagated")])
    assert hidden(frames) == [
        {("person", 1)},
        {("person", 1), ("clown", 11)},
        {("person", 1)},
        {("person", 1)},
    ]


def test_the_one_beside_is_left_alone():
    beside = person(2, OTHER_BODY)
    frames = clip([person(), beside, clown()], [person(), beside, plain(track=22, box=OTHER_HEAD)])
    assert hidden(frames) == [{("person", 1), ("clown", 11)}, {("person", 1)}]


def test_a_person_better_matched_by_a_plain_face_is_left_alone():
    frames = clip([person(), clown(0.3), plain(0.9)], [person(), plain(0.9)], [person(), clown(0.6)])
    assert hidden(frames) == [set(), set(), set()]


def test_a_face_in_the_wig_now_and_then_uncovers_nobody():
    frames = clip([person(), clown(0.9)], [person(), clown(0.4), plain(0.7)], [person(), clown(0.8), plain(0.2)])
    assert all(("person", 1) in shown for shown in hidden(frames))
    assert ("clown", 11) in hidden(frames)[1]


def test_steadily_a_clown_then_the_wig_comes_off():
    sure = [[person(), clown(0.8)]] * STEADY
    plain_later = [[person(), plain(0.9)]] * 50
    assert all(("person", 1) in shown for shown in hidden(clip(*sure, *plain_later)))
    assert not any(hidden(clip(*sure[:-1], *plain_later)[STEADY:]))


def test_a_tie_hides():
    assert hidden(clip([person(), clown(0.6), plain(0.6)])) == [{("person", 1), ("clown", 11)}]


def test_a_clown_without_a_person_is_hidden_by_itself():
    assert hidden(clip([clown()], [clown(origin="propagated")], [])) == [{("clown", 11)}, {("clown", 11)}, set()]
    assert hidden(clip([clown(0.3), plain(0.9)])) == [set()]  # a plain face taken for a clown


def test_a_clown_that_only_touches_a_person_does_not_turn_it_on():
    assert hidden(clip([person(2, OTHER_BODY), clown(box=(45, 0, 65, 20))])) == [{("clown", 11)}]


def test_frames_without_objects_and_frames_covered_whole_pass():
    (empty,) = clip([])
    empty.whole = "corrupt"
    judge = verdicts()
    judge.hear(empty)
    assert judge.thinned(empty).whole == "corrupt"
    assert len(judge.thinned(empty).detections) == 0


def test_without_tracks_each_frame_stands_alone():
    frames = clip([person(-1), clown(track=-1)], [person(-1)], [person(-1), clown(0.3, track=-1), plain(0.9, track=-1)])
    assert hidden(frames) == [{("person", -1), ("clown", -1)}, set(), set()]


def test_what_is_hidden_anyway_needs_no_clown():
    judge = verdicts(hidden=("clown", "person"))
    assert hidden(clip([person(), plain()]), judge) == [{("person", 1)}]
    judge = verdicts(hidden=("clown", "nface"))
    assert hidden(clip([person(), plain()]), judge) == [{("nface", 21)}]


def test_two_rules_for_one_owner_either_turns_it_on():
    rules = (RULE, Belonging("nface", "person"))
    judge = verdicts(rules, hidden=("clown", "nface"))
    assert hidden(clip([person(), plain()], [person(2, OTHER_BODY)]), judge) == [{("person", 1), ("nface", 21)}, set()]


def test_what_is_contested_is_said():
    frames = clip([person(), clown(0.5), plain(0.3)], [person(), clown(0.9), plain(0.4)])
    judge = verdicts()
    hidden(frames, judge)
    assert judge.thinned(frames[0]).doubts == ()
    assert judge.thinned(frames[1]).doubts == ("person hidden: clown and nface were both seen there (track 1)",)
    assert judge.notes() == [
        "person hidden as the owner of clown: 1; left visible because nface fits better: 0; without clown: 0"
    ]


def test_a_sure_sighting_that_was_outvoted_is_said():
    frames = clip([person(), clown(0.6)], *[[person(), plain(0.9)]] * 9)
    judge = verdicts()
    assert not any(hidden(frames, judge))
    assert judge.thinned(frames[0]).doubts == ("person left visible: clown and nface were both seen there (track 1)",)
    frames = clip([clown(0.6)], *[[clown(0.3), plain(0.9)]] * 9)
    judge = verdicts()
    assert not any(hidden(frames, judge))
    assert judge.thinned(frames[0]).doubts == ("clown left visible: clown and nface were both seen there (track 11)",)


def test_notes_count_tracks():
    beside, third = person(2, OTHER_BODY), person(3, (110, 0, 150, 100))
    frames = clip([person(), beside, third, clown(), plain(0.9, 22, OTHER_HEAD), clown(0.3, 12, OTHER_HEAD)])
    judge = verdicts()
    assert hidden(frames, judge) == [{("person", 1), ("clown", 11)}]
    assert judge.notes() == [
        "person hidden as the owner of clown: 1; left visible because nface fits better: 1; without clown: 1"
    ]


def test_the_file_names_only_what_may_be_hidden(tmp_path):
    header = Header(160, 120, CLASSES, "clip.mp4", {"a": 1})
    frames = clip([person()], [person(), clown(), person(2, OTHER_BODY)])
    written = judged(iter(frames), verdicts(), header, tmp_path / "out.jsonl")
    assert read_header(tmp_path / "out.jsonl").classes == written.classes == ("clown", "person")
    assert written.settings["a"] == 1 and len(written.settings["decided"]) == 1
    lines = list(read_detections(tmp_path / "out.jsonl"))
    assert [line.detections.tracker_id.tolist() for line in lines] == [[1], [1, 11]]
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_what_is_looked_for_beside_what_is_hidden():
    assert looked_for(("dog", "clown"), (RULE,)) == ("dog", "clown", "person", "nface")
    assert looked_for(("nface", "clown"), (RULE,)) == ("nface", "clown", "person")
    assert may_be_hidden(("nface", "person", "clown", "dog"), ("dog", "clown"), (RULE,)) == ("person", "clown", "dog")
    assert may_be_hidden(CLASSES, ("nface", "clown"), (RULE,)) == CLASSES
    assert str(RULE) == "person of clown unless nface" and str(Belonging("face", "person")) == "person of face"


@pytest.mark.parametrize("score", [0.49, 0.51])
def test_only_sure_sightings_make_a_steady_run(score):
    frames = clip(*[[person(), clown(score)]] * STEADY, *[[person(), plain(0.9)]] * 20)
    assert any(hidden(frames)) == (score > 0.5)
