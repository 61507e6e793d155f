"""Queries that find the same pictures."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from picture_server import encoded, photo, picture_server
from search_site import search_site

from scrape.cli import main
from scrape.collect import Collection
from scrape.decoders import Decoders
from scrape.download_settings import DownloadSettings
from scrape.engine_list import load_engine
from scrape.found import Found
from scrape.search import SearchSettings


@pytest.fixture(autouse=True)
def threads(monkeypatch):
    """Decode in threads: these tests are not about processes."""
    monkeypatch.setattr(Decoders, "_new", lambda self, workers: ThreadPoolExecutor(workers))


class Prepared:
    """A search whose results are known."""

    def __init__(self, results):
        self.results, self.found = results, len(results)
        self.skipped, self.problem, self.dry = Counter(), None, True

    def __iter__(self):
        return iter(self.results)

    def close(self):
        pass


class Begun(Prepared):
    """A search that may have more."""

    def __init__(self, results):
        super().__init__(results)
        self.dry = False


def thumbnail(query, number):
    """A thumbnail that stood in the page of a query's results: that page's address is all the address it has."""
    address = f"https://example.org/search?q={query}#{number}"
    return Found(address, None, "test", query, thumbnail=True, data=encoded(photo(number)))


def test_a_thumbnail_that_two_queries_find_counts_once(tmp_path, monkeypatch):
    searches = {
        "clown": Prepared([thumbnail("clown", 0)]),
        "joker": Prepared([thumbnail("joker", 0), thumbnail("joker", 1), thumbnail("joker", 2)]),
    }
    collection = Collection(load_engine("commons"), SearchSettings(), DownloadSettings(workers=1))
    monkeypatch.setattr(collection._searcher, "search", searches.__getitem__)
    collection.collect(["clown", "joker"], tmp_path, 2, quiet=True)
    assert collection.had == 2 and len(list(tmp_path.glob("*.jpg"))) == 2


def test_pictures_and_frames_share_a_folder(tmp_path, capsys):
    frame = {"source": "party.mp4", "frame": "party@00001.000.jpg", "seconds": 1.0, "file": "party@00001.000.jpg"}
    line = {"outcome": "saved", "sha256": "ab" * 32, "phash": "0f", **frame}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(line) + "\n")
    (tmp_path / frame["file"]).write_bytes(encoded(photo(99)))
    with search_site(total=6) as site:
        flags = ["--base-url", site.url, "--allow-private", "--rate", "0", "--workers", "1", "--quiet"]
        out = ["--out", str(tmp_path), "--count", "4"]
        assert main(["images", "clown", "joker", "--engine", "commons", *flags, *out]) == 0
    assert "4 of 4 pictures" in capsys.readouterr().out
    assert len(list(tmp_path.glob("*.jpg"))) == 5


def test_what_failed_is_asked_for_once_and_counted_once_however_often_a_query_comes_round(tmp_path, monkeypatch):
    with picture_server() as site:
        shut = [site.add(f"/shut{number}.jpg", b"", 403) for number in range(3)]
        many = [Found(url, None, "test", "clown") for url in [*shut, *site.add_photos(7)]]
        few = [Found(*site.add_photos(1, first=50), None, "test", "joker")]
        collection = Collection(
            load_engine("commons"), SearchSettings(), DownloadSettings(workers=1, allow_private=True, rate=0)
        )
        monkeypatch.setattr(
            collection._searcher,
            "search",
            lambda query: Begun(many) if query == "clown" else Prepared(few),
        )
        collection.collect(["clown", "joker"], tmp_path, 8, quiet=True)
        assert [site.asked[f"/shut{number}.jpg"] for number in range(3)] == [1] * 3
    assert collection.summary(tmp_path).endswith("8 of 8 pictures; found 11, duplicate 0, failed 3")


def test_queries_that_find_the_same_ask_for_nothing_twice(tmp_path, monkeypatch):
    """Nor is a picture under way given up when a share is full, to be fetched again for the next."""
    with picture_server() as site:
        found = [Found(url, None, "test", "clown") for url in site.add_photos(10)]
        searches = {"clown": Begun(found[:9]), "joker": Begun(found)}
        settings = DownloadSettings(workers=1, allow_private=True, rate=0)
        collection = Collection(load_engine("commons"), SearchSettings(), settings)
        monkeypatch.setattr(collection._searcher, "search", searches.__getitem__)
        collection.collect(["clown", "joker"], tmp_path, 6, quiet=True)
        assert len(site.asked) >= 7 and set(site.asked.values()) == {1}  # robots.txt, too
    assert collection.had == len(list(tmp_path.glob("*.jpg"))) == 6
