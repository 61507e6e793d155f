"""`python -m scrape images` as a user runs it."""

import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from chromium import needs_chromium
from search_site import made_photo, search_site, wait_for

from common.errors import UserError
from scrape.cli import main

ROOT = Path(__file__).parents[2]
LOCAL = ["--allow-private", "--rate", "0", "--workers", "1"]


def images(site, out, *flags, engine="commons", count=6, query="clown"):
    queries = [query] if isinstance(query, str) else query
    where = ["--engine", engine, "--base-url", site.url, "--out", str(out), "--count", str(count)]
    return main(["images", *queries, *where, *LOCAL, *flags])


def manifest(out):
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def pictures(out):
    return sorted(path.name for path in out.iterdir() if path.suffix == ".jpg")


def assert_consistent(out):
    """Every picture has its line, every line its picture, and nothing else is there."""
    saved = sorted(line["file"] for line in manifest(out) if line["outcome"] == "saved")
    assert saved == pictures(out)
    assert {path.name for path in out.iterdir()} == {*saved, "manifest.jsonl"}


def test_as_many_as_asked_for(tmp_path, capsys):
    out = tmp_path / "out"
    with search_site(total=20, batch=5) as site:
        assert images(site, out, count=7) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{out}: 7 of 7 pictures; found ")
    assert "collecting: 7 pictures" in captured.err
    assert_consistent(out)
    line = manifest(out)[0]
    assert (line["engine"], line["query"]) == ("commons", "clown") and "/page/" in line["page"]
    assert line["licence"].endswith("4.0") or line["licence"] == "cc0"
    assert line["creator"].startswith("Painter ")


def test_fewer_than_asked_for_is_exit_1_with_the_reasons(tmp_path, capsys, threads):
    with search_site(total=5, photos=[]) as site:
        site.settings.photos = [b"<html>no picture</html>" * 20] + [made_photo(1)] * 2
        assert images(site, tmp_path / "out", "--quiet", count=9) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{tmp_path / 'out'}: 1 of 9 pictures; found 5, duplicate 1, failed 3")
    assert 'error: 1 of 9 pictures: commons ran dry after 5 pictures for "clown"; 3 failed, because ' in captured.err
    assert "2 http_404" in captured.err and "1 were duplicates" in captured.err


def test_the_same_command_goes_on_and_fetches_nothing_twice(tmp_path, capsys, threads):
    out = tmp_path / "out"
    with search_site(total=30, batch=30) as site:
        assert images(site, out, "--quiet", count=5) == 0
        first = {line["url"].removeprefix(site.url) for line in manifest(out) if line["outcome"] == "saved"}
        assert images(site, out, "--quiet", count=12) == 0
        fetched = [request for request in site.requests if request.startswith("/photo/")]
    assert len(first) == 5 and len(pictures(out)) == 12
    assert [fetched.count(address) for address in first] == [1] * 5
    assert "12 of 12 pictures (5 of them by earlier runs)" in capsys.readouterr().out


def test_several_queries_share_and_no_picture_counts_twice(tmp_path, capsys, threads):
    with search_site(total=8) as site:
        assert images(site, tmp_path / "out", "--quiet", count=8, query=["clown", "joker", "clown"]) == 0
    saved = [line for line in manifest(tmp_path / "out") if line["outcome"] == "saved"]
    assert len({line["url"] for line in saved}) == 8
    assert [sum(line["query"] == query for line in saved) for query in ("clown", "joker")] == [4, 4]


def test_licences_are_chosen(tmp_path, capsys, threads):
    with search_site(total=16, batch=16) as site:
        assert images(site, tmp_path / "out", "--quiet", "--licence", "cc0,by", count=9) == 1
    assert {line["licence"] for line in manifest(tmp_path / "out")} == {"cc0", "by-4.0"}
    captured = capsys.readouterr()
    assert "left out: 8 × another licence" in captured.err and "8 of 9 pictures" in captured.err


@needs_chromium
def test_in_the_browser_with_a_refusal_on_the_way(tmp_path, capsys, threads):
    with search_site(batch=4, refuse_from=1) as site:
        assert images(site, tmp_path / "out", "--patience", "20", engine="duckduckgo", count=10) == 1
    captured = capsys.readouterr()
    assert "4 of 10 pictures: duckduckgo refuses us as a machine (status 403 for its results)" in captured.err
    assert_consistent(tmp_path / "out")


def test_an_engine_that_changed_is_exit_1_and_never_success(tmp_path, capsys):
    with search_site(changed="api") as site:
        assert images(site, tmp_path / "out", engine="openverse") == 1
    captured = capsys.readouterr()
    assert "0 of 6 pictures: openverse: cannot understand" in captured.err and "result_count is missing" in captured.err


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--engine", "altavista"], "no engine altavista"),
        (["--engine", "google", "--licence", "by"], "google does not tell licences"),
        (["--licence", "mit"], "--licence mit: expected cc0, pdm, by"),
        (["--count", "0"], "--count 0: expected 1 or more"),
        (["--patience", "-1"], "--patience -1"),
        (["--base-url", "example.org"], "--base-url example.org: expected an address"),
        (["--base-url", "http://[::1"], r"--base-url http://\[::1: expected an address"),
        (["--base-url", "http://a..b"], "--base-url http://a..b: expected an address"),
        (["--base-url", "http://me:secret@127.0.0.1:9"], "--base-url: carries a name or password"),
        (["--timeout", "0"], "--timeout 0"),
        (["--engine", "google", "--browser", "/no/chromium"], "--browser /no/chromium: no program there"),
        (["--out", ""], '-o/--out "": an empty path; name a file or folder'),
    ],
)
def test_wrong_flags_are_refused_before_anything_is_done(flags, complaint, tmp_path):
    base = [
        "images",
        "clown",
        "--engine",
        "commons",
        "--base-url",
        "http://127.0.0.1:9",
        "--out",
        str(tmp_path / "out"),
    ]
    with pytest.raises(UserError, match=complaint):
        main(base + flags)
    with pytest.raises(UserError, match="an empty QUERY"):
        main([base[0], " ", *base[2:]])
    with pytest.raises(UserError, match="is no text in UTF-8"):
        main([base[0], "clown \udcff", *base[2:]])
    assert not pictures(tmp_path / "out") if (tmp_path / "out").exists() else True


@pytest.mark.parametrize("engine", ["commons", pytest.param("google", marks=[needs_chromium, pytest.mark.slow])])
def test_ctrl_c_leaves_a_consistent_folder_and_the_command_goes_on(engine, tmp_path, threads):
    out = tmp_path / "out"
    with search_site(total=200, batch=10) as site:
        command = ["images", "clown", "--engine", engine, "--base-url", site.url, "--out", str(out), "--count", "200"]
        run = subprocess.Popen(
            [sys.executable, "-m", "scrape", *command, "--allow-private", "--rate", "4", "--workers", "1"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a background job would not hear it
        )
        wait_for(lambda: (out.exists() and len(pictures(out)) >= 3) or run.poll() is not None, 200)
        run.send_signal(signal.SIGINT)
        stdout, stderr = run.communicate(timeout=120)
        assert run.returncode == 130 and stdout == ""
        assert f"interrupted: {out}: " in stderr and "the same command goes on from there" in stderr
        assert "Traceback" not in stderr
        assert_consistent(out)
        before = len(pictures(out))
        assert images(site, out, "--quiet", engine=engine, count=before + 1) == 0
        assert len(pictures(out)) == before + 1
