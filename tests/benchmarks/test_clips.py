import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

from benchmarks import clips, crowd, singles
from benchmarks.clips import FACE, IGNORED, PLANS, Plan
from common.detections import make_detections, read_header
from data.camera import View
from data.made_frame import FrameObjects, Sighting, describe

SINGLES = [name for name, plan in PLANS.items() if plan.needs is None]
needs_photograph = pytest.mark.skipif(not crowd.PHOTOGRAPH.exists(), reason="the street photograph is in ../shared")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    clips.render(PLANS["vfr"], folder / "vfr.mp4", folder / "vfr.jsonl", frames=20)
    return clips.Clip("vfr", folder / "vfr.mp4", folder / "vfr.jsonl")


def test_video_and_truth_have_the_same_frames_at_the_same_times(rendered):
    with av.open(str(rendered.video)) as file:
        times = [frame.time for frame in file.decode(video=0)]
    truth = [objects.time for objects in rendered.objects()]
    assert len(times) == len(truth) == 20
    assert times == pytest.approx(truth, abs=0.001)
    assert len({round(b - a, 3) for a, b in itertools.pairwise(times)}) > 3  # uneven, as promised


def test_the_truth_is_a_detections_file_with_masks(rendered):
    header = read_header(rendered.truth)
    assert (header.size, header.classes) == ((360, 640), ("face", "ignored"))
    first = next(iter(rendered.objects())).detections
    assert first.tracker_id.tolist() == [1]
    assert first.mask.shape == (1, 360, 640)


@pytest.mark.parametrize("name", SINGLES)
def test_each_clip_shows_what_it_is_named_for(name, monkeypatch):
    """Every 6th frame is enough to see it; only the truth is looked at, so the pictures are left black."""
    monkeypatch.setattr(singles, "_shoot", lambda *_: np.zeros((*singles.SIZE, 3), np.float32))
    monkeypatch.setattr(singles, "_sense", lambda *_: np.zeros((*singles.SIZE, 3), np.uint8))
    seen = [frame.objects.detections for frame in itertools.islice(PLANS[name].frames(), 0, 96, 6)]
    shares = [float(found.confidence.max(initial=0)) for found in seen]
    heights = [float((found.xyxy[:, 3] - found.xyxy[:, 1]).max(initial=0)) for found in seen]
    assert max(shares) == 1.0
    if name in ("occlusion", "exits", "cuts"):
        assert min(shares) < 0.1
    if name == "crossing":
        assert {number for found in seen for number in found.tracker_id.tolist()} == {1, 2}
        assert [found.tracker_id.tolist() for found in seen].count([2]) >= 1  # the one behind is hidden
    if name == "zoom":
        assert min(heights) < 36 and max(heights) > 280
    if name == "turn":
        widths = [float(found.xyxy[0, 2] - found.xyxy[0, 0]) for found in seen]
        assert min(widths) < 0.75 * max(widths)


def test_the_dark_clip_is_dark_in_the_middle():
    light = [frame.picture.mean() for frame in itertools.islice(singles.dark(), 0, 72, 18)]
    assert light[0] > 100 and light[3] < 15


def test_half_visible_and_ten_pixels_high_counts():
    boxes = np.array([[0, 0, 9, 10], [0, 0, 9, 9], [0, 0, 50, 50], [0, 0, 50, 50]])
    objects = FrameObjects(0, 0.0, make_detections(boxes, [0.5, 1.0, 0.49, 1.0], [0, 0, 0, 1]))
    assert clips.counted(objects).detections.class_id.tolist() == [FACE, IGNORED, IGNORED, IGNORED]


def test_a_sighting_knows_its_share_and_its_box():
    mask = np.zeros((4, 6), bool)
    mask[1:3, 2:5] = True
    found = describe(3, 0.1, [Sighting(7, 10, 20, mask, area=12.0)], (40, 40)).detections
    assert found.xyxy.tolist() == [[12, 21, 15, 23]]
    assert found.confidence.tolist() == [0.5] and found.tracker_id.tolist() == [7]
    assert np.asarray(found.mask)[0, 21:23, 12:15].all() and np.asarray(found.mask).sum() == 6
    assert len(describe(3, 0.1, [Sighting(7, 10, 20, np.zeros((4, 6), bool), 12.0)], (40, 40)).detections) == 0


def test_a_clip_is_rendered_once_and_anew_when_its_plan_changes(tmp_path):
    calls = []

    def few():
        calls.append(1)
        yield from itertools.islice(singles.zoom(), 2)

    first = clips.made(Plan("tiny", "", few), tmp_path)
    assert clips.made(Plan("tiny", "", few), tmp_path) == first and len(calls) == 1
    assert clips.made(Plan("tiny", "", few, crf=40), tmp_path) != first and len(calls) == 2
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".jsonl", ".jsonl", ".mp4", ".mp4"]


def test_a_clip_says_what_it_lacks(tmp_path):
    assert Plan("x", "", singles.zoom, needs=tmp_path / "absent.jpg").missing == f"{tmp_path / 'absent.jpg'} is absent"
    assert Plan("x", "", singles.zoom).missing is None


def test_marked_faces_lie_in_the_photograph():
    for ellipse in (*crowd.marks().faces, *crowd.marks().ignored):
        left, top, right, bottom = ellipse.box()
        assert -1 <= left < right <= 801 and 0 <= top < bottom <= 564
    assert len(crowd.marks().faces) == 19


@pytest.mark.shared
@needs_photograph
def test_the_crowd_camera_never_looks_past_the_photograph():
    for view in crowd.views(crowd.FRAMES)[::7]:
        inverse = np.linalg.inv(np.vstack([view.matrix(crowd.SIZE), [0, 0, 1]]))
        for corner in ([0, 0, 1], [639, 0, 1], [0, 359, 1], [639, 359, 1]):
            x, y, _ = inverse @ np.array(corner, float)
            assert -0.01 <= x <= 799.01 and -0.01 <= y <= 563.01


@pytest.mark.shared
@needs_photograph
def test_the_crowd_moves_with_its_truth(tmp_path):
    """What the truth marks in one frame looks like what it marks in the next, after the camera's shake is undone."""
    first, second = itertools.islice(crowd.frames(light=1.0, noise=0.0), 0, 9, 8)
    one, other = (
        {n: box for n, box in zip(f.objects.detections.tracker_id, f.objects.detections.xyxy, strict=True)}
        for f in (first, second)
    )
    left, top, right, bottom = (int(v) for v in one[15])
    dx, dy = (round(float(v)) for v in other[15][:2] - one[15][:2])
    before = first.picture[top:bottom, left:right].astype(float)
    after = second.picture[top + dy : bottom + dy, left + dx : right + dx].astype(float)
    assert abs(dx) + abs(dy) > 3
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.9


def test_the_clip_file_can_be_silent_and_has_the_colour_tags(rendered):
    with av.open(str(rendered.video)) as file:
        assert not file.streams.audio
        context = file.streams.video[0].codec_context
        assert (int(context.colorspace), int(context.color_range)) == (1, 1)
        assert file.streams.video[0].time_base <= Fraction(1, 1000)


def test_views_are_smooth_between_their_keys():
    views = singles._views([(0, 100, 100, 1.0), (10, 200, 100, 2.0)], np.arange(11, dtype=float), seed=1, unrest=0.0)
    assert views[0] == View(100.0, 100.0, 1.0, 0.0) and views[-1] == View(200.0, 100.0, 2.0, 0.0)
    assert all(b.x >= a.x for a, b in itertools.pairwise(views))
