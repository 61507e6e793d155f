"""Leaks on videos: numbers counted by hand on a strip of six frames, and the files that belong together."""

import argparse
import csv
import hashlib
import json
from fractions import Fraction

import cv2
import numpy as np
import pytest

from common.cli import run as at_the_edge
from common.detections import DetectionsWriter, FrameObjects, Header, make_detections
from common.errors import UserError
from common.leak import LeakMeter, TruthObject
from data.clip_file import ClipFile
from evaluate import leak_command, leak_covers, leak_files
from evaluate.cli import main
from evaluate.leak import Covered, Rule, counted, measure_video
from evaluate.leak_recorded import recorded_leaks
from evaluate.leak_totals import sentence, totals
from infer.effects import open_effect
from infer.effects.renderer import Renderer

SIZE = (20, 40)
HEADER = Header(40, 20, ("clown", "nface", "ignored"))
RULE = Rule(("clown",))
CLOWN, NFACE, IGNORED = 0, 1, 2


def box(left, top=4, width=10, height=10):
    return left, top, left + width, top + height


def frame(index, *objects, time=None):
    """objects: (track, class id, box[, visible share])."""
    return FrameObjects(
        index,
        index / 10 if time is None else time,
        make_detections(
            np.array([item[2] for item in objects], np.float32).reshape(-1, 4),
            [item[3] if len(item) > 3 else 1.0 for item in objects],
            [item[1] for item in objects],
            [item[0] for item in objects],
        ),
    )


def cover(index, *boxes, time=None):
    region = np.zeros(SIZE, bool)
    for left, top, right, bottom in boxes:
        region[top:bottom, left:right] = True
    return Covered(index / 10 if time is None else time, region)


def measured(truth, covers, rule=RULE, part=False):
    return measure_video("strip", HEADER, truth, covers, rule, part=part)


A, B = box(2), box(20)
#               clown 1 stays; clown 2 comes, goes, comes back
TRUTH = [
    frame(0, (1, CLOWN, A)),
    frame(1, (1, CLOWN, A), (2, CLOWN, B)),
    frame(2, (1, CLOWN, A), (2, CLOWN, B)),
    frame(3, (1, CLOWN, A)),
    frame(4, (1, CLOWN, A), (2, CLOWN, B)),
    frame(5, (1, CLOWN, A)),
]
HALF_A = box(2, width=5)
COVERS = [cover(0, A), cover(1, B), cover(2, HALF_A, B), cover(3, A), cover(4, A), cover(5, A)]


def test_counted_by_hand():
    video = measured(TRUTH, COVERS)
    first, second, third = sorted(video.visits, key=lambda visit: (visit.number, visit.first))
    # Clown 1 is in six frames: bare in frame 1, half bare in frame 2.
    assert (first.frames, first.leaking, first.longest, first.longest_first, first.changes) == (6, 2, 2, 1, 2)
    assert first.longest_seconds == pytest.approx(0.2)
    assert (first.pixels, first.bare) == (600, 150)
    # Clown 2 is there twice: covered the first time, bare the second.
    assert (second.frames, second.leaking, second.end_time) == (2, 0, pytest.approx(0.3))
    assert (third.first, third.frames, third.leaking) == (4, 1, 1)
    of_all = totals([video])
    assert (of_all.visits, of_all.never_bare, of_all.appearances, of_all.covered) == (3, 1, 9, 6)
    assert (of_all.leak_frames, of_all.frames, of_all.longest) == (3, 6, 2)
    assert of_all.bare_share == pytest.approx(250 / 900)
    assert of_all.seconds == pytest.approx(0.6)
    assert of_all.flicker == pytest.approx(100 * 2 / 6)  # 5 pairs of clown 1, 1 pair of clown 2
    assert (of_all.false_alarms, of_all.false_alarms_per_minute) == (0, 0)
    # One of three: exact one-sided bound p with P(at least 1 of 3 | p) = 5 %, 1 - (1 - p)^3 = 0.05.
    assert of_all.never_bare_at_least == pytest.approx(1 - 0.95 ** (1 / 3))
    assert sentence(of_all, ("clown",)).startswith("1 of 3 visits of clown (33.3%) were never bare in 6 frames")


