"""What the writer refuses, and what it leaves behind when something goes wrong."""

import itertools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import pytest
from clips import CLIPS
from media import make
from rewriting import payloads, rewrite, shown

from common.errors import UserError
from common.video.info import probe
from common.video.plan import check_plan
from common.video.reader import FrameReader
from common.video.tracks import TrackCopier
from common.video.writer import EncodeSettings, VideoWriter


@pytest.mark.parametrize(
    "source_name, target_name, settings, told",
    [
        ("two_sounds_mkv", "a.mp4", {}, "track 3 (subtitle, subrip, deu) cannot be kept in MP4"),
        ("subtitles", "a.mkv", {}, "--subtitles drop"),
        ("cfr", "a.webm", {}, "--audio drop"),
        ("cfr", "a.gif", {}, "--audio drop"),
        ("vfr", "a.avi", {}, "steady frame rate"),
        ("late", "a.avi", {}, "late start"),
        ("rotated90", "a.ts", {}, "turned"),
        ("flipped", "a.mkv", {}, "mirrored"),
        ("anamorphic", "a.webm", {"audio": "drop"}, "aspect"),
        ("hdr10", "a.avi", {}, "HDR10"),
        ("hdr10", "a.mp4", {"codec": "libx264rgb"}, "whole"),
        ("prores", "a.webm", {"audio": "drop"}, "yuv422p10le"),
        ("cfr", "a.xyz", {}, ".mkv"),
        ("mpeg2", "b.mpg", {}, ".mkv"),
        ("cfr", "a.mp4", {"codec": "nonsense"}, "choose one of h264, hevc"),
        ("cfr", "a.mp4", {"codec": "prores"}, ".mov"),
        ("cfr", "a.mp4", {"codec": "h264_v4l2m2m"}, "available: h264"),
        ("cfr", "a.mov", {"codec": "prores", "preset": "fast"}, "--preset"),
        ("cfr", "a.mp4", {"alpha": True}, "transparency"),
        ("cfr", "a.mp4", {"codec": "av1", "lossless": True}, "lossless"),
        ("cfr", "a.mp4", {"preset": "nonsense"}, "--preset nonsense"),
        ("cfr", "a.mp4", {"codec": "hevc", "preset": "nonsense"}, "--preset nonsense"),
        ("cfr", "a.mp4", {"crf": 99.0}, "--crf 99: expected a value from 0 to 51"),
        ("cfr", "a.mp4", {"crf": -5}, "from 0 to 51"),
        ("avi", "a.avi", {"crf": 0}, "from 1 to 31"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_one_line(source_name, target_name, settings, told, tmp_path):
    source = make(CLIPS[source_name], tmp_path)
    target = tmp_path / "out" / target_name
    target.parent.mkdir()
    with pytest.raises(UserError) as foreseen:
        check_plan(probe(source), target, EncodeSettings(**settings))
    with pytest.raises(UserError) as refusal:
        rewrite(source, target, EncodeSettings(**settings))
    assert str(foreseen.value) == str(refusal.value)
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert list(target.parent.iterdir()) == []


def test_an_exception_leaves_no_file(tmp_path):
    source = make(CLIPS["cfr"], tmp_path)
    target = tmp_path / "out" / "a.mp4"
    target.parent.mkdir()
    with FrameReader(source) as reader, pytest.raises(KeyboardInterrupt):
        with VideoWriter(target, target, reader.info) as writer:
            for frame in reader:
                writer.write(frame.picture, frame)
                if frame.index == 9:
                    raise KeyboardInterrupt
    assert list(target.parent.iterdir()) == []


def test_no_pictures_is_an_error(tmp_path):
    source = make(CLIPS["cfr"], tmp_path)
    with pytest.raises(UserError, match="no picture"):
        with VideoWriter(tmp_path / "a.mp4", tmp_path / "a.mp4", probe(source)):
            pass
    assert not (tmp_path / "a.mp4").exists()


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
sys.path[:0] = {paths!r}
from rewriting import rewrite
from common.errors import UserError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    rewrite(Path({source!r}), Path({target!r}))
except UserError as error:
    print(error)
    sys.exit(2)
"""


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_is_one_line(suffix, tmp_path):
    source = make(replace(CLIPS["cfr"], texture=60, size=(128, 192)), tmp_path)
    target = tmp_path / f"out{suffix}"
    root = str(Path(__file__).parents[3])
    code = FULL_DISK.format(paths=[root, f"{root}/tests"], source=str(source), target=str(target))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.returncode == 2, run.stderr
    assert "the disk is full" in run.stdout and run.stdout.count("\n") == 1
    assert not target.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_dev_full(tmp_path):
    source = make(CLIPS["cfr"], tmp_path)
    info = probe(source)
    with pytest.raises(UserError, match="the disk is full"), FrameReader(source) as reader:
        with VideoWriter(Path("/dev/full"), tmp_path / "a.mkv", info) as writer:
            for frame in reader:
                writer.write(frame.picture, frame)
    assert Path("/dev/full").exists()


def test_a_folder_that_cannot_be_written(tmp_path):
    source = make(CLIPS["cfr"], tmp_path)
    for place in (tmp_path / "absent" / "a.mp4", Path("/proc/a.mp4")):
        with pytest.raises(UserError, match="cannot be written"):
            rewrite(source, place)


def test_dynamic_hdr_metadata_is_refused(tmp_path):
    source = make(CLIPS["hdr10"], tmp_path)
    info = probe(source)
    assert info.hdr is not None
    dolby = replace(info, hdr=replace(info.hdr, dynamic=("Dolby Vision",)))
    with pytest.raises(UserError, match="Dolby Vision"), VideoWriter(tmp_path / "a.mp4", tmp_path / "a.mp4", dolby):
        pass


def test_transparency_that_is_used_is_not_thrown_away(tmp_path):
    opaque = make(CLIPS["gif"], tmp_path)
    source, clear = tmp_path / "source.mp4", tmp_path / "clear.gif"
    make(replace(CLIPS["cfr"], name=source.name, sounds=(), frames=5), tmp_path)
    with FrameReader(source) as reader:
        with VideoWriter(clear, clear, reader.info, EncodeSettings(alpha=True)) as writer:
            for frame in reader:
                pixels = frame.picture.to_ndarray(format="rgba").copy()
                pixels[:20, :20, 3] = 0
                writer.write(av.VideoFrame.from_ndarray(pixels, format="rgba"), frame)
    rewrite(opaque, tmp_path / "a.mp4")
    with pytest.raises(UserError, match="transparency"):
        rewrite(clear, tmp_path / "b.mp4")
    rewrite(clear, tmp_path / "b.mkv")
    assert shown(tmp_path / "b.mkv").times == shown(clear).times


def test_a_fragment_of_a_late_clip_goes_into_any_container(tmp_path):
    source = make(CLIPS["late"], tmp_path)
    check_plan(probe(source), tmp_path / "a.avi", EncodeSettings(), start=1.0)
    rewrite(source, tmp_path / "a.avi", start=1.0)


def test_sound_that_cannot_be_read_further_is_damage(tmp_path, monkeypatch):
    class Failing:
        """A source whose sound breaks off."""

        def __init__(self, container):
            self._container = container

        def __getattr__(self, name):
            return getattr(self._container, name)

        def demux(self, streams):
            yield from itertools.islice(self._container.demux(streams), 5)
            raise av.error.InvalidDataError(1, "Invalid data found", "clip.mp4")

    source = make(CLIPS["cfr"], tmp_path)
    whole = rewrite(source, tmp_path / "whole.mp4")
    assert whole.damaged == []
    monkeypatch.setattr(TrackCopier, "_demux", broken_demux(Failing))
    cut = rewrite(source, tmp_path / "cut.mp4")
    assert cut.damaged == ["sound and subtitles end early: they cannot be read further (Invalid data found)"]
    assert len(payloads(tmp_path / "cut.mp4", "audio")[0]) == 5


def broken_demux(broken):
    """`TrackCopier._demux` on a source wrapped in `broken`."""
    real = TrackCopier._demux

    def demux(self, streams):
        if not isinstance(self._source, broken):
            self._source = broken(self._source)
        return real(self, streams)

    return demux
