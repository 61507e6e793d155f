import io
import json
from collections import Counter

import pytest
from picture_server import encoded, photo, picture_server

from common.errors import UserError
from scrape.cli import main
from scrape.outcome import described

FLAGS = ["--allow-private", "--rate", "0", "--workers", "1", "--quiet", "--retries", "0"]


def test_a_list_of_addresses(tmp_path, capsys, monkeypatch, threads):
    out = tmp_path / "pictures"
    with picture_server() as site:
        urls = site.add_photos(3)
        text = f"\ufeff# three\n\n{urls[0]}\n  {urls[1]}  \r\n{urls[2]}\n{urls[0]}\n{site.address}/none.jpg\n"
        (tmp_path / "list.txt").write_text(text, encoding="utf-8")
        assert main(["urls", str(tmp_path / "list.txt"), "--out", str(out), *FLAGS]) == 1
        shown = capsys.readouterr()
        assert shown.out == f"{out}: 3 of 4 pictures; duplicate 0, failed 1\n"
        assert shown.err == "failed: 1 × http_404\n"
        monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(urls)))
        assert main(["urls", "-", "--out", str(out), "--count", "2", *FLAGS]) == 0
        assert capsys.readouterr().out == f"{out}: 2 of 2 pictures (2 of them by earlier runs); duplicate 0, failed 0\n"
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert {line["engine"] for line in lines} == {"list"}
    assert len(lines) == 4


NO_ADDRESSES = [
    "http://[::1/x#y",
    "http://[bad]/x.jpg",
    f"http://{'a' * 70}.com/x.jpg",
    "http://a..b/x.jpg",
    "http://example.com:99999/x.jpg",
    "http://xn--a/x.jpg",
    "http://ex\u202eample.com/x.jpg",
    "javascript:alert(1)",
    "//example.com/x.jpg",
    "not an address",
]


def test_addresses_that_are_none_fail_alone(tmp_path, threads):
    with picture_server() as site:
        (photo_url,) = site.add_photos(1)
        (tmp_path / "list.txt").write_text("\n".join([*NO_ADDRESSES, photo_url]), encoding="utf-8")
        for _ in range(2):
            assert main(["urls", str(tmp_path / "list.txt"), "--out", str(tmp_path / "out"), *FLAGS]) == 1
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    assert {line["url"] for line in lines if line["outcome"] == "failed"} == set(NO_ADDRESSES)
    assert {line["reason"] for line in lines if line["outcome"] == "failed"} == {"bad_url", "dns"}
    assert [line["url"] for line in lines if line["outcome"] == "saved"] == [photo_url]


def test_where_a_flag_decides_it_is_named():
    failed = Counter(timeout=1, private=3, too_small=2)
    lines = ["failed: 3 × private (--allow-private)", "failed: 2 × too_small (--min-size)", "failed: 1 × timeout"]
    assert described(failed) == lines


def test_what_failed_for_good_is_no_success_the_second_time_either(tmp_path, capsys, threads):
    with picture_server() as site:
        (tmp_path / "list.txt").write_text("\n".join([*site.add_photos(2), site.address + "/none.jpg"]))
        for kept in ("", " (2 of them by earlier runs)"):
            assert main(["urls", str(tmp_path / "list.txt"), "--out", str(tmp_path / "o"), *FLAGS]) == 1
            shown = capsys.readouterr()
            assert shown.out.endswith(f"2 of 3 pictures{kept}; duplicate 0, failed 1\n")
            assert shown.err == "failed: 1 × http_404\n"


def test_fewer_than_asked_for_is_no_success(tmp_path, capsys, threads):
    with picture_server() as site:
        (tmp_path / "list.txt").write_text("\n".join([site.add("/a.jpg", encoded(photo(1)))]))
        assert main(["urls", str(tmp_path / "list.txt"), "--out", str(tmp_path / "o"), "--count", "2", *FLAGS]) == 1


@pytest.mark.parametrize(
    ("name", "flags", "complaint"),
    [
        ("none.txt", [], "none.txt: No such file or directory; expected a file of addresses"),
        (".", [], "Is a directory"),
        ("picture.jpg", [], "is no text: expected addresses"),
        ("list.txt", ["--count", "0"], "--count 0: expected 1 or more"),
        ("list.txt", ["--min-size", "0"], "--min-size 0: expected 1 or more"),
        ("list.txt", ["--max-mb", "nan"], r"--max-mb \(in bytes\): expected 1 or more"),
    ],
)
def test_wrong_input_is_one_line(tmp_path, name, flags, complaint):
    (tmp_path / "list.txt").write_text("")
    (tmp_path / "picture.jpg").write_bytes(encoded(photo(1)))
    with pytest.raises(UserError, match=complaint):
        main(["urls", str(tmp_path / name), "--out", str(tmp_path / "o"), *FLAGS, *flags])