def test_agrees_with_the_meter_of_the_benchmark():
    meter = LeakMeter()
    for objects, covered in zip(TRUTH, COVERS, strict=True):
        meter.add(counted(objects, HEADER, RULE)[0], covered.region)
    report, of_all = meter.report(), totals([measured(TRUTH, COVERS)])
    assert (report.appearances, report.covered, report.leak_frames, report.longest) == (9, 6, 3, 2)
    assert of_all.appearances == report.appearances
    assert of_all.false_cover == pytest.approx(report.false_cover)
    assert of_all.flicker == pytest.approx(report.flicker)
    assert of_all.bare_share == pytest.approx(report.bare_pixels)


def test_false_cover_counts_what_lies_beyond_the_margin():
    video = measured([frame(0, (1, CLOWN, A))], [cover(0, A, (38, 0, 40, 20))])
    assert video.rows[0].false_cover == pytest.approx(40 / 800)


def test_false_alarms_a_minute():
    """Six frames of 0.1 s: a patch far from the clown in frames 1 and 2, and again in frame 4."""
    corner = (36, 0, 40, 4)
    truth = [frame(index, (1, CLOWN, A)) for index in range(6)]
    video = measured(truth, [cover(index, A, *([corner] if index in (1, 2, 4) else [])) for index in range(6)])
    of_all = totals([video])
    assert (of_all.false_alarms, of_all.false_alarms_per_minute) == (2, pytest.approx(60 * 2 / 0.6))
    assert totals([video], "clown").false_alarms_per_minute is None
    # Where a run says what its sightings are, tracks count: one that meets the clown's cover is false all the same.
    beside = (12, 4, 22, 14)
    seen = tuple(TruthObject(track, left, 4, np.ones((10, 10), bool)) for track, left in ((1, 2), (2, 12)))
    covers = [Covered(index / 10, cover(index, A, beside).region, seen) for index in range(6)]
    assert totals([measured(truth, covers)]).false_alarms == 1
    assert totals([measured(truth, [cover(index, A, beside) for index in range(6)])]).false_alarms == 0
    # A cover that is too large, but lies on the clown, is false cover and no alarm.
    assert totals([measured([frame(0, (1, CLOWN, A))], [cover(0, (2, 4, 40, 14))])]).false_alarms == 0


def test_other_classes_are_false_when_covered_ignored_and_hardly_visible_ones_are_not():
    objects = [(1, CLOWN, A), (2, NFACE, B)]
    assert measured([frame(0, *objects)], [cover(0, A, B)]).rows[0].outside == pytest.approx(100 / 800)
    ignored = [(1, CLOWN, A), (2, IGNORED, B)]
    assert measured([frame(0, *ignored)], [cover(0, A, B)]).rows[0].outside == 0
    hardly = [(1, CLOWN, A), (2, CLOWN, B, 0.4)]
    row = measured([frame(0, *hardly)], [cover(0, A)]).rows[0]
    assert (row.appearances, row.leaking) == (1, 0)
    small = [(1, CLOWN, box(2, height=9))]
    assert measured([frame(0, *small)], [cover(0)]).rows[0].appearances == 0


def test_classes_add_up():
    truth = [frame(0, (1, CLOWN, A), (2, NFACE, B))]
    video = measured(truth, [cover(0, A)], Rule(("clown", "nface")))
    assert totals([video], "clown").never_bare == 1
    assert totals([video], "nface").never_bare == 0
    assert totals([video, video]).visits == 4


def test_truth_without_tracks_has_no_visits_but_the_rest():
    of_all = totals([measured([frame(0, (-1, CLOWN, A))], [cover(0)])])
    assert (of_all.visits, of_all.never_bare_share, of_all.appearances, of_all.bare_share) == (None, None, 1, 1.0)
    assert "does not tell objects apart" in sentence(of_all, ("clown",))


def test_nothing_to_hide_is_no_hundred_percent():
    of_all = totals([measured([frame(0)], [cover(0)])])
    assert of_all.covered_share is None
    assert sentence(of_all, ("clown",)) == "Nothing can be said about visits never bare: nothing was to be hidden."


@pytest.mark.parametrize(
    ("covers", "words"),
    [
        (COVERS[:-1], "frame 5 of the truth is at 0.500 s, where the cover ends"),
        ([*COVERS[:3], *COVERS[4:]], "frame 3 of the truth is at 0.300 s, where the cover goes on at 0.400 s"),
        ([*COVERS, cover(6)], "the truth has no frame at 0.600 s"),
    ],
)
def test_frames_that_do_not_fit_are_refused(covers, words):
    with pytest.raises(UserError, match=words):
        measured(TRUTH, covers)


