import json
import time

import numpy as np
import pytest
import supervision as sv

from common.detections import (
    DetectionsWriter,
    FrameObjects,
    Header,
    check_size,
    make_detections,
    read_detections,
    read_header,
)
from common.errors import UserError

HEADER = Header(64, 48, ("face", "dog"), "clip.mp4", {"score": 0.5})
FIRST = {"format": "hide-in-video detections", "version": 1, "width": 64, "height": 48, "classes": ["face", "dog"]}
FACE = {"class": "face", "box": [1, 2, 11, 12]}


def objects(index, boxes=(), **more):
    count = len(boxes)
    detections = make_detections(np.array(boxes, float).reshape(count, 4), [0.9] * count, [0] * count, **more)
    return FrameObjects(index, index / 30, detections)


def written(path, frames, header=HEADER):
    with DetectionsWriter(path, header) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def by_hand(path, *lines, first=FIRST):
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in (first, *lines)))
    return path


def test_what_is_written_is_read(tmp_path):
    detections = make_detections(
        np.array([[1.234, 2, 11.5, 12.006], [-3, 0, 20, 48]]),
        [0.98765, 0.25],
        [0, 1],
        [7, -1],
        ["propagated", "manual"],
    )
    frames = [
        FrameObjects(0, 0.04, detections),
        FrameObjects(1, 0.08, objects(1).detections, whole="corrupt", cut=True, doubts=("é?",)),
    ]
    path = written(tmp_path / "found.jsonl", frames)
    first, second = read_detections(path)
    assert first.index == 0 and first.time == 0.04 and first.whole is None
    assert np.allclose(first.detections.xyxy, [[1.23, 2, 11.5, 12.01], [-3, 0, 20, 48]], atol=1e-5)
    assert first.detections.confidence.tolist() == pytest.approx([0.9876, 0.25], abs=1e-4)
    assert first.detections.class_id.tolist() == [0, 1]
    assert first.detections.tracker_id.tolist() == [7, -1]
    assert first.detections.data["origin"].tolist() == ["propagated", "manual"]
    assert not first.cut and first.doubts == ()
    assert second.cut and second.doubts == ("é?",)
    assert second.whole == "corrupt" and len(second.detections) == 0
    assert read_header(path) == HEADER


def test_writing_what_was_read_gives_the_same_bytes(tmp_path):
    random = np.random.default_rng(3)
    starts = random.uniform(-5, 40, (20, 2))
    boxes = np.hstack([starts, starts + random.uniform(0.001, 20, (20, 2))])
    frame = FrameObjects(0, 1 / 3, make_detections(boxes, random.random(20), random.integers(0, 2, 20)))
    once = written(tmp_path / "once.jsonl", [frame])
    twice = written(tmp_path / "twice.jsonl", read_detections(once))
    assert once.read_bytes() == twice.read_bytes()


def test_masks_come_back_exactly_and_compact(tmp_path):
    masks = np.random.default_rng(0).random((2, 48, 64)) < 0.3
    masks[1] = False
    masks[1, 40:48, 60:64] = True
    # The boxes are smaller than the masks: masks must not be clipped to them.
    path = written(tmp_path / "found.jsonl", [objects(0, [[9, 9, 12, 12], [1, 1, 2, 2]], masks=masks), objects(1)])
    first, second = read_detections(path)
    assert isinstance(first.detections.mask, sv.CompactMask)
    assert np.array_equal(first.detections.mask.to_dense(), masks)
    assert second.detections.mask is None


def test_an_object_added_by_hand_needs_class_and_box_only(tmp_path):
    path = by_hand(tmp_path / "found.jsonl", {"frame": 0, "time": 0, "objects": [FACE]}, "")
    (frame,) = read_detections(path)
    assert frame.whole is None
    assert frame.detections.confidence.tolist() == [1.0]
    assert frame.detections.tracker_id.tolist() == [-1]
    assert frame.detections.data["origin"].tolist() == ["manual"]


def test_an_object_without_a_mask_beside_one_with_has_an_empty_one(tmp_path):
    masked = {**FACE, "mask": {"size": [48, 64], "counts": [100, 3, 48 * 64 - 103]}}
    path = by_hand(tmp_path / "found.jsonl", {"frame": 0, "time": 0, "objects": [masked, FACE]})
    (frame,) = read_detections(path)
    assert frame.detections.mask.area.tolist() == [3, 0]
    again = written(tmp_path / "again.jsonl", [frame])
    assert ["mask" in item for item in json.loads(again.read_text().splitlines()[1])["objects"]] == [True, False]


def test_boxes_may_reach_out_and_those_not_set_by_hand_may_lie_outside(tmp_path):
    inside = [[-5, -5, 1, 1], [63, 47, 99, 99], [-5, -5, 99, 99]]
    outside = [[-5, 1, 0, 9], [64, 1, 70, 9], [1, -5, 9, 0], [1, 48, 9, 50], [650, 10, 660, 20]]
    items = [{**FACE, "box": box} for box in inside]
    items += [{**FACE, "box": box, "origin": origin} for box in outside for origin in ("detected", "propagated")]
    (frame,) = read_detections(by_hand(tmp_path / "found.jsonl", {"frame": 0, "time": 0, "objects": items}))
    assert len(frame.detections) == 13
    for box in outside:
        for more in ({}, {"origin": "manual"}):
            path = by_hand(tmp_path / "found.jsonl", frame_with(objects=[FACE, {**FACE, "box": box, **more}]))
            with pytest.raises(UserError, match=r"line 2: .*holds nothing of the picture of 64x48"):
                list(read_detections(path))


