import itertools

import numpy as np
import pytest

from benchmarks import clips, sightings
from benchmarks.clips import PLANS
from common.detections import make_detections

SIZE = (90, 160)


@pytest.mark.parametrize(
    "box", [[60, 30, 90, 66], [-4, 10, 25, 40], [130, 60, 170, 95], [20.7, 20.2, 41.9, 50.6]], ids=str
)
def test_the_region_is_what_deface_really_changes(box):
    deface = pytest.importorskip("deface.deface")
    before = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    after = before.copy()
    faces = np.array([[*box, 0.9]], np.float32)
    deface.anonymize_frame(faces, after, 1.3, "blur", True, False, None, 20)
    changed = (before != after).any(axis=2)
    region = sightings.deface_region(faces[:, :4], SIZE)
    assert not (changed & ~region).any()
    assert changed.sum() > 0.99 * region.sum()  # a blurred pixel may by chance keep its value


def test_no_faces_no_region():
    assert not sightings.deface_region(np.zeros((0, 4)), SIZE).any()


def test_deface_finds_the_portrait_and_prints_nothing_to_stdout(capsys):
    import skimage.data

    (found,) = sightings.Deface()([skimage.data.astronaut()])
    assert capsys.readouterr().out == ""
    left, top, right, bottom = found.xyxy[found.confidence.argmax()]
    assert left < 223 < right and top < 132 < bottom


class Counting:
    """Sees one box a frame, numbered in its score."""

    name, classes, device, floor, sure = "counting", ("face",), "cpu", 0.05, 0.6

    def __init__(self):
        self.seen = 0

    def __call__(self, pictures):
        found = []
        for _ in pictures:
            count = self.seen % 3
            scores = [0.1 * (self.seen + 1)] * count
            found.append(make_detections(np.tile([1, 2, 3, 4 + self.seen], (count, 1)), scores, [0] * count))
            self.seen += 1
        return found


def test_a_clip_is_looked_at_once_frame_by_frame(tmp_path, monkeypatch):
    clips.render(PLANS["zoom"], tmp_path / "a.mp4", tmp_path / "a.jsonl", frames=6)
    detector = Counting()
    monkeypatch.setattr(sightings, "open_detector", lambda name: detector)
    first = sightings.look("counting", tmp_path / "a.mp4", tmp_path / "cache")
    again = sightings.look("counting", tmp_path / "a.mp4", tmp_path / "cache")
    assert detector.seen == 6
    assert [len(faces) for faces in first.frames] == [0, 1, 2, 0, 1, 2]
    assert (first.sure, first.floor) == (0.6, 0.05)
    assert all((a == b).all() for a, b in zip(first.frames, again.frames, strict=True))
    assert first.detections(4).xyxy.tolist() == [[1, 2, 3, 8]]
    assert len(first.detections(2, least=0.35)) == 0 and len(first.detections(2, least=0.25)) == 2


def test_another_clip_or_version_is_looked_at_anew(tmp_path, monkeypatch):
    for name, crf_plan in (("a", PLANS["zoom"]), ("b", PLANS["turn"])):
        clips.render(crf_plan, tmp_path / f"{name}.mp4", tmp_path / f"{name}.jsonl", frames=2)
    detector = Counting()
    monkeypatch.setattr(sightings, "open_detector", lambda name: detector)
    editions = itertools.count()
    for name in ("a", "b"):
        sightings.look("counting", tmp_path / f"{name}.mp4", tmp_path)
    assert detector.seen == 4
    monkeypatch.setattr(sightings, "_edition", lambda name: f"newer {next(editions)}")
    sightings.look("counting", tmp_path / "a.mp4", tmp_path)
    assert detector.seen == 6