def test_a_fragment_is_judged_where_it_is():
    video = measured(TRUTH, COVERS[1:4], part=True)
    assert [row.index for row in video.rows] == [1, 2, 3]
    with pytest.raises(UserError, match="goes on at"):
        measured(TRUTH, [COVERS[1], COVERS[3]], part=True)
    with pytest.raises(UserError, match="truth has no frame at 7"):
        measured(TRUTH, [cover(0, time=7.0)], part=True)


def test_another_size_is_refused():
    with pytest.raises(UserError, match=r"40x20.*30x20"):
        measured([frame(0)], [Covered(0.0, np.zeros((20, 30), bool))])


# What was covered


def recorded_region(found, **settings):
    header = Header(40, 20, ("clown",), settings=settings)
    shape = leak_covers.region_shape("file", header)
    return leak_covers.region(FrameObjects(0, 0.0, found), header.size, shape)


def test_recorded_cover_follows_the_settings_of_the_run():
    mask = np.zeros((1, *SIZE), bool)
    mask[0, 4:14, 2:12] = True
    found = make_detections([A], [1.0], [0], masks=mask)
    exact = recorded_region(found, cover={"grow": "0", "feather": "0"})
    assert exact.sum() == 100
    wider = recorded_region(found, cover={"grow": "0", "more": "2px", "feather": "3px"})
    assert wider[4:14, 14 - 1].all()
    assert not wider[4:14, 14].any()  # the soft edge is no cover
    square = recorded_region(make_detections([B], [1.0], [0]), cover={"shape": "box", "grow": "0", "feather": "0"})
    assert square.sum() == 100
    earlier = recorded_region(found, cover={"usual_grow": {"mask": "0px"}})
    assert earlier.sum() == 100 < recorded_region(found, cover={}).sum()  # what was usual when the file was written
    assert not recorded_region(found, cover={"effect": "none"}).any()
    with pytest.raises(UserError, match="usual_grow is 3"):
        recorded_region(found, cover={"usual_grow": 3})


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(
    "lengths", [{}, {"grow": "0"}, {"more": "10%"}, {"grow": "4px", "feather": "2px"}], ids=lambda each: str([*each])
)
@pytest.mark.parametrize("shape", [None, "box", "ellipse"])
def test_recorded_cover_is_what_the_renderer_covers(shape, lengths, masked):
    masks = np.zeros((2, 60, 80), bool)
    masks[0, 20:30, 20:40] = masks[1, 0:9, 60:80] = True
    found = make_detections([(20, 20, 40, 30), (60, 0, 80, 9)], [1.0, 1.0], [0, 0], masks=masks if masked else None)
    objects, size = FrameObjects(0, 0.0, found), (60, 80)
    renderer = Renderer(open_effect("fill"), **lengths, **({"shape": shape} if shape else {}))
    header = Header(80, 60, ("clown",), settings={"cover": {"effect": "fill", "shape": shape, **lengths}})
    recorded = leak_covers.region(objects, size, leak_covers.region_shape("file", header))
    assert recorded.any()
    assert (recorded == (renderer.region(objects, size) == 255)).all()


def test_recorded_cover_with_rules_or_turned_round_is_refused():
    found = make_detections([A], [1.0], [0])
    with pytest.raises(UserError, match=r"rules \(keep_tracks\).*--masked"):
        recorded_region(found, rules={"keep_tracks": [1], "zones": []})
    with pytest.raises(UserError, match="keeps the objects"):
        recorded_region(found, cover={"effect": "cutout"})


def test_a_frame_covered_whole_is():
    objects = FrameObjects(0, 0.0, make_detections(np.zeros((0, 4)), [], []), whole="analysis failed")
    assert leak_covers.region(objects, SIZE, leak_covers.region_shape("file", HEADER)).all()


def scenery(seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (60, 80, 3), np.uint8)
    smooth = cv2.GaussianBlur(noise.astype(np.float32), (0, 0), 2)
    return np.clip(128 + 5 * (cv2.resize(smooth, (160, 120)) - 128), 0, 255).astype(np.uint8)


