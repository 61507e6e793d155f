"""The main job on small clips, with a detector that sees what the test says, and with faults put in its way."""

import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest
import supervision as sv
from media import ClipSpec, Sound, click_times, make, packets_of, read_number
from seen import BOX, Steady, difference, lumas, names

from common.detections import make_detections, read_detections
from common.errors import DamagedSourceError, UserError
from common.video.writer import EncodeSettings
from infer.effects.fill import Fill
from infer.pipeline import detect_video, hide_video, render_video
from infer.settings import Cover, HideSettings, Search

BLACK = HideSettings(cover=Cover("fill", shape="box", grow="0", feather="0"), encode=EncodeSettings(crf=10))
# The numbers in the pictures jump from frame to frame, which linking takes for motion: exact boxes need it off.
ALONE = replace(BLACK, search=Search(link=False))
INSIDE = (slice(22, 42), slice(32, 58))  # rows and columns well inside BOX
OUTSIDE = (slice(0, 16), slice(0, 96))


def without_hash(lines):
    """The text of a detections file that does not say which file it was made from."""
    return re.sub(r'"sha256":"[0-9a-f]*"', '"sha256":""', lines.read_text())


@pytest.fixture
def clip(tmp_path):
    return make(ClipSpec(size=(64, 96), frames=40, sounds=(Sound(),), texture=4), tmp_path)


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "masked.mp4"


def test_the_object_is_covered_in_every_frame_and_the_rest_stays(clip, out):
    report = hide_video(clip, out, ALONE, detector=Steady())
    before, after = lumas(clip), lumas(out)
    assert len(after) == len(before) == 40
    for old, new in zip(before, after, strict=True):
        assert new[INSIDE].max() < 30
        assert difference(old[OUTSIDE], new[OUTSIDE]) < 3
    assert packets_of(out, "audio") == packets_of(clip, "audio")
    assert report.totals.frames == 40
    assert report.totals.appearances == {"face": 40}
    assert names(out.parent) == {
        "masked.mp4",
        "masked.mp4.detections.jsonl",
        "masked.mp4.report.json",
        "masked.mp4.report.html",
    }


def test_the_report_names_what_was_done_with_what(clip, out):
    hide_video(clip, out, ALONE, detector=Steady(), argv=["video", "clip.mp4"])
    report = json.loads((out.parent / "masked.mp4.report.json").read_text())
    assert report["argv"] == ["video", "clip.mp4"]
    assert report["model"] == "steady on here"
    assert report["anonymises"] == "yes"
    assert set(report["hashes"]) == {"source", "output", "detections"}
    assert report["totals"]["mean_share"] == pytest.approx(30 * 24 / (64 * 96))


def test_a_fragment_is_frame_exact_and_its_sound_stays_in_step(clip, out):
    hide_video(clip, out, replace(BLACK, start=0.4, end=1.2), detector=Steady(lambda number: []))
    with_numbers = [read_number(picture) for picture in lumas(out)]
    assert with_numbers == list(range(10, 30))  # 25 frames a second
    assert click_times(out) == pytest.approx([0.1, 0.6], abs=1 / 25)


def test_a_frame_that_cannot_be_analysed_is_covered_whole(clip, out):
    def rule(number):
        if number in (7, 8, 21):
            raise RuntimeError("out of memory")
        return []

    report = hide_video(clip, out, BLACK, detector=Steady(rule))
    for number, picture in enumerate(lumas(out)):
        assert (picture.max() < 30) == (number in (7, 8, 21)), number
    assert sum(report.totals.whole_frames.values()) == 3
    assert "out of memory" in next(iter(report.totals.whole_frames))
    assert report.exit_code(strict=True) == 4
    assert report.exit_code(strict=False) == 0


def test_or_the_run_stops_there_and_leaves_nothing(clip, out):
    def rule(number):
        if number == 7:
            raise RuntimeError("out of memory")
        return []

    with pytest.raises(UserError, match=r"frame 7 at 0.280 s: analysis failed: RuntimeError: out of memory"):
        hide_video(clip, out, replace(BLACK, search=Search(stop_on_error=True)), detector=Steady(rule))
    assert names(out.parent) == set()


def test_a_fault_while_rendering_leaves_nothing(clip, out, monkeypatch):
    painted = []

    def paint(self, canvas, patch):
        painted.append(patch)
        if len(painted) == 20:
            raise MemoryError

    monkeypatch.setattr(Fill, "paint", paint)
    with pytest.raises(MemoryError):
        hide_video(clip, out, BLACK, detector=Steady())
    assert names(out.parent) == set()


