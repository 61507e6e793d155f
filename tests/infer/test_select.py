from argparse import Namespace
from dataclasses import replace

import numpy as np
import pytest
import supervision as sv

from common.detections import FrameObjects, make_detections
from common.errors import UserError
from common.times import parse_time
from infer.effects import Renderer, open_effect
from infer.select import Rules, Selector, Span, Zone, parse_tracks

SIZE = (100, 200)
# Left, right, across the middle, and one that hangs out of the picture on the right.
BOXES = np.array([[10, 10, 30, 30], [150, 10, 170, 30], [90, 40, 110, 60], [190, 80, 215, 95]], float)


def frame(time=1.0, origins=None, masks=None, whole=None):
    detections = make_detections(BOXES, [0.9, 0.8, 0.7, 0.6], [0, 1, 0, 0], [1, 2, 3, -1], origins, masks)
    return FrameObjects(0, time, detections, whole)


def left(rules, given=None):
    """Left edges of what is still hidden."""
    selector = Selector(rules, SIZE, ("face", "dog"))
    (result,) = selector([given or frame()])
    return [int(box[0]) for box in result.detections.xyxy]


def flags(**texts):
    return Rules.parse(Namespace(**{name: [value] for name, value in texts.items()}))


def test_without_rules_nothing_is_touched():
    given = frame()
    assert not Rules.parse(Namespace(keep=[], zone=None))
    assert next(Selector(Rules(), SIZE, ("face", "dog"))([given])) is given


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (flags(keep="1,3"), [10, 90]),
        (flags(exclude="1-2"), [90, 190]),
        (Rules(keep_classes=("dog",)), [150]),
        (flags(keep_class="Dogs"), [150]),
        (flags(exclude_class="faces"), [150]),
        (Rules(exclude_classes=("dog",)), [10, 90, 190]),
        (flags(zone="0,0,50%,100%"), [10, 90]),
        (flags(zone="0,0,95,100"), [10, 90]),
        (flags(zone="0,0,90,100"), [10]),
        (flags(zone_exclude="0,0,50%,100%"), [150, 90, 190]),
        (flags(zone_exclude="50%,0,100%,100%"), [10, 90]),
        (flags(zone="0,0,50%,100%", zone_exclude="0,0,40,40"), [90]),
        (flags(zone="0,0,50%,100%@5-6"), [10, 150, 90, 190]),
        (flags(zone_exclude="0,0,50%,100%@1-1.5"), [150, 90, 190]),
        (flags(between="0:01-0:02"), [10, 150, 90, 190]),
        (flags(between="1.1-"), []),
        (flags(between="-1"), []),
    ],
)
def test_what_stays_hidden(rules, expected):
    assert left(rules) == expected


def test_a_rectangle_is_covered_while_its_time_lasts():
    selector = Selector(flags(zone_cover="10%,0,20%,50%@1-2"), SIZE, ("face", "dog"))
    before, within = selector([FrameObjects(0, 0.9, frame().detections), FrameObjects(1, 1.0, frame().detections)])
    assert len(before.detections) == 4
    assert within.detections.xyxy[-1].tolist() == [20, 0, 40, 50]
    assert within.detections.data["origin"].tolist()[-1] == "manual"
    assert selector.classes == ("face", "dog", "zone")
    assert selector.classes[within.detections.class_id[-1]] == "zone"


@pytest.mark.parametrize("compact", [False, True])
def test_a_rectangle_beside_masks_is_covered_as_if_it_were_alone(compact):
    masks = np.zeros((4, *SIZE), bool)
    masks[:, 10:20, 10:20] = True
    given = frame(masks=sv.CompactMask.from_dense(masks, np.array([[0, 0, 199, 99]] * 4), SIZE) if compact else masks)
    selector = Selector(flags(zone_cover="20,30,40,50"), SIZE, ("face", "dog"))
    beside, alone = selector.select(given), selector.select(replace(given, detections=given.detections[:0]))
    assert len(beside.detections.mask) == 5
    assert np.array_equal(beside.detections.mask[0], masks[0]) and not np.asarray(beside.detections.mask[4]).any()
    renderer = Renderer(open_effect("fill"))
    covered = [renderer.region(each, SIZE)[25:55, 25:45] for each in (beside, alone)]
    assert np.array_equal(*covered) and (covered[1] == 255).sum() == 20 * 15