def test_changed_pixels_are_closed_to_the_area_that_was_covered():
    before = scenery()
    after = before.copy()
    tiles = cv2.resize(before[40:100, 50:110], (6, 6), interpolation=cv2.INTER_AREA)
    after[40:100, 50:110] = cv2.resize(tiles, (60, 60), interpolation=cv2.INTER_NEAREST)
    noisy = np.clip(after.astype(int) + np.random.default_rng(1).integers(-4, 5, after.shape), 0, 255).astype(np.uint8)
    region = leak_covers.changed(before, noisy)
    truth = np.zeros(region.shape, bool)
    truth[40:100, 50:110] = True
    assert (region & truth).sum() > 0.9 * truth.sum()
    assert not (region & ~truth).any()
    assert not leak_covers.changed(before, before).any()


# Files and the command

CLIP = (48, 64)


def write_clip(path, pictures, rate=10, times=None):
    with ClipFile(path, CLIP, Fraction(rate), crf=12) as clip:
        for place, picture in enumerate(pictures):
            clip.write(picture, None if times is None else times[place])


@pytest.fixture
def folder(tmp_path):
    """A video with truth, its masked version, and the detections of the run: frame 1 of three was missed."""
    picture = cv2.resize(scenery(), CLIP[::-1])
    hidden = picture.copy()
    hidden[8:40, 16:48] = 0
    (tmp_path / "out").mkdir()
    write_clip(tmp_path / "show.mp4", [picture] * 3)
    write_clip(tmp_path / "out" / "show.mp4", [hidden, picture, hidden])
    found = make_detections([(16, 8, 48, 40)], [1.0], [0], [7])
    nothing = make_detections(np.zeros((0, 4)), [], [])
    truth = Header(64, 48, ("clown", "nface"), "show.mp4")
    with DetectionsWriter(tmp_path / "show.truth.jsonl", truth) as writer:
        for index in range(3):
            writer.write(FrameObjects(index, index / 10, found))
    cover_of_run = {"effect": "fill", "shape": "box", "grow": "0", "feather": "0"}
    run = Header(64, 48, ("clown",), "show.mp4", {"search": {"classes": ["clown"]}, "cover": cover_of_run})
    with DetectionsWriter(tmp_path / "out" / "show.mp4.detections.jsonl", run) as writer:
        for index in range(3):
            writer.write(FrameObjects(index, index / 10, nothing if index == 1 else found))
    return tmp_path


def leak(*argv):
    parser = argparse.ArgumentParser()
    leak_command.add(parser.add_subparsers())
    flags = parser.parse_args(["leak", *map(str, argv), "--quiet"])
    return flags.run(flags)


@pytest.mark.parametrize("kind", ["--detections", "--masked"])
def test_command_sees_the_frame_that_was_missed(folder, kind, capsys):
    assert leak(folder, kind, folder / "out", "--class", "clown", "--out", folder / "leaks") == 0
    printed = capsys.readouterr().out
    assert "0/1" in printed
    assert "1 frames, 0.10 s" in printed
    assert "0 of 1 visits of clown (0.0%) were never bare in 3 frames" in printed
    summary = json.loads((folder / "leaks" / "leak.json").read_text())
    assert summary["all"]["leak_frames"] == summary["videos"]["show.mp4"]["leak_frames"] == 1
    with (folder / "leaks" / "leak_frames.csv").open() as file:
        assert [row["leaking"] for row in csv.DictReader(file)] == ["0", "1", "0"]
    with (folder / "leaks" / "leak_visits.csv").open() as file:
        assert [(row["video"], row["longest_first"]) for row in csv.DictReader(file)] == [("show.mp4", "1")]
    assert cv2.imread(str(folder / "leaks" / "leak.png")).shape[1] == 1100


def test_classes_come_from_the_run_unless_named(folder, capsys):
    leak(folder / "show.mp4", "--detections", folder / "out")
    assert "visits of clown (" in capsys.readouterr().out