def test_an_existing_output_survives_a_run_that_fails(clip, out):
    def broken(number):
        raise RuntimeError

    out.write_bytes(b"precious")
    with pytest.raises(UserError, match="--overwrite"):
        hide_video(clip, out, BLACK, detector=Steady())
    failing = replace(BLACK, overwrite=True, search=Search(stop_on_error=True))
    with pytest.raises(UserError):
        hide_video(clip, out, failing, detector=Steady(broken))
    assert out.read_bytes() == b"precious"


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_input_is_never_the_output(clip, overwrite):
    before = clip.read_bytes()
    link = clip.with_name("link.mp4")
    link.symlink_to(clip)
    for target in (clip, link):
        with pytest.raises(UserError, match="is the input itself"):
            hide_video(clip, target, replace(BLACK, overwrite=overwrite), detector=Steady())
    assert clip.read_bytes() == before


def test_what_cannot_be_kept_is_refused_before_the_first_frame_is_analysed(tmp_path, out):
    clip = make(ClipSpec(sounds=(Sound(),)), tmp_path)
    detector = Steady()
    with pytest.raises(UserError, match="WebM"):
        hide_video(clip, out.with_suffix(".webm"), BLACK, detector=detector)
    assert detector.calls == 0
    assert names(out.parent) == set()


def test_a_damaged_source_is_refused_and_on_request_its_bad_frames_are_covered_whole(tmp_path, out):
    clip = make(ClipSpec(frames=40, texture=20, options={"g": "10", "bf": "0"}), tmp_path)
    data = bytearray(clip.read_bytes())
    middle = data.find(b"mdat") + (len(data) - data.find(b"mdat")) // 2
    data[middle : middle + 400] = bytes(400)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    with pytest.raises(DamagedSourceError, match="--allow-damaged") as error:
        hide_video(broken, out, BLACK, detector=Steady(lambda number: []))
    assert error.value.exit_code == 3
    assert names(out.parent) == set()

    report = hide_video(broken, out, replace(BLACK, allow_damaged=True), detector=Steady(lambda number: []))
    whole = [objects.index for objects in read_detections(out.parent / "masked.mp4.detections.jsonl") if objects.whole]
    pictures = lumas(out)
    assert report.damage
    assert whole
    assert len(pictures) == 40
    assert [number for number, picture in enumerate(pictures) if picture.max() < 30] == whole


def test_hand_edits_are_rendered_without_looking_again(clip, out):
    hide_video(clip, out, ALONE, detector=Steady())
    lines = out.with_name("masked.mp4.detections.jsonl").read_text().splitlines()
    for place in range(1, 21):
        frame = json.loads(lines[place])
        frame["objects"] = [{"class": "face", "box": [0, 0, 20, 12]}] if frame["frame"] < 10 else []
        lines[place] = json.dumps(frame)
    edited = out.with_name("edited.jsonl")
    edited.write_text("\n".join(lines))
    again = out.with_name("again.mp4")
    report = render_video(clip, edited, again, BLACK)
    for number, (old, new) in enumerate(zip(lumas(clip), lumas(again), strict=True)):
        assert (new[2:10, 2:18].max() < 30) == (number < 10)
        assert (new[INSIDE].max() < 30) == (number >= 20)
        assert difference(old[48:], new[48:]) < 3
    assert report.model == "given detections"


def test_a_detections_file_of_another_clip_is_refused(clip, out, tmp_path):
    lines = out.with_name("lines.jsonl")
    detect_video(clip, lines, replace(BLACK, end=1.0), detector=Steady())
    with pytest.raises(UserError, match="fewer frames than the video"):
        render_video(clip, lines, out, BLACK)
    lines.write_text(without_hash(lines))
    slow = make(ClipSpec(name="slow.mp4", frames=30, size=(64, 96), rate=10), tmp_path)
    with pytest.raises(UserError, match="expected the file that was made from this video"):
        render_video(slow, lines, out, BLACK)
    small = make(ClipSpec(name="small.mp4", frames=30, size=(32, 48)), tmp_path)
    with pytest.raises(UserError, match="48"):
        render_video(small, lines, out, BLACK)
    assert names(out.parent) == {"lines.jsonl"}


def test_every_third_frame_analysed_still_covers_every_frame(clip, out):
    detector = Steady()
    hide_video(clip, out, replace(BLACK, search=Search(every=3)), detector=detector)
    assert detector.calls < 40
    assert all(picture[INSIDE].max() < 30 for picture in lumas(out))


def test_without_linking_each_frame_stands_alone(clip, out):
    def rule(number):
        return [] if number == 20 else [BOX]

    for name, linked in (("linked.mp4", True), ("alone.mp4", False)):
        target = out.with_name(name)
        hide_video(clip, target, replace(BLACK, search=Search(link=linked)), detector=Steady(rule))
        bare = [number for number, picture in enumerate(lumas(target)) if picture[INSIDE].max() >= 30]
        assert bare == ([] if linked else [20])


def test_an_empty_fragment_says_how_long_the_video_is(clip, out):
    with pytest.raises(UserError, match=r"no frame between 5 s and the end; the video lasts 1.60 s"):
        hide_video(clip, out, replace(BLACK, start=5), detector=Steady())
    with pytest.raises(UserError, match="not after its start"):
        hide_video(clip, out, replace(BLACK, start=1, end=0.5), detector=Steady())


