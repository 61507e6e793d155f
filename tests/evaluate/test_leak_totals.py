"""Leaks of several videos added up: what is not known is not said, and nothing counts twice."""

import csv
import shutil

import numpy as np
import pytest
from matplotlib.axes import Axes

from common.detections import DetectionsWriter, FrameObjects, Header, make_detections
from common.errors import UserError
from evaluate import leak_output
from evaluate.leak import FrameRow, VideoLeak, Visit
from evaluate.leak_files import find_cases
from evaluate.leak_totals import totals


def video(name, longest, seconds, tracked=True):
    visit = Visit(1, "clown", 0, 0.0, 2.0, 20, longest, longest, 0, seconds, 2, 200, 100)
    rows = tuple(FrameRow(index, index / 10, 1, 0, 10, 5, 0.0, 0.0) for index in range(20))
    return VideoLeak(name, rows, (visit,), 2.0, tracked)


def test_the_longest_leak_is_one_leak():
    """12 frames of a fast clip are shorter than 10 of a slow one."""
    of_all = totals([video("fast", 12, 0.2), video("slow", 10, 0.4)])
    assert (of_all.longest, of_all.longest_seconds) == (10, 0.4)


def test_without_tracks_runs_and_changes_are_not_known(tmp_path):
    videos = [video("show", 1, 0.1, tracked=False)]
    of_all = totals(videos)
    assert (of_all.longest, of_all.longest_seconds, of_all.flicker) == (None, None, None)
    assert [leak_output.cells("show", of_all)[place] for place in (1, 5, -1)] == ["–"] * 3
    leak_output.write(tmp_path, videos, ("clown",), {})
    assert list(csv.DictReader((tmp_path / "leak_visits.csv").open())) == []


@pytest.fixture
def folder(tmp_path):
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        with DetectionsWriter(tmp_path / place / "show.truth.jsonl", Header(64, 48, ("clown",))) as writer:
            writer.write(FrameObjects(0, 0.0, make_detections(np.array([(1, 1, 20, 20)]), [1.0], [0], [1])))
    return tmp_path


def test_a_video_that_is_given_twice_is_refused(folder):
    with pytest.raises(UserError, match=r"show\.truth\.jsonl is given twice; name each video once"):
        find_cases([folder / "a", folder / "a" / "show.truth.jsonl"])


def test_videos_of_one_name_keep_their_own_rows(folder):
    assert [case.name for case in find_cases([folder / "a", folder / "b"])] == [
        str(folder / place / "show") for place in ("a", "b")
    ]
    shutil.rmtree(folder / "b")
    assert [case.name for case in find_cases([folder / "a"])] == ["show"]


def test_the_timeline_of_many_videos_shows_those_that_leak_most(monkeypatch):
    monkeypatch.setattr(leak_output, "STRIPS", 2)
    drawn = []
    monkeypatch.setattr(Axes, "set_title", lambda axis, name, **_: drawn.append(name))
    leaking = {"a": 1, "b $x$ 笑": 5, "c": 0, "d": 3}
    videos = [
        VideoLeak(name, tuple(FrameRow(n, n / 10, 1, int(n < times), 10, 5, 0.0, 0.0) for n in range(6)), (), 0.6)
        for name, times in leaking.items()
    ]
    leak_output.timeline(videos)
    assert drawn == ["b $x$ 笑", "d"]