def test_a_detector_on_frames_alone(folder, capsys, monkeypatch):
    class Blinks:
        name, classes, device, floor, sure = "blinks", ("face",), "nowhere", 0.1, 0.5

        def __call__(self, pictures):
            return [make_detections([(16, 8, 48, 40), (0, 0, 9, 9)], [0.9, 0.4], [0, 0]) for _ in pictures]

    monkeypatch.setattr("mrcnn.detectors.open_named", lambda name, **options: Blinks())
    leak(folder, "--detector", "blinks", "--same", "face=clown")
    printed = capsys.readouterr().out
    assert "1 of 1 visits of clown (100.0%) were never bare" in printed
    assert "0.00%" in printed.splitlines()[1]  # the weak sighting in the corner covers nothing


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["nothing.mp4", "--detector", "haar"], "nothing.mp4: no such file"),
        (["out", "--detector", "haar"], "holds no .*truth.jsonl"),
        (["out/show.mp4", "--detector", "haar"], "its truth show.truth.jsonl is not beside it"),
        (["show.mp4", "--masked", "out/show.mp4", "--class", "dog"], "--class dog: the truth has clown, nface"),
        (["show.mp4", "--masked", "out/other.mp4"], "other.mp4: no such file"),
        (["show.mp4", "--detections", "."], "holds none of show.masked.mp4.detections.jsonl"),
        (["show.mp4", "--masked", "."], "holds none of show.masked.mp4"),
        (["show.mp4", "--masked", "out", "--threshold", "1.5"], "--threshold 1.5: expected 0 to 1"),
        (["show.mp4", "--masked", "out", "--score", "0.3"], "--score and --same belong to --detector"),
        (["show.mp4", "--detector", "haar", "--same", "face"], "expected FOUND=TRUTH"),
        (["show.mp4", "--detector", "haar", "--score", "nan"], "--score nan: expected a score between 0 and 1"),
        (["show.mp4", "--detector", "haar", "--margin", "inf"], "--margin inf: expected 0 to 100"),
        (["show.mp4", "--detector", "haar", "--height", "nan"], "--height nan: expected 0 to"),
        (["show.mp4", "--truth", "a.jsonl", "b.jsonl", "--masked", "out"], "--truth names 2 files for 1 videos"),
    ],
)
def test_what_the_user_can_mend_is_said(folder, argv, words, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(UserError, match=words):
        leak(*argv, "-o", "new/leaks")
    assert not (folder / "new").exists()


def test_the_cover_of_another_video_is_refused(folder, capsys):
    """Of the same name, size and length: only the hash tells."""
    path = folder / "out" / "show.mp4.detections.jsonl"
    first, *rest = path.read_text().splitlines()
    for content, code in ((folder / "show.mp4").read_bytes(), 0), (b"another", 2):
        header = json.loads(first) | {"sha256": hashlib.sha256(content).hexdigest()}
        path.write_text("\n".join([json.dumps(header), *rest]) + "\n")
        assert at_the_edge(main, ["leak", str(folder), "--detections", str(folder / "out"), "--quiet"]) == code
    assert "show.mp4.detections.jsonl was made from another video than" in capsys.readouterr().err
    with pytest.raises(UserError, match="was made from another video"):
        recorded_leaks([folder], [folder / "out"])


def test_a_masked_video_of_other_times_is_refused(tmp_path, capsys):
    picture, found = cv2.resize(scenery(), CLIP[::-1]), make_detections([(16, 8, 48, 40)], [1.0], [0], [7])
    with DetectionsWriter(tmp_path / "show.truth.jsonl", Header(64, 48, ("clown",), "show.mp4")) as writer:
        for index in range(4):
            writer.write(FrameObjects(index, index / 10, found))
    write_clip(tmp_path / "show.mp4", [picture] * 4)
    write_clip(tmp_path / "fast.mp4", [picture] * 4, rate=20)
    write_clip(tmp_path / "late.mp4", [picture] * 4, times=(0, 0.1, 0.26, 0.3))
    write_clip(tmp_path / "uneven.mp4", [picture] * 4, times=(0, 0.1, 0.22, 0.3))
    for name, code, told in (("fast", 2, "frame 1 0.050 s after"), ("late", 2, "frame 2 0.260 s"), ("uneven", 0, "")):
        argv = ["leak", str(tmp_path / "show.mp4"), "--masked", str(tmp_path / f"{name}.mp4"), "--quiet"]
        assert at_the_edge(main, argv) == code
        shown = capsys.readouterr().err
        assert told in shown and shown.count("\n") == (code > 0)


def test_classes_that_do_not_meet_are_refused(folder):
    cases = leak_files.find_cases([folder])
    with pytest.raises(UserError, match="the truth has clown, nface, the cover was made for face"):
        leak_files.classes_to_hide(cases, (), ("face",))
