"""Lengths and chains in file headers, without decoding."""

import pytest
from clips import CLIPS
from media import make

from common.video.declared_length import missing_bytes
from common.video.structure import broken_spans

ALL = ["cfr", "mov", "vfr_mkv", "odd_vp9", "avi", "odd_mjpeg", "ts", "gif", "mpeg2", "attachments", "two_sounds_mkv"]


@pytest.mark.parametrize("name", ALL)
def test_whole_files_lack_nothing_and_are_sound(name, tmp_path):
    path = make(CLIPS[name], tmp_path)
    assert missing_bytes(path) == 0
    assert broken_spans(path) == []


@pytest.mark.parametrize("name", ["cfr", "vfr_mkv", "avi", "ts"])
def test_what_is_cut_off_is_counted(name, tmp_path):
    path = make(CLIPS[name], tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[:-77])
    assert missing_bytes(path) == 77


def test_bytes_behind_an_mp4_are_no_damage(tmp_path):
    path = make(CLIPS["cfr"], tmp_path)
    path.write_bytes(path.read_bytes() + b"\x00\x01\x02\x03" * 20)
    assert missing_bytes(path) == 0


@pytest.mark.parametrize("name", ["vfr_mkv", "avi"])
def test_a_broken_header_is_found_where_it_is(name, tmp_path):
    path = make(CLIPS[name], tmp_path)
    data = path.read_bytes()
    place = data.rfind(b"\x1f\x43\xb6\x75") if path.suffix == ".mkv" else data.find(b"00dc", 3000)
    path.write_bytes(data[:place] + bytes(4) + data[place + 4 :])
    spans = broken_spans(path)
    assert len(spans) == 1
    start, end = spans[0]
    assert start <= place < end
