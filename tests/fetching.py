"""Downloads into a folder, and what it holds afterwards."""

import json

from PIL import Image

from scrape.download import download
from scrape.download_settings import DownloadSettings
from scrape.found import Found

QUICK = {"allow_private": True, "rate": 0, "per_host": 32, "workers": 1, "backoff": 0.02, "timeout": 60}


def found(urls, **facts):
    return (Found(url, "https://example.org/page", "test", "clown", **facts) for url in urls)


def fetched(urls, out, wanted=1000, **settings):
    return download(found(urls), out, DownloadSettings(**{**QUICK, **settings}), wanted)


def lines(out):
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def pictures(out):
    return {path.name for path in out.iterdir()} - {"manifest.jsonl"}


def assert_consistent(out):
    """Every picture has its line and every line its picture; each opens; nothing else is there."""
    saved = [line for line in lines(out) if line["outcome"] == "saved"]
    assert {line["file"] for line in saved} == pictures(out)
    for line in saved:
        with Image.open(out / line["file"]) as image:
            image.load()
            assert image.size == (line["width"], line["height"])
    return len(saved)
