import json

import numpy as np
import pytest

from common.errors import UserError
from scrape.download_settings import DownloadSettings
from scrape.found import Found
from scrape.looks import Looks
from scrape.manifest import Manifest, part_path
from scrape.settled import Settled

SHA = "ab" * 32
URL = "https://example.org/a.jpg"


def test_lines_are_read_back_with_a_time_and_without_what_is_unknown(tmp_path):
    with Manifest(tmp_path / "made" / "here") as manifest:
        manifest.write({"url": URL, "licence": None, "title": "Größe\n“1”"})
        assert [set(line) for line in manifest.lines()] == [{"url", "title", "time"}]
    raw = (tmp_path / "made" / "here" / "manifest.jsonl").read_bytes()
    assert raw.count(b"\n") == 1 and raw.isascii()
    assert json.loads(raw)["title"] == "Größe\n“1”"


@pytest.mark.parametrize(
    ("tail", "kept"),
    [
        (b"", 2),
        (b'{"url": "c", "outco', 2),  # killed while it was written
        (b'{"url": "c"}', 3),  # whole, but for the end of its line
        (b"\0\0\0\0", 2),  # a power cut
        (b'{"url": "' + b"x" * 200_000, 2),
    ],
)
def test_a_cut_last_line_is_mended(tmp_path, tail, kept):
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(b'{"url": "a"}\n{"url": "b"}\n' + tail)
    with Manifest(tmp_path) as manifest:
        assert len(list(manifest.lines())) == kept
        manifest.write({"url": "d"})
        assert [line["url"] for line in manifest.lines()] == ["a", "b", "c", "d"][:kept][:2] + ["c"] * (kept == 3) + [
            "d"
        ]


def test_a_manifest_of_half_a_line_is_empty(tmp_path):
    (tmp_path / "manifest.jsonl").write_bytes(b'{"url')
    with Manifest(tmp_path) as manifest:
        assert list(manifest.lines()) == []


def test_files_that_are_not_of_a_run_are_left_alone(tmp_path):
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "manifest.jsonl").write_text("my own notes, no JSON")
    with pytest.raises(UserError, match="is no manifest"), Manifest(notes):
        pass
    assert (notes / "manifest.jsonl").read_text() == "my own notes, no JSON"
    (tmp_path / ".other.part").touch()
    (tmp_path / f".{'0' * 64}.7.part").touch()
    (tmp_path / "party@00001.000.jpg").write_bytes(b"of somebody else")
    (tmp_path / "frame").write_bytes(b"new")
    with Manifest(tmp_path) as manifest:
        manifest.remove_parts()
        with pytest.raises(UserError, match="none of this folder's manifest"):
            manifest.save(tmp_path / "frame", "party@00001.000.jpg", {"sha256": "0" * 64})
    assert (tmp_path / "party@00001.000.jpg").read_bytes() == b"of somebody else"
    assert (tmp_path / ".other.part").exists() and not (tmp_path / f".{'0' * 64}.7.part").exists()


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    (tmp_path / "manifest.jsonl").write_text('{"url": "a"}\n[1]\n{"url": "b"}\n')
    with Manifest(tmp_path) as manifest, pytest.raises(UserError, match="line 2: no"):
        list(manifest.lines())


def test_two_runs_do_not_share_a_folder(tmp_path):
    with Manifest(tmp_path), pytest.raises(UserError, match="another run is writing"), Manifest(tmp_path):
        pass
    with Manifest(tmp_path):
        pass


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match=r"is a file|cannot write"), Manifest(place):
            pass


def test_after_a_kill_pictures_with_a_line_get_their_name_and_others_go(tmp_path):
    with Manifest(tmp_path) as manifest:
        part = part_path(tmp_path, SHA, 1)
        part.write_bytes(b"picture")
        manifest.save(part, f"{SHA}.jpg", {"url": URL, "sha256": SHA, "phash": "00"})
    assert (tmp_path / f"{SHA}.jpg").read_bytes() == b"picture"
    (tmp_path / f"{SHA}.jpg").rename(part)  # killed between the line and the name
    part_path(tmp_path, "cd" * 32, 2).write_bytes(b"no line")
    with Manifest(tmp_path) as manifest:
        saved = Settled(DownloadSettings()).read(manifest.lines(), *manifest.names())
        assert saved == {SHA: f"{SHA}.jpg"}
        manifest.finish_parts(saved)
        assert manifest.names() == ({"manifest.jsonl", f"{SHA}.jpg"}, set())