def test_frames_passed_over_beside_a_failure_are_covered_whole_too(clip, out):
    def broken(number):
        raise RuntimeError("no memory")

    report = hide_video(clip, out, replace(BLACK, search=Search(every=3)), detector=Steady(broken))
    assert all(picture.max() < 30 for picture in lumas(out))
    assert sum(report.totals.whole_frames.values()) == 40


def test_passing_frames_over_needs_linking():
    with pytest.raises(UserError, match="--no-track"):
        Search(every=3, link=False)


NAN = float("nan")


def spoilt(name, value):
    found = make_detections(np.array([BOX]), [0.9], [0])
    setattr(found, name, value)
    return found


NONSENSE = {
    "nothing": None,
    "a list": [],
    "no scores": sv.Detections(xyxy=np.array([BOX])),
    "score not a number": make_detections(np.array([BOX]), [NAN], [0]),
    "score above 1": make_detections(np.array([BOX]), [7.0], [0]),
    "box not a number": spoilt("xyxy", np.array([[NAN, 0, 10, 10]])),
    "box inside out": make_detections(np.array([[50, 40, 30, 20]]), [0.9], [0]),
    "class below 0": make_detections(np.array([BOX]), [0.9], [-1]),
    "class too high": make_detections(np.array([BOX]), [0.9], [1]),
    "mask of another size": make_detections(np.array([BOX]), [0.9], [0], masks=np.ones((1, 32, 48), bool)),
}


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("name", NONSENSE)
def test_an_answer_that_makes_no_sense_is_not_taken_for_nothing(name, linked, clip, out):
    class Confused(Steady):
        def __call__(self, pictures):
            return [NONSENSE[name] for _ in pictures]

    settings = replace(BLACK, search=Search(link=linked), end=0.2)
    report = hide_video(clip, out, settings, detector=Confused())
    assert all(picture.max() < 30 for picture in lumas(out))
    assert sum(report.totals.whole_frames.values()) == 5


def test_the_source_is_never_replaced_by_its_detections_or_its_preview(clip, out):
    before = clip.read_bytes()
    over = replace(BLACK, overwrite=True)
    with pytest.raises(UserError, match="is the input itself"):
        detect_video(clip, clip, over, detector=Steady())
    with pytest.raises(UserError, match=r"ends in \.png"):
        hide_video(clip, out, replace(over, preview=clip), detector=Steady())
    with pytest.raises(UserError, match="another output"):
        hide_video(clip, out.with_suffix(".png"), replace(over, preview=out.with_suffix(".png")), detector=Steady())
    assert clip.read_bytes() == before


def test_damage_met_only_while_rendering_is_refused_and_reported(clip, out, tmp_path):
    lines = tmp_path / "lines.jsonl"
    detect_video(clip, lines, BLACK, detector=Steady(lambda number: []))
    data = bytearray(clip.read_bytes())
    middle = data.find(b"mdat") + (len(data) - data.find(b"mdat")) // 2
    data[middle : middle + 400] = bytes(400)
    clip.write_bytes(data)
    lines.write_text(without_hash(lines))
    with pytest.raises(DamagedSourceError):
        render_video(clip, lines, out, BLACK)
    assert names(out.parent) == set()
    report = render_video(clip, lines, out, replace(BLACK, allow_damaged=True))
    covered = [number for number, picture in enumerate(lumas(out)) if picture.max() < 30]
    assert covered
    assert sum(report.totals.whole_frames.values()) == len(covered)
    assert report.damage


def test_a_detections_file_longer_than_the_video_is_refused(clip, out):
    lines = out.with_name("lines.jsonl")
    detect_video(clip, lines, BLACK, detector=Steady())
    with pytest.raises(UserError, match="more frames than the video"):
        render_video(clip, lines, out, replace(BLACK, end=1.0))


def test_the_background_counts_as_covered_where_nothing_was_found(clip, out):
    settings = replace(BLACK, cover=Cover("background"))
    report = hide_video(clip, out, settings, detector=Steady(lambda number: []))
    assert report.totals.mean_share == 1.0


def test_detections_of_another_file_are_refused_however_alike_it_is(clip, out, tmp_path):
    lines = tmp_path / "lines.jsonl"
    detect_video(clip, lines, BLACK, detector=Steady())
    other = make(ClipSpec(name="other.mp4", size=(64, 96), frames=40, sounds=(Sound(),), texture=5), tmp_path)
    with pytest.raises(UserError, match="made from another file"):
        render_video(other, lines, out, BLACK)
    assert names(out.parent) == set()


def test_a_source_that_changes_on_the_way_is_noticed(clip, out):
    def touch(number):
        os.utime(clip, ns=(1, 1))
        return []

    with pytest.raises(UserError, match="was changed while it was being read"):
        hide_video(clip, out, BLACK, detector=Steady(touch))
    assert names(out.parent) == set()
