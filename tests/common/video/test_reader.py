"""Every frame once, in order, at its time; fragments to the frame; no healthy file called damaged."""

import gc
from pathlib import Path

import numpy as np
import psutil
import pytest
from clips import CLIPS
from edit_lists import cut_by_edit_list
from media import ClipSpec, Sound, frame_times, make, read_number

from common.errors import UserError
from common.video.reader import FrameReader

SHARED = Path(__file__).parents[4] / "shared" / "media"
X264 = {"g": "8", "threads": "1"}

# Beside the matrix: reordering, hidden references, open groups of pictures, refresh without key frames.
MORE = {
    "avi_reordered": ClipSpec("reordered.avi", options=X264 | {"bf": "3"}),
    "avi_mpeg4_reordered": ClipSpec("reordered4.avi", "mpeg4", options={"g": "8", "bf": "2", "qscale": "3"}),
    "vp8_hidden": ClipSpec(
        "vp8.webm",
        "libvpx",
        texture=10,
        options={"g": "15", "auto-alt-ref": "1", "lag-in-frames": "10", "b": "100k"},
    ),
    "vp9_hidden": ClipSpec(
        "vp9.webm",
        "libvpx-vp9",
        texture=10,
        options={"g": "15", "auto-alt-ref": "1", "lag-in-frames": "20", "cpu-used": "5"},
    ),
    "flv": ClipSpec("clip.flv", options=X264, sounds=(Sound(),)),
    "wmv": ClipSpec("clip.asf", "wmv2", options={"g": "8", "qscale": "3"}),
    "open_gop_h264": ClipSpec("open.mp4", options=X264 | {"bf": "3", "x264-params": "open-gop=1:scenecut=0"}),
    "open_gop_hevc": ClipSpec(
        "open.mkv",
        "libx265",
        options={"x265-params": "open-gop=1:keyint=8:min-keyint=8:scenecut=0:bframes=3:log-level=none"},
    ),
    "intra_refresh": ClipSpec("refresh.mp4", size=(144, 256), options=X264 | {"bf": "0", "intra-refresh": "1"}),
}
ALL = CLIPS | MORE


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


def numbers_and_times(reader):
    return [(read_number(frame.picture), frame.time) for frame in reader]


@pytest.mark.parametrize("name", ALL)
def test_every_frame_of_a_healthy_clip_comes_once_at_its_time_and_undamaged(name, folder):
    spec = ALL[name]
    path = make(spec, folder)
    with FrameReader(path) as reader:
        frames = [(read_number(f.picture), f.index, f.time, f.corrupt, f.duration) for f in reader]
    wanted = frame_times(spec)
    assert [frame[0] for frame in frames] == list(range(len(wanted)))
    assert [frame[1] for frame in frames] == list(range(len(wanted)))
    assert not any(frame[3] for frame in frames)
    assert not reader.damage and reader.damage.describe() == "" and reader.damage.decoded == len(wanted)
    offset = frames[0][2] - wanted[0]  # MPEG containers shift all their times alike; AVI begins at a picture
    assert [frame[2] - offset for frame in frames] == pytest.approx(wanted, abs=0.001)
    if path.suffix in (".mp4", ".mov", ".mkv", ".webm", ".gif", ""):
        assert offset == pytest.approx(spec.start, abs=0.001)


