import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import psutil
import pytest
from fetching import QUICK, assert_consistent, fetched, found, lines, pictures
from picture_server import busy_first, cut, dripping, encoded, held, photo, silent
from PIL import Image

from common.errors import UserError
from scrape.download import SPARE, Run, download
from scrape.download_settings import MEGABYTE, DownloadSettings
from scrape.found import Found

ROOT = Path(__file__).parents[2]


@pytest.fixture
def no_such_host(monkeypatch):
    """A resolver that knows that names in .invalid are none: without a network it may take its time to say so."""
    ask = socket.getaddrinfo

    def answer(host, *more, **named):
        if str(host).endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return ask(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def test_good_ones_are_saved_and_each_failure_has_its_reason(site, tmp_path, no_such_host):
    data = encoded(photo(90))
    pages = site.pages
    pages["/cut.jpg"] = cut(data[:900], len(data))
    pages["/busy.jpg"] = busy_first(encoded(photo(1)), 2)
    pages["/loop.jpg"] = (302, {"Location": "/loop.jpg"}, b"")
    pages["/moved.jpg"] = (301, {"Location": "/b.jpg?x=%2F"}, b"")
    pages["/out.jpg"] = (302, {"Location": "file:///etc/passwd"}, b"")
    expected = {
        site.add("/a.jpg", encoded(photo(2))): "saved",
        site.add("/wrong-suffix.png", encoded(photo(3)), Content_Type="text/html"): "saved",
        site.add("/anim.gif", encoded(photo(4), "GIF")): "saved",
        site.address + "/busy.jpg": "saved",
        site.address + "/moved.jpg": "saved",
        site.address + "/none.jpg": "http_404",
        site.add("/gone.jpg", b"", 410): "http_410",
        site.add("/shut.jpg", b"", 403): "http_403",
        site.add("/ill.jpg", b"", 500): "http_500",
        site.address + "/loop.jpg": "redirects",
        site.address + "/out.jpg": "bad_url",
        site.add("/page.jpg", b"<!DOCTYPE html><html>", Content_Type="image/jpeg"): "not_a_picture",
        site.add("/empty.jpg", b""): "not_a_picture",
        site.add("/half.jpg", data[: len(data) // 2]): "truncated",
        site.add("/small.jpg", encoded(photo(5, (100, 100)))): "too_small",
        site.add("/long.jpg", encoded(photo(6)) + bytes(MEGABYTE)): "too_large",
        site.add("/wide.png", encoded(Image.new("1", (2000, 1000)), "PNG")): "too_many_pixels",
        site.add("/noai.jpg", encoded(photo(7)), X_Robots_Tag="noai, noimageai"): "noai",
        site.address + "/cut.jpg": "connection",
        "http://127.0.0.1:9/a.jpg": "connection",
        "http://no-such-host.invalid/a.jpg": "dns",
        "ftp://127.0.0.1/a.jpg": "bad_url",
        "http://me:secret@127.0.0.1/a.jpg": "bad_url",
        "http://[::1/a.jpg": "bad_url",
        "nonsense": "bad_url",
    }
    site.add("/b.jpg?x=%2F", encoded(photo(8)))
    outcome = fetched(expected, tmp_path, max_bytes=MEGABYTE, max_pixels=1_000_000)
    seen = {line["url"]: line.get("reason", line["outcome"]) for line in lines(tmp_path)}
    assert seen == expected
    assert outcome.saved == assert_consistent(tmp_path) == 5
    assert outcome.found == len(expected) == outcome.saved + outcome.failed.total()
    assert outcome.missing == 1000 - 5
    assert site.asked["/busy.jpg"] == 3 and site.asked["/ill.jpg"] == 3 and site.asked["/cut.jpg"] == 3
    assert site.asked["/none.jpg"] == site.asked["/page.jpg"] == 1
    assert site.asked["/loop.jpg"] == 6
    by_url = {line["url"]: line for line in lines(tmp_path)}
    assert by_url[site.address + "/page.jpg"]["detail"] == "a web page (HTML)"
    moved = by_url[site.address + "/moved.jpg"]
    assert moved["final_url"] == site.address + "/b.jpg?x=%2F"
    assert moved["page"] == "https://example.org/page"
    assert site.seen["/a.jpg"]["User-Agent"] == "hide-in-video-scrape/0.1"


def test_what_does_not_come_in_time_is_given_up(site, tmp_path, threads):
    site.pages["/drip.jpg"] = dripping(encoded(photo(90)))
    site.pages["/silent.jpg"] = silent
    urls = [site.address + "/drip.jpg", site.address + "/silent.jpg"]
    assert dict(fetched(urls, tmp_path, timeout=0.3, retries=1).failed) == {"timeout": 2}
    assert {line["detail"].removeprefix("robots.txt: ") for line in lines(tmp_path)} == {"not there within 0.3 s"}


def test_a_line_says_where_a_picture_is_from(site, tmp_path, threads):
    url = site.add("/a.jpg", encoded(photo(1)))
    facts = {"licence": "by-sa", "creator": "Ada Lovelace", "title": "A clown"}
    inside = Found(url, None, "test", "clown", thumbnail=True, data=encoded(photo(2)))
    outcome = download([*found([url], **facts), inside], tmp_path, DownloadSettings(**QUICK), 5)
    assert outcome.saved == 2
    line, thumbnail = sorted(lines(tmp_path), key=lambda line: "thumbnail" in line)
    assert {name: line[name] for name in facts} == facts
    assert (line["engine"], line["query"], line["width"], line["height"]) == ("test", "clown", 200, 160)
    assert line["file"] == line["sha256"] + ".jpg"
    assert line["bytes"] == (tmp_path / line["file"]).stat().st_size
    assert len(line["phash"]) == 16 and line["time"].endswith("Z")
    assert thumbnail["thumbnail"] and site.asked["/a.jpg"] == 1


def test_no_more_is_asked_for_than_is_wanted(site, tmp_path, threads):
    urls = iter(site.add_photos(100))
    closed = []

    def endless():
        try:
            yield from found(urls)
        finally:
            closed.append(True)

    outcome = download(endless(), tmp_path, DownloadSettings(**QUICK), 5)
    assert outcome.saved == assert_consistent(tmp_path) == 5
    assert outcome.missing == 0
    assert closed == [True]
    assert outcome.found <= 5 + SPARE
    assert sum(site.asked.values()) <= 5 + SPARE + 1  # and one robots.txt


def test_nothing_is_asked_for_when_nothing_is_wanted(tmp_path, threads):
    asked = []
    outcome = download((asked.append(1) for _ in range(3)), tmp_path, DownloadSettings(**QUICK), 0)
    assert outcome.saved == 0 and asked == []


def test_a_second_run_goes_on_and_downloads_nothing_twice(site, tmp_path, threads):
    urls = [*site.add_photos(6), site.add("/page.jpg", b"<html>"), site.address + "/none.jpg"]
    site.add("/3.jpg", b"", 503)
    first = fetched(urls, tmp_path, retries=0)
    assert (first.saved, first.kept, first.failed.total()) == (5, 0, 3)
    junk = next(line["file"] for line in lines(tmp_path) if line["url"] == urls[0])
    (tmp_path / junk).unlink()  # somebody looked through the pictures
    site.asked.clear()
    site.add("/3.jpg", encoded(photo(3)))
    new = site.add("/new.jpg", encoded(photo(50)))
    second = fetched([*urls, urls[1], new], tmp_path, wanted=6)
    assert (second.saved, second.kept, second.missing) == (2, 4, 0)
    assert set(site.asked) == {"/robots.txt", "/3.jpg", "/new.jpg"}
    assert junk not in pictures(tmp_path)
    third = fetched([*urls, new], tmp_path, wanted=6)
    assert (third.saved, third.kept) == (0, 6)


def test_copies_are_dropped_within_and_across_runs(site, tmp_path, threads):
    original = photo(1)
    urls = [
        site.add("/a.jpg", encoded(original)),
        site.add("/same.jpg", encoded(original)),
        site.add("/small.jpg", encoded(original.resize((180, 144)))),
        *site.add_photos(4, first=10),
    ]
    first = fetched(urls, tmp_path, concurrency=1)
    assert (first.saved, first.duplicates) == (5, 2)
    second = fetched([site.add("/again.webp", encoded(original, "WEBP", quality=50))], tmp_path)
    assert (second.saved, second.duplicates) == (0, 1)
    name = next(line["file"] for line in lines(tmp_path) if line["url"] == urls[0])
    copies = [line for line in lines(tmp_path) if line["outcome"] == "duplicate"]
    assert [line["reason"] for line in copies] == ["same_file", "looks_alike", "looks_alike"]
    assert {line["of"] for line in copies} == {name}
    third = fetched([urls[2]], tmp_path, drop_near_duplicates=False)
    assert third.saved == 1
    assert_consistent(tmp_path)


def test_an_engine_that_breaks_costs_none_of_what_it_found(site, tmp_path, threads):
    def breaking():
        yield from found(site.add_photos(3))
        raise UserError("the engine shows a captcha")

    with pytest.raises(UserError, match="captcha"):
        download(breaking(), tmp_path, DownloadSettings(**QUICK), 10)
    assert assert_consistent(tmp_path) == 3


def test_a_full_disk_is_one_line(site, tmp_path, monkeypatch, threads):
    write = os.write

    def full(handle, raw):
        if b'"outcome"' in raw:
            raise OSError(28, "No space left on device")
        return write(handle, raw)

    monkeypatch.setattr("scrape.manifest.os.write", full)
    with pytest.raises(UserError, match="No space left on device; free some space"):
        fetched(site.add_photos(1), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_on_the_way_keeps_what_was_saved(site, tmp_path, monkeypatch, threads):
    write, left = Path.write_bytes, iter([True] * 2)

    def full(path, data):
        if path.suffix == ".part" and not next(left, False):
            write(path, data[:100])
            raise OSError(28, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match="No space left on device; free some space") as raised:
        fetched(site.add_photos(6), tmp_path, concurrency=1)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)  # it comes from another process
    assert assert_consistent(tmp_path) == 2
    monkeypatch.setattr(Path, "write_bytes", write)
    outcome = fetched(site.add_photos(6), tmp_path)
    assert (outcome.kept, outcome.saved) == (2, 4)


def test_what_servers_and_engines_may_send_ends_no_run(site, tmp_path, threads):
    """Headers that no library takes: a page with a line break, a pause in digits that are no number."""
    site.pages["/a.jpg"] = busy_first(encoded(photo(1)), 1, 503, Retry_After="\u00c2\u00b2")  # a small 2, in UTF-8
    pages = [f"https://example.org/{text}" for text in ("a\r\nCookie: b", "a\0b", "\ud800")]
    items = [Found(f"{site.address}/a.jpg?{number}", page, "test", "q") for number, page in enumerate(pages)]
    items.append(Found(f"{site.address}/a.jpg", None, "test", "q"))
    for number in range(3):
        site.add(f"/a.jpg?{number}", encoded(photo(number + 2)))
    assert download(items, tmp_path, DownloadSettings(**QUICK), 4).saved == 4


RUN = """
import sys
from pathlib import Path
from common.cli import run
from scrape.download import download
from scrape.download_settings import DownloadSettings
from scrape.found import Found

def main(argv):
    address, out = argv
    found = (Found(f"{address}/{number}.jpg", None, "test", "q") for number in range(12))
    settings = DownloadSettings(allow_private=True, rate=0, workers=1, per_host=32, concurrency=4)
    outcome = download(found, Path(out), settings, 12)
    print(outcome.saved, outcome.kept)
    return 0

if __name__ == "__main__":
    sys.exit(run(main, sys.argv[1:]))
"""


def started(site, out, folder):
    """A download in a process group of its own, once six pictures are saved and the others are under way."""
    script = folder / "run.py"
    script.write_text(RUN)
    for number in range(12):
        body = encoded(photo(number))
        site.pages[f"/{number}.jpg"] = held(body) if number >= 6 else (200, {"Content-Length": str(len(body))}, body)
    process = subprocess.Popen(
        [sys.executable, str(script), site.address, str(out)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a background job would not hear it
    )
    deadline = time.monotonic() + 120
    while not (out / "manifest.jsonl").exists() or len(lines(out)) < 6 or site.asked["/6.jpg"] == 0:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)
    return process


def gone_on(site, out):
    """Run the same to its end."""
    site.gate.set()
    return fetched([f"{site.address}/{number}.jpg" for number in range(12)], out, wanted=12)


def test_after_kill_9_a_run_goes_on_where_it_was(site, tmp_path, threads):
    out = tmp_path / "out"
    process = started(site, out, tmp_path)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.kill()
    process.communicate()
    assert psutil.wait_procs(children, timeout=120)[1] == []  # its decoders do not stay behind
    (out / "manifest.jsonl").open("ab").write(b'{"outcome": "sav')
    (out / f".{'0' * 64}.7.part").write_bytes(b"half")
    outcome = gone_on(site, out)
    assert (outcome.saved, outcome.kept) == (6, 6)
    assert assert_consistent(out) == 12
    assert [site.asked[f"/{number}.jpg"] for number in range(6)] == [1] * 6


def test_ctrl_c_leaves_a_consistent_folder(site, tmp_path, threads):
    out = tmp_path / "out"
    process = started(site, out, tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    assert stdout == "" and len(stderr.splitlines()) == 1 and stderr.startswith("interrupted")
    assert assert_consistent(out) == 6
    outcome = gone_on(site, out)
    assert (outcome.saved, outcome.kept) == (6, 6)


def test_ctrl_c_while_pictures_arrive_waits_until_nobody_writes_any_more(site, tmp_path, monkeypatch, threads):
    """The list is given out: what is left is waiting. A second Ctrl-C comes while the first is obeyed."""
    urls = site.add_photos(12)
    for number in range(12, 40):  # so that it cannot be over before the first Ctrl-C is heard
        site.pages[f"/{number}.jpg"] = held(b"")
        urls.append(f"{site.address}/{number}.jpg")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    stop, presses = Run.stop, [threading.Event(), threading.Event()]

    def press(number):
        if not presses[number].is_set():
            presses[number].set()
            os.kill(os.getpid(), signal.SIGINT)

    def impatient(run):
        wait, end = run.over.wait, run.over.set
        monkeypatch.setattr(run.over, "wait", lambda: (press(1), wait()))
        monkeypatch.setattr(run.over, "set", lambda: (presses[1].wait(60), end()))  # not over before it is pressed
        stop(run)

    def progress(outcome):
        if outcome.saved == 3:
            press(0)

    monkeypatch.setattr(Run, "stop", impatient)
    try:
        with pytest.raises(KeyboardInterrupt):
            settings = DownloadSettings(**QUICK, concurrency=2)
            download(found(urls), tmp_path, settings, 40, progress)
    finally:
        signal.signal(signal.SIGINT, before)
    assert all(press.is_set() for press in presses)
    assert not [thread for thread in threading.enumerate() if thread.name == "download"]
    assert 3 <= assert_consistent(tmp_path) < 40


def test_a_picture_that_was_killed_before_it_had_its_name_counts(site, tmp_path, threads):
    urls = site.add_photos(3)
    fetched(urls, tmp_path)
    named, empty, _ = (line for line in lines(tmp_path) if line["outcome"] == "saved")
    (tmp_path / named["file"]).rename(tmp_path / f".{named['sha256']}.7.part")
    (tmp_path / empty["file"]).unlink()
    (tmp_path / f".{empty['sha256']}.8.part").touch()  # of a power cut
    outcome = fetched(urls, tmp_path, wanted=3)
    assert (outcome.kept, outcome.saved, outcome.missing) == (2, 1, 0)
    assert sorted(path.stat().st_size > 0 for path in tmp_path.glob("*.jpg")) == [True] * 3


def test_what_an_earlier_run_settled_is_counted_again_and_asked_for_no_more(site, tmp_path, threads):
    same = encoded(photo(0))
    urls = [*site.add_photos(2), site.add("/copy.jpg", same), site.address + "/none.jpg", site.address + "/none.jpg"]
    for asked in (1, 1):
        outcome = fetched(urls, tmp_path, concurrency=1)
        assert (outcome.found, outcome.saved + outcome.kept, outcome.duplicates) == (4, 2, 1)
        assert dict(outcome.failed) == {"http_404": 1} and site.asked["/none.jpg"] == asked


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"concurrency": 0}, "--concurrency 0: expected 1 or more"),
        ({"rate": -1}, "--rate -1: expected 0 or more"),
        ({"rate": float("nan")}, "--rate nan"),
        ({"timeout": 0}, "--timeout 0: expected more than 0"),
        ({"timeout": float("inf")}, "--timeout inf: expected more than 0 seconds and at most 86400"),
        ({"quality": 101}, "--quality 101: expected 1 to 100"),
        ({"distance": 65}, "--distance 65"),
        ({"user_agent": "two\nlines"}, "--user-agent"),
        ({"user_agent": " "}, "--user-agent"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, complaint):
    with pytest.raises(UserError, match=complaint):
        DownloadSettings(**wrong)