def test_a_rectangle_is_covered_on_empty_frames_and_outside_the_window():
    empty = FrameObjects(0, 9.0, make_detections(np.zeros((0, 4)), [], []))
    assert left(flags(zone_cover="5,5,10,10", between="1-2"), empty) == [5]


def test_a_frame_that_is_covered_whole_stays_so():
    result = Selector(flags(between="5-6"), SIZE, ("face", "dog")).select(
        replace(frame(whole="corrupt"), cut=True, doubts=("weak",))
    )
    assert (result.whole, result.cut, result.doubts) == ("corrupt", True, ("weak",))


def test_what_was_set_by_hand_goes_only_with_its_own_track():
    by_hand = frame(origins=["manual", "detected", "manual", "manual"])
    assert left(flags(keep="2"), by_hand) == [10, 150, 90, 190]
    assert left(flags(between="5-6"), by_hand) == [10, 90, 190]
    assert left(flags(exclude="3"), by_hand) == [10, 150, 190]


def test_what_was_removed_is_counted_and_said():
    selector = Selector(flags(exclude="1,77", zone="0,0,50%,100%"), SIZE, ("face", "dog"))
    list(selector([frame(), frame(), frame()]))
    assert selector.removed == {"--exclude": 3, "--zone": 6}
    assert selector.removed_tracks == {1, 2}
    assert selector.notes() == [
        "3 appearances left visible by --exclude",
        "6 appearances left visible by --zone",
        "no such track in this clip: 77",
    ]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("12.5", 12.5), (" 90 ", 90), ("1:05.5", 65.5), ("1:02:03", 3723), ("0:00:00.04", 0.04), (".5", 0.5)],
)
def test_times(text, seconds):
    assert parse_time(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "x", "-1", "1:", ":5", "1:60", "1:60:00", "1:2:3:4", "1.5:00", "1e3", "nan"])
def test_what_is_no_time(text):
    with pytest.raises(UserError, match="is not a time"):
        parse_time(text)


def test_time_windows():
    assert Span.parse("5-1:00") == Span(5, 60)
    assert Span.parse("5-") == Span(5, None)
    for text in ("5", "-", "", "6-5", "5-5", "5-x"):
        with pytest.raises(UserError, match=f'"{text}"|"x"'):
            Span.parse(text)


def test_zones():
    zone = Zone.parse("0, 10%, 50.5, 100%@0:05-")
    assert zone.pixels(SIZE).tolist() == [0, 10, 50.5, 100]
    assert zone.span == Span(5, None)
    for text in ("", "1,2,3", "1,2,3,x", "1,2,3,-4", "1,2,3,4,5", "0,0,101%,50"):
        with pytest.raises(UserError, match="zone"):
            Zone.parse(text)
    for text in ("10,10,10,20", "50,0,20,20", "300,0,400,50"):
        with pytest.raises(UserError, match="holds nothing of a picture of 200x100"):
            Selector(flags(zone=text), SIZE, ("face",))


def test_tracks():
    assert parse_tracks(["1,4", "7-9", "4"]) == (1, 4, 7, 8, 9)
    for text in ("", "a", "9-7", "1,,2", "-3", "1-9999999"):
        with pytest.raises(UserError, match="is not a track"):
            parse_tracks([text])


def test_rules_that_contradict_each_other_or_the_classes():
    with pytest.raises(UserError, match="track 4 is both"):
        flags(keep="4", exclude="4")
    with pytest.raises(UserError, match='no class "cat"'):
        Selector(Rules(keep_classes=("cat",)), SIZE, ("face", "dog"))
    with pytest.raises(UserError, match="dog is both kept hidden"):
        flags(keep_class="dog", exclude_class="face,dogs")


def test_classes_by_name():
    rules = Rules.parse(Namespace(keep_class=["Faces, tvs", "people"], exclude_class=["dog,dogs"]))
    assert rules.keep_classes == ("face", "tv", "person") and rules.exclude_classes == ("dog",)
    with pytest.raises(UserError, match='unknown class "dgo"; did you mean dog'):
        flags(keep_class="face,dgo")
    with pytest.raises(UserError, match="classes` lists what there is"):
        flags(exclude_class="xyzzy")
    with pytest.raises(UserError, match='unknown class ""'):
        flags(exclude_class="")