@pytest.mark.parametrize("name", ALL)
def test_fragments_are_exact_to_the_frame(name, folder):
    path = make(ALL[name], folder)
    with FrameReader(path) as reader:
        whole = numbers_and_times(reader)
    count = len(whole)
    for first, last in [(1, count - 1), (count // 2, count // 2 + 1), (count // 3, count // 3 + 3), (count - 1, None)]:
        end = None if last is None else whole[last][1]
        with FrameReader(path, start=whole[first][1], end=end) as reader:
            assert numbers_and_times(reader) == whole[first:last]
        assert not reader.damage


def test_between_two_frames_the_later_one_begins_the_fragment(folder):
    path = make(CLIPS["vfr"], folder)
    with FrameReader(path, start=0.15, end=0.55) as reader:
        assert [round(frame.time, 3) for frame in reader] == [0.3]


def test_times_of_a_transport_stream_count_from_where_the_player_starts(folder):
    path = make(CLIPS["ts"], folder)
    with FrameReader(path) as reader:
        first = next(iter(reader))
        assert first.time == pytest.approx(first.pts / 90000 - float(reader.info.origin))
        assert 0 <= first.time < 0.05


def test_a_reader_can_be_run_through_twice(folder):
    with FrameReader(make(CLIPS["cfr"], folder)) as reader:
        assert numbers_and_times(reader) == numbers_and_times(reader)
    assert reader.damage.decoded == 30


def test_thread_counts_give_the_same_pictures(folder):
    path = make(MORE["open_gop_h264"], folder)
    once, many = ([f.picture.to_ndarray() for f in FrameReader(path, threads=n)] for n in (1, 6))
    assert all(np.array_equal(a, b) for a, b in zip(once, many, strict=True))


def test_cover_pictures_are_not_taken_for_the_video(folder):
    for name in ("cover", "attachments"):
        with FrameReader(make(CLIPS[name], folder)) as reader:
            assert (reader.info.height, reader.info.width) == (64, 96)
            assert sum(1 for _ in reader) == 30


def test_edit_lists_are_honoured(folder):
    """Only what a player shows: a cut made by an edit list, without re-encoding, drops the frames before it."""
    path = cut_by_edit_list(make(CLIPS["cfr"], folder), folder / "edited.mp4", start=0.2)
    with FrameReader(path) as reader:
        frames = numbers_and_times(reader)
    assert [number for number, _ in frames] == list(range(5, 30))
    assert frames[0][1] == pytest.approx(0, abs=0.001)
    assert not reader.damage


def test_leaving_early_closes_the_file(folder):
    path = make(CLIPS["cfr"], folder)
    process = psutil.Process()
    with FrameReader(path) as reader:
        for frame in reader:
            if frame.index == 3:
                break
    del frame
    gc.collect()
    assert str(path) not in {opened.path for opened in process.open_files()}
    threads = process.num_threads()
    for _ in range(20):
        with FrameReader(path) as reader:
            next(iter(reader))
    gc.collect()
    assert process.num_threads() < threads + 10  # each reader has one or more; others of this process may come and go


@pytest.mark.parametrize(("start", "end"), [(-1, None), (2, 1), (1, 1)])
def test_impossible_spans_are_refused(folder, start, end):
    with pytest.raises(UserError, match="expected"):
        FrameReader(make(CLIPS["cfr"], folder), start=start, end=end)


def test_a_span_without_frames_is_refused(folder):
    with (
        pytest.raises(UserError, match="no frame between"),
        FrameReader(make(CLIPS["cfr"], folder), start=60) as reader,
    ):
        next(iter(reader))


@pytest.mark.shared
@pytest.mark.parametrize(("name", "count"), [("office", 185), ("singer", 275), ("bottles", 1189)])
def test_shared_clips_are_healthy(name, count):
    path = SHARED / f"{name}.mp4"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    with FrameReader(path) as reader:
        assert sum(frame.corrupt is None for frame in reader) == count
    assert not reader.damage


@pytest.mark.shared
def test_memory_stays_flat():
    path = SHARED / "person.mp4"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    process, sizes = psutil.Process(), []
    with FrameReader(path) as reader:
        for frame in reader:
            if frame.index % 100 == 99:
                sizes.append(process.memory_info().rss)
    assert frame.index == 1393
    assert not reader.damage
    assert max(sizes[3:]) - sizes[2] < 8 << 20, sizes


def test_two_readers_in_one_process_do_not_mix(tmp_path):
    path = make(ClipSpec("twice.mp4", frames=60), tmp_path)
    with FrameReader(path) as first, FrameReader(path) as second:
        behind = iter(second)
        for frame in first:
            if frame.index % 2:
                next(behind)
        rest = list(behind)
        assert not first.damage, first.damage.describe()
        assert not second.damage, second.damage.describe()
    assert rest[-1].index == 59