def test_the_hash_of_the_source_comes_back_and_may_be_left_out(tmp_path):
    header = Header(64, 48, ("face",), "clip.mp4", {}, "0123456789abcdef" * 4)
    assert read_header(written(tmp_path / "with.jsonl", [], header)) == header
    assert json.loads((tmp_path / "with.jsonl").read_text())["sha256"] == header.sha256
    assert read_header(by_hand(tmp_path / "without.jsonl")).sha256 == ""
    assert "sha256" not in json.loads(written(tmp_path / "none.jsonl", []).read_text())


def frame_with(**changes):
    return {"frame": 0, "time": 0, "whole": None, "objects": [FACE], **changes}


def object_with(**changes):
    return frame_with(objects=[{**FACE, **changes}])


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"frame": 0, "time": 0, "objects": [}', "line 2: not JSON at column"),
        ('{"frame": 0, "time": NaN, "objects": []}', "line 2: NaN is not a number"),
        ("[1]", "in braces"),
        (frame_with(frame=1), "frame 1 where frame 0 is expected"),
        (frame_with(frame="0"), "the frame's number"),
        (frame_with(time=None), '"time"'),
        (frame_with(whole=True), '"whole"'),
        (frame_with(objects=None), '"objects" must be a list'),
        (frame_with(objects=[5]), "in braces"),
        (frame_with(cut=1.5), '"cut"'),
        (frame_with(doubts="x"), '"doubts"'),
        (frame_with(Whole="by hand"), 'did you mean "whole"'),
        (object_with(scor=1), 'did you mean "score"'),
        (object_with(colour="red"), "known are class"),
        (object_with(**{"class": "fac"}), 'did you mean "face"'),
        (object_with(**{"class": "sofa"}), "known are face, dog"),
        (object_with(box=[1, 2, 3]), "four numbers"),
        (object_with(box=[1, 2, "3", 4]), "four numbers"),
        (object_with(box=[5, 2, 3, 4]), "turned round"),
        (object_with(box=[1, 2, 3, 2]), "empty"),
        (object_with(box=[1, 2, 1e12, 4]), "four numbers"),
        (object_with(score=1.5), '"score"'),
        (object_with(track="a"), '"track"'),
        (object_with(origin="found"), "detected, propagated, manual"),
        (object_with(mask=[1]), '"mask" must be'),
        (object_with(mask={"size": [64, 48], "counts": ""}), "(height, width)"),
        (object_with(mask={"size": [48, 64], "counts": "52203"}), "sum to 16"),
        (object_with(mask={"size": [48, 64], "counts": "é"}), "does not belong"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, complaint):
    with pytest.raises(UserError) as caught:
        list(read_detections(by_hand(tmp_path / "found.jsonl", line)))
    assert "found.jsonl, line 2: " in str(caught.value)
    assert complaint in str(caught.value)


def test_a_frame_left_out_is_named(tmp_path):
    path = by_hand(tmp_path / "found.jsonl", frame_with(), frame_with(frame=1), frame_with(frame=3))
    with pytest.raises(UserError, match="line 4: frame 3 where frame 2 is expected"):
        list(read_detections(path))


@pytest.mark.parametrize(
    ("first", "complaint"),
    [
        ("", "must be a header"),
        ({"frame": 0}, "must be a header"),
        ({**FIRST, "version": 2}, "version 2"),
        ({**FIRST, "width": 0}, '"width" and "height"'),
        ({**FIRST, "classes": []}, '"classes"'),
        ({**FIRST, "classes": ["face", "face"]}, "twice"),
        ({**FIRST, "settings": []}, '"settings"'),
        ({**FIRST, "sha256": "abc"}, '"sha256"'),
        ({**FIRST, "sha256": 5}, '"sha256"'),
    ],
)
def test_a_wrong_header_is_named(tmp_path, first, complaint):
    path = by_hand(tmp_path / "found.jsonl", frame_with(), first=first)
    for read in (read_header, lambda path: list(read_detections(path))):
        with pytest.raises(UserError, match=f"line 1: .*{complaint}"):
            read(path)


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        read_header(tmp_path / "absent.jsonl")
    with pytest.raises(UserError, match="cannot write"), DetectionsWriter(tmp_path, HEADER):
        pass


def test_the_picture_must_have_the_size_of_the_header(tmp_path):
    check_size(tmp_path, HEADER, (48, 64))
    with pytest.raises(UserError, match="64x48, this one is 48x64"):
        check_size(tmp_path, HEADER, (64, 48))


@pytest.mark.parametrize(
    "frame",
    [
        objects(1),
        objects(0, [[5, 5, 4, 9]]),
        FrameObjects(0, 0.0, make_detections(np.ones((1, 4)), [1.2], [0])),
        FrameObjects(0, float("nan"), make_detections(np.zeros((0, 4)), [], [])),
    ],
)
def test_our_own_mistakes_are_not_written(tmp_path, frame):
    with DetectionsWriter(tmp_path / "found.jsonl", HEADER) as writer, pytest.raises(ValueError, match=r".+"):
        writer.write(frame)


def test_five_thousand_frames_a_second_both_ways(tmp_path):
    count = 5_000
    boxes = np.random.default_rng(0).uniform(0, 20, (5, 4)) + np.array([0, 0, 25, 25])
    frames = [objects(index, boxes + index / 1000) for index in range(count)]
    start = time.thread_time()
    path = written(tmp_path / "found.jsonl", frames)
    assert sum(1 for _ in read_detections(path)) == count
    # Both ways together in 2 s of processor time is the goal; about 0.3 s is what it takes.
    assert time.thread_time() - start < 2
