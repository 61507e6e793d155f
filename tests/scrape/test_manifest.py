import fcntl
import json
import os
import re

import pytest

from common.errors import UserError
from scrape.download import download
from scrape.download_settings import DownloadSettings
from scrape.found import Found
from scrape.manifest import Manifest
from scrape.part import part_path
from scrape.settled import Settled

SHA = "ab" * 32
URL = "https://example.org/a.jpg"
FOUND = Found(URL + "#part", None, "test", "q")


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


def test_a_line_that_only_half_fits_leaves_nothing_for_the_next_to_join(tmp_path, monkeypatch):
    write = os.write
    with Manifest(tmp_path) as manifest:
        manifest.write({"url": "a"})
        monkeypatch.setattr("scrape.manifest.os.write", lambda handle, raw: write(handle, raw[:5]))
        with pytest.raises(UserError, match="the disk is full"):
            manifest.write({"url": "b"})
        monkeypatch.undo()  # a temporary file went away
        manifest.write({"url": "c"})
        assert [line["url"] for line in manifest.lines()] == ["a", "c"]


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


GOOD = {"url": URL, "outcome": "saved", "file": f"{SHA}.jpg", "sha256": SHA, "phash": "0f"}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "not a JSON object"),
        ("", "not a JSON object"),
        ("7", "not a JSON object"),
        ("[" * 20_000, "not a JSON object"),
        (b'{"url": "\xff"}', "not a JSON object"),
        (GOOD | {"sha256": "zz"}, 'sha256 is "zz", expected 64 hexadecimal digits'),
        (GOOD | {"phash": -3}, "phash is -3, expected up to 16 hexadecimal digits"),
        (GOOD | {"phash": "0" * 17}, "expected up to 16 hexadecimal digits"),
        (GOOD | {"file": "../../elsewhere.jpg"}, "expected the name of a file in the folder"),
        (GOOD | {"file": 7}, "file is 7, expected the name of a file"),
        (GOOD | {"file": ".."}, "expected the name of a file"),
        (GOOD | {"file": None}, "called saved, but file is missing"),
        ({"url": URL, "outcome": "saved"}, "called saved, but file is missing"),
        ({"url": URL, "outcome": ["saved"]}, 'outcome is ["saved"], expected a text'),
        ({"url": 5, "outcome": "failed"}, "url is 5, expected a text"),
        ({"outcome": "failed", "reason": "too_small", "width": "300"}, 'width is "300", expected a whole number'),
        ({"outcome": "failed", "reason": "too_small", "height": -1}, "height is -1, expected a whole number, 0"),
        ({"outcome": "failed", "reason": "too_large", "limit": float("nan")}, "limit is NaN, expected a whole"),
        ({"source": "a.mp4", "frame": {}, "seconds": 1}, "frame is {}, expected the name"),
        ({"source": "a.mp4", "frame": "a@1.jpg", "seconds": "1"}, 'seconds is "1", expected a number'),
    ],
)
def test_a_line_that_holds_something_else_is_named_and_nothing_is_done(line, complaint, tmp_path):
    raw = line if isinstance(line, bytes) else (line if isinstance(line, str) else json.dumps(line)).encode()
    before = json.dumps(GOOD).encode() + b"\n" + raw + b"\n" + json.dumps({"url": "b"}).encode() + b"\n"
    (tmp_path / "manifest.jsonl").write_bytes(before)
    part = part_path(tmp_path, SHA, 1)
    part.write_bytes(b"picture")
    asked = iter([FOUND])
    with pytest.raises(UserError, match=f"manifest.jsonl, line 2: .*{re.escape(complaint)}"):
        download(asked, tmp_path, DownloadSettings(), 1)
    assert next(asked) is FOUND
    assert (tmp_path / "manifest.jsonl").read_bytes() == before
    assert part.read_bytes() == b"picture"  # its line was written before a kill: once the other is mended it is named


def test_what_other_programs_make_of_a_line_is_taken(tmp_path):
    line = {**GOOD, "width": 640.0, "height": 480.0, "licence": None, "reason": None, "mine": {"stars": 5}}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(line))
    with Manifest(tmp_path) as manifest:
        (read,) = manifest.lines()
    assert read == {**GOOD, "width": 640, "height": 480, "mine": {"stars": 5}}


def test_a_folder_is_not_made_for_nothing(tmp_path):
    with Manifest(tmp_path / "made" / "for" / "nothing") as manifest:
        assert manifest.path.exists()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    with Manifest(tmp_path / "mine"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["mine"] and not any((tmp_path / "mine").iterdir())
    with Manifest(tmp_path / "made") as manifest:
        manifest.write({"url": "a"})
    assert (tmp_path / "made" / "manifest.jsonl").exists()


def test_a_manifest_that_another_run_removes_is_made_anew(tmp_path, monkeypatch):
    """The other run ends between our opening and our locking: its file has no name any more."""
    lock, other = fcntl.flock, iter([lambda: (tmp_path / "manifest.jsonl").unlink()])
    monkeypatch.setattr(fcntl, "flock", lambda handle, how: (next(other, lambda: None)(), lock(handle, how)))
    with Manifest(tmp_path) as manifest:
        manifest.write({"url": "a"})
        assert [line["url"] for line in manifest.lines()] == ["a"]


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