def settled(*lines, names=(), **options):
    known = Settled(DownloadSettings(**options))
    known.read([{"url": URL, **line} for line in lines], set(names))
    return known


FOUND = Found(URL + "#part", None, "test", "q")
SAVED = {"outcome": "saved", "file": "a.jpg", "sha256": SHA, "phash": "0f"}


@pytest.mark.parametrize(
    ("line", "options", "again"),
    [
        (SAVED, {}, False),
        ({"outcome": "duplicate", "reason": "same_file"}, {}, False),
        ({"outcome": "duplicate", "reason": "looks_alike"}, {}, False),
        ({"outcome": "duplicate", "reason": "looks_alike"}, {"drop_near_duplicates": False}, True),
        ({"outcome": "failed", "reason": "http_404"}, {}, False),
        ({"outcome": "failed", "reason": "not_a_picture"}, {}, False),
        ({"outcome": "failed", "reason": "http_503"}, {}, True),
        ({"outcome": "failed", "reason": "timeout"}, {}, True),
        ({"outcome": "failed", "reason": "robots"}, {}, True),
        ({"outcome": "failed", "reason": "too_small", "width": 300, "height": 90}, {"min_size": 91}, False),
        ({"outcome": "failed", "reason": "too_small", "width": 300, "height": 90}, {"min_size": 90}, True),
        ({"outcome": "failed", "reason": "too_large", "limit": 1000}, {"max_bytes": 1000}, False),
        ({"outcome": "failed", "reason": "too_large", "limit": 1000}, {"max_bytes": 1001}, True),
        ({"outcome": "failed", "reason": "too_many_pixels", "limit": 9}, {"max_pixels": 10}, True),
        ({"outcome": "from a later version"}, {}, True),
    ],
)
def test_what_a_second_run_asks_for_again(line, options, again):
    assert settled(line, **options).take(FOUND) is again


def test_the_last_line_of_an_address_counts():
    failed = {"outcome": "failed", "reason": "timeout"}
    assert not settled(failed, SAVED).take(FOUND)
    assert settled({"outcome": "failed", "reason": "http_404"}, failed).take(FOUND)


def test_a_saved_picture_counts_while_its_file_is_there_and_once():
    here = settled(SAVED, names=["a.jpg"])
    assert here.is_here(FOUND) and not here.is_here(FOUND)
    removed = settled(SAVED)
    assert not removed.is_here(FOUND)
    assert not removed.take(FOUND)  # somebody removed it: it does not come back
    assert removed.same_file(SHA) == "a.jpg"


def test_a_picture_that_a_power_cut_left_empty_is_fetched_again():
    known = Settled(DownloadSettings())
    assert known.read([{"url": URL, **SAVED}], {"manifest.jsonl"}, {"a.jpg"}) == {}
    assert not known.is_here(FOUND) and known.take(FOUND)
    assert known.same_file(SHA) is None and known.alike(0x0F) is None


def test_thumbnails_inside_a_page_are_told_apart_by_their_bytes():
    known = settled()
    first, second = (Found(URL, None, "test", "q", thumbnail=True, data=data) for data in (b"1", b"2"))
    assert known.take(first) and known.take(second) and not known.take(first)


def test_looks_finds_the_nearest_of_many():
    random = np.random.default_rng(3)
    hashes = [int(number) for number in random.integers(0, 2**63, 3000)]
    looks = Looks()
    assert looks.nearest(5, 64) is None
    for place, perceptual in enumerate(hashes):
        assert looks.add(perceptual) == place
    assert looks.nearest(hashes[2500], 0) == 2500
    assert looks.nearest(hashes[2500] ^ 0b111111, 6) == 2500
    assert looks.nearest(hashes[2500] ^ 0b1111111, 6) is None
    looks.add(hashes[7])
    assert looks.nearest(hashes[7], 3) == 7  # the first of two
    assert len(looks) == 3001
