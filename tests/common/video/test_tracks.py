"""How much of a source is looked at for a fragment."""

from dataclasses import replace
from fractions import Fraction

import av
import pytest
from clips import CLIPS
from media import Sound, Words, click_times, make
from rewriting import payloads, rewrite

from common.video.tracks import TrackCopier
from common.video.writer import EncodeSettings

LONG = replace(CLIPS["cfr"], frames=300, rate=Fraction(5), size=(32, 48))  # 60 s


@pytest.fixture
def looked_at(monkeypatch):
    """Times in seconds of the packets that a copier takes from its source."""
    times, real = [], TrackCopier._demux

    def demux(self, streams):
        for packet in real(self, streams):
            if packet.dts is not None:
                times.append(float(packet.dts * packet.time_base))
            yield packet

    monkeypatch.setattr(TrackCopier, "_demux", demux)
    return times


@pytest.mark.parametrize("suffix, codec", [(".mp4", "aac"), (".mkv", "libopus")])
def test_copying_a_fragment_ends_with_its_sound(suffix, codec, looked_at, tmp_path):
    source = make(replace(LONG, name=f"long{suffix}", sounds=(Sound(codec),)), tmp_path)
    rewrite(source, tmp_path / f"cut{suffix}", start=5.2, end=6.2)
    assert 6.2 <= max(looked_at) < 6.7
    assert click_times(tmp_path / f"cut{suffix}") == pytest.approx([0.3, 0.8], abs=0.01)


@pytest.mark.parametrize("audio", ["copy", "drop"])
def test_silent_subtitles_do_not_make_it_read_to_the_end(audio, looked_at, tmp_path):
    source = make(replace(LONG, name="long.mkv", sounds=(Sound("libopus"),), words=(Words("subrip"),)), tmp_path)
    sparse = tmp_path / "sparse.mkv"
    drop_lines(source, sparse, after=3.0)
    rewrite(sparse, tmp_path / "cut.mkv", EncodeSettings(audio=audio), start=1.0, end=2.0)
    assert max(looked_at) < 2.0 + 10 + 2
    assert len(payloads(tmp_path / "cut.mkv", "subtitles")[0]) >= 2


def drop_lines(source, target, after):
    """Copy a clip without the subtitle lines that begin later than `after` seconds."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        copies = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            late = packet.stream.type == "subtitle" and packet.pts is not None and packet.pts * packet.time_base > after
            if packet.dts is not None and packet.size and not late:
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
