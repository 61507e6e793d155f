import json

import numpy as np
import pytest

from benchmarks import clips, leak
from benchmarks.cli import COMMANDS, main
from benchmarks.clips import PLANS, Clip
from benchmarks.sightings import Sightings
from common.detections import read_detections

FRAMES = 24
MISSED = (6, 7, 13)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("leak")
    clips.render(PLANS["occlusion"], folder / "clip.mp4", folder / "truth.jsonl", frames=FRAMES)
    return Clip("clip", folder / "clip.mp4", folder / "truth.jsonl")


def seen_but(clip: Clip, missed: tuple[int, ...]) -> Sightings:
    """A detector that sees the true boxes, except in some frames."""
    frames = []
    for objects in read_detections(clip.truth):
        boxes = np.zeros((0, 4)) if objects.index in missed else objects.detections.xyxy
        frames.append(np.column_stack([boxes, np.full(len(boxes), 0.9)]).astype(np.float32))
    return Sightings(tuple(frames), sure=0.5, floor=0.12)


@pytest.fixture()
def seeing(clip, monkeypatch):
    monkeypatch.setattr(leak, "look", lambda name, video, cache: seen_but(clip, MISSED))


def test_each_frame_alone_leaks_where_nothing_was_seen_and_linking_does_not(clip, seeing, tmp_path):
    bench = leak.Workbench(clip, "centerface", tmp_path)
    reports = {row.name: leak.measure_row(bench, row) for row in leak.rows()}
    alone = reports["each frame alone, threshold 0.2"]
    assert (alone.appearances, alone.covered, alone.leak_frames) == (FRAMES, FRAMES - 3, 3)
    assert (alone.events, alone.longest) == (2, 2)
    assert [(event.first, event.frames) for event in alone.longest_events] == [(6, 2), (13, 1)]
    deface = reports["deface (threshold 0.2, mask scale 1.3)"]
    assert (deface.covered, deface.events) == (FRAMES - 3, 2)
    for name in ("+ gaps filled", "+ smoothing: everything", "everything, each 2nd frame analysed"):
        assert (reports[name].covered, reports[name].events) == (FRAMES, 0)
    assert 0 < reports["+ smoothing: everything"].outside < 0.2


def test_the_command_prints_a_table_and_writes_json(clip, seeing, tmp_path, capsys):
    numbers = tmp_path / "numbers.json"
    arguments = ["leak", "--clip", str(clip.video), "--truth", str(clip.truth), "--cache", str(tmp_path)]
    assert main([*arguments, "--rows", "alone", "--events", "1", "--json", str(numbers)]) == 0
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line for line in lines if line.startswith("| each frame alone")]
    assert [cell.strip() for cell in row.split("|")][2:6] == ["87.50%", f"3/{FRAMES}", "2", "2"]
    assert "  leak: object 1, frames 6..7" in lines
    (entry,) = json.loads(numbers.read_text())
    assert (entry["row"], entry["events"], entry["covered_share"]) == ("each frame alone, threshold 0.2", 2, 0.875)


def test_truth_that_does_not_belong_to_the_clip_is_refused(clip, seeing, tmp_path, capsys):
    short = tmp_path / "short.jsonl"
    short.write_text("".join(clip.truth.read_text().splitlines(keepends=True)[:-3]))
    assert main(["leak", "--clip", str(clip.video), "--truth", str(short), "--rows", "alone"]) == 2
    assert "one line for each frame" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["leak", "--clip", "a.mp4"], "--clip and --truth belong together"),
        (["leak", "--rows", "nonsense"], "matches none of"),
        (["leek"], "unknown benchmark 'leek'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments, said, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_clips_without_their_photograph_are_skipped_with_a_line(tmp_path, monkeypatch, capsys):
    absent = clips.Plan("crowd", "", PLANS["crowd"].frames, needs=tmp_path / "absent.jpg")
    monkeypatch.setitem(leak.PLANS, "crowd", absent)
    assert main(["leak", "--clips", "crowd", "--cache", str(tmp_path)]) == 0
    assert capsys.readouterr().err == f"crowd is skipped: {tmp_path / 'absent.jpg'} is absent\n"


def test_help_lists_every_benchmark(capsys):
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in COMMANDS)
