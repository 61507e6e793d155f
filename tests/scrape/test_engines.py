"""Engines: their files, the requests to APIs and what is read from the answers."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests
from chromium import needs_chromium
from search_site import search_site

from common.errors import UserError
from scrape.api_search import OTHER_LICENCE, ApiSearch, is_of
from scrape.browser import BrowserSettings
from scrape.engine_file import Place, read_engine
from scrape.engine_list import engine_names, load_engine
from scrape.engines.commons import licence_of, plain
from scrape.result_page import joined, moved, named
from scrape.retry_after import pause_asked
from scrape.search import Searcher, SearchSettings
from scrape.search_errors import BlockedError, ChangedError, SearchError, UnreachableError

GALLERY = """
address = "https://pictures.example/images/search?q={query}"
tile = "a.iusc"
[fields]
picture = "@m.murl"
thumbnail = "img.mimg@src"
[more]
texts = ["See MORE images"]
"""


def asked(engine, site, query="clown", **options):
    waits = []
    search = ApiSearch(load_engine(engine), query, base_url=site.url, sleep=waits.append, **options)
    return search, waits


def test_the_engines_there_are():
    assert engine_names() == ["bing", "commons", "duckduckgo", "google", "openverse"]
    assert [load_engine(name).name for name in engine_names()] == engine_names()
    with pytest.raises(UserError, match="no engine altavista; there are bing, commons, duckduckgo, google, openverse"):
        load_engine("altavista")


@needs_chromium
def test_another_engine_is_one_file(tmp_path):
    file = tmp_path / "pictures.toml"
    file.write_text(GALLERY)
    with search_site(total=3) as site:
        settings = SearchSettings(base_url=site.url, patience=2.0, browser=BrowserSettings(timeout=20))
        with Searcher(load_engine(str(file)), settings) as searcher:
            search = searcher.search("clown")
            found = list(search)
    assert [(one.url, one.engine) for one in found] == [(site.photo_url(number), "pictures") for number in range(3)]
    assert search.dry and search.problem is None


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("address = 'https://example.org/'", "expected an http address with {query}"),
        ("tile = ''", "tile = '': expected a text"),
        ("speed = 3", "speed is not known; expected one of address"),
        ("fields = {picture = 'img'}", "'img' is no place; expected SELECTOR@ATTRIBUTE"),
        ("fields = {picture = 'a@href?'}", "'a@href?' is no place"),
        ("fields = {page = '@href'}", "fields.picture is missing"),
        ("fields = {photo = '@href'}", "fields.photo is not known"),
        ("more = {texts = 'more'}", "more.texts: expected a list of texts"),
        ("viewer = {click = 'img'}", "pictures is missing"),
        ("feed = {address = 'a', items = 'b', token = 'vqd'}", "expected a regular expression with one group"),
        ("tile = ", "is no TOML"),
        ("tile = 5", "tile = 5: expected a text"),
        ("fields = 5", "fields: expected a table"),
        ("fields = {picture = 5}", "fields.picture = 5: expected a text"),
        ("fields = {picture = ['@href']}", "fields.picture = ['@href']: expected a text"),
        ("feed = 1", "feed: expected a table"),
        ("feed = {address = 'a', items = 'b', next = 3}", "feed.next = 3: expected a text"),
        ("viewer = {pictures = 'img@src'}", "viewer.pictures: expected a list of texts"),
        ("viewer = {pictures = []}", "viewer.pictures = []: expected one or more"),
        ("viewer = {pictures = ['img@src'], thumbnails = 'gstatic'}", "viewer.thumbnails: expected a list of texts"),
        ("viewer = {pictures = ['img@src'], click = 5}", "viewer.click = 5: expected a text"),
        ("consent = 'no'", "consent: expected a table"),
    ],
)
def test_a_wrong_engine_file_is_named_with_its_key(line, wrong, tmp_path):
    file = tmp_path / "mine.toml"
    key = line.partition(" ")[0]
    given = {
        "address": "address = 'https://example.org/?q={query}'",
        "tile": "tile = 'a'",
        "fields": "fields = {picture = '@href'}",
    }
    file.write_text("\n".join([line, *(text for name, text in given.items() if name != key)]))
    with pytest.raises(UserError, match=r"mine\.toml: .*") as raised:
        read_engine(file)
    assert wrong in str(raised.value)


def test_a_file_that_is_not_there():
    with pytest.raises(UserError, match=r"none.toml: cannot be read"):
        load_engine("none.toml")


@needs_chromium
def test_a_selector_that_is_none_is_named(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(GALLERY.replace('"a.iusc"', '"a["'))
    with search_site() as site:
        settings = SearchSettings(base_url=site.url, browser=BrowserSettings(timeout=20))
        with (
            Searcher(load_engine(str(file)), settings) as searcher,
            pytest.raises(UserError, match=r"mine: a\[ is no CSS selector"),
        ):
            next(searcher.search("clown"))


def test_places():
    assert Place.of("a.result img@src") == Place("a.result img@src", "a.result img", "src", ())
    assert Place.of("@m.urls.full").keys == ("urls", "full")
    assert Place.of("a[x='?']@href?imgurl") == Place("a[x='?']@href?imgurl", "a[x='?']", "href", (), "imgurl")
    assert named(Place.of("[data-id='{data-docid}']@src"), {"data-docid": "D7"})[0].selector == "[data-id='D7']"
    assert named(Place.of("img@src"), {})[1] is False


def test_addresses():
    assert moved("https://a.org/w/api.php?q=1", "http://127.0.0.1:8/wiki/") == "http://127.0.0.1:8/wiki/w/api.php?q=1"
    first = "https://duckduckgo.com/i.js?q=clown&vqd=4-1&p=1"
    assert joined(first, "i.js?q=clown&s=100&p=1") == "https://duckduckgo.com/i.js?q=clown&vqd=4-1&p=1&s=100"


@pytest.mark.parametrize("engine", ["openverse", "commons"])
def test_an_api_gives_licence_creator_and_page(engine):
    with search_site(total=45, batch=20) as site:
        search, waits = asked(engine, site)
        found = list(search)
    assert [one.url for one in found] == [site.photo_url(number) for number in range(45)]
    version = {"openverse": "2.0", "commons": "4.0"}[engine]
    assert [one.licence for one in found[2:4]] == [f"by-sa-{version}", f"by-nc-{version}"]
    assert found[7].creator == "Painter 7" and found[7].page == f"{site.url}/page/7"
    assert found[7].title.startswith("Clown 7") and found[7].engine == engine
    pause = {"openverse": 3.0, "commons": 1.0}[engine]
    assert waits == [pause, pause]  # three requests: a pause between each two


@pytest.mark.parametrize("engine", ["openverse", "commons"])
def test_licences_are_chosen_by_family(engine):
    with search_site(total=20, batch=10) as site:
        search, _ = asked(engine, site, licences=("cc0", "by"))
        licences = {one.licence.rpartition("-")[0] or one.licence for one in search}
    assert licences == {"cc0", "by"}
    assert search.skipped == ({OTHER_LICENCE: 10} if engine == "commons" else {})


def test_families():
    assert is_of("by-2.0", "by") and is_of("cc0", "cc0") and is_of("cc0-1.0", "cc0") and is_of("by-sa-3.0", "by-sa")
    assert not is_of("by-sa-2.0", "by") and not is_of(None, "by") and not is_of("by-nc-nd-4.0", "by-nc")


def test_names_of_licences_on_commons():
    assert licence_of("cc-by-sa-4.0", "CC BY-SA 4.0") == "by-sa-4.0"
    assert licence_of("pd", None) == "pdm" and licence_of(None, "Public domain") == "pdm"
    assert licence_of("cc0", None) == "cc0" and licence_of("gfdl", None) == "gfdl" and licence_of(None, None) is None
    assert plain('<a href="/wiki/User:X">X &amp; Y</a>') == "X & Y" and plain("<b></b>") is None


def test_an_api_that_changed_is_named():
    with search_site(changed="api") as site:
        search, _ = asked("openverse", site)
        with pytest.raises(ChangedError, match=r"openverse: cannot understand .*result_count is missing"):
            next(iter(search))


@pytest.mark.parametrize("field", ["url", "foreign_landing_url", "license"])
def test_an_answer_with_something_else_than_texts_is_a_changed_one(field):
    item = {"url": "https://a.example/1.jpg", "foreign_landing_url": "https://a.example", "license": "by", "creator": 7}
    answer = {"results": [item], "page_count": 1, "result_count": 1}
    with Scripted((200, {}, answer)) as server:
        (found,) = asked("openverse", server)[0]
    assert found.creator == "7"
    with Scripted((200, {}, {**answer, "page_count": float("inf")})) as server, pytest.raises(ChangedError):
        list(asked("openverse", server)[0])
    item[field] = ["a list"]
    with Scripted((200, {}, answer)) as server, pytest.raises(ChangedError, match="cannot understand"):
        list(asked("openverse", server)[0])


class Scripted:
    """A server that gives prepared answers, the last one for ever."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), 0

    def __enter__(self):
        script = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                script.asked += 1
                status, headers, body = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


EMPTY = {"results": [], "page_count": 0, "result_count": 0}


def test_a_pause_that_the_api_asks_for_is_kept():
    with Scripted((429, {"Retry-After": "7"}, {}), (503, {}, {}), (200, {}, EMPTY)) as server:
        search, waits = asked("openverse", server)
        assert list(search) == []
    assert waits == [7.0, 12.0]


def test_a_long_pause_ends_the_search():
    with Scripted((429, {"Retry-After": "3600"}, {})) as server:
        search, waits = asked("openverse", server)
        with pytest.raises(BlockedError, match=r"openverse: .* status 429 and asks for a pause of 3600 s"):
            list(search)
    assert server.asked == 1 and waits == []


def test_a_refusal_that_lasts():
    with Scripted((429, {}, {})) as server, pytest.raises(BlockedError, match=r"commons: .* status 429, 4 times"):
        list(asked("commons", server)[0])
    with (
        Scripted((403, {}, {"detail": "go away"})) as server,
        pytest.raises(BlockedError, match=r"refuses us .*go away"),
    ):
        list(asked("commons", server)[0])


def test_a_wiki_that_is_overloaded_is_asked_again():
    busy = {"error": {"code": "maxlag", "info": "waiting"}}
    with Scripted((200, {"Retry-After": "5"}, busy), (200, {}, {"batchcomplete": True})) as server:
        search, waits = asked("commons", server)
        assert list(search) == [] and waits == [5.0]


def test_an_error_of_the_wiki_is_repeated():
    with Scripted((200, {}, {"error": {"code": "badvalue", "info": "no such module"}})) as server:
        with pytest.raises(ChangedError, match=r"commons: .*badvalue: no such module"):
            list(asked("commons", server)[0])


def test_no_network():
    with Scripted((200, {}, {})) as server:
        pass
    search, waits = asked("openverse", server)
    with pytest.raises(
        UnreachableError, match=r"openverse: 127.0.0.1:\d+ does not answer \(ConnectionError\), 4 times"
    ):
        list(search)
    assert waits == [6.0, 12.0, 24.0]


def test_the_name_of_a_server_is_no_refusal():
    search = ApiSearch(
        load_engine("commons"), "clown", base_url="http://me:pw@no429.invalid", sleep=lambda seconds: None
    )
    with pytest.raises(UnreachableError, match=r"commons: no429.invalid does not answer"):
        list(search)


@pytest.mark.parametrize("total", [240, 10_000])  # its own count ends there, too
def test_what_openverse_does_not_give_is_said(total):
    answer = {"results": [], "page_count": 12, "result_count": total}
    parsed = load_engine("openverse").parse(answer, "clown", {"page": "12"})
    assert parsed.limit == "gives the first 240 results of a query and no more; ask with other words too"
    fewer = {"results": [], "page_count": 2, "result_count": 37}
    assert load_engine("openverse").parse(fewer, "clown", {"page": "2"}).limit == ""


def test_a_token_goes_to_its_engine_and_nowhere_else(monkeypatch):
    monkeypatch.setenv("OPENVERSE_TOKEN", "secret")
    engine, sent = load_engine("openverse"), []

    def get(session, address, **_):
        sent.append((address, session.headers.get("Authorization")))
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "get", get)
    for base_url in (None, "https://mirror.example", "http://api.openverse.org"):
        with pytest.raises(UnreachableError):
            list(ApiSearch(engine, "clown", base_url=base_url, sleep=lambda seconds: None))
    assert set(sent) == {
        ("https://api.openverse.org/v1/images/", "Bearer secret"),
        ("https://mirror.example/v1/images/", None),
        ("http://api.openverse.org/v1/images/", None),  # readable on the way
    }


def test_pauses():
    assert pause_asked("12") == 12.0 and pause_asked(" 1.5 ") == 1.5
    assert pause_asked("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert pause_asked("Fri, 21 Oct 2250 07:28:00 GMT") > 1e9
    ill = [None, "", "soon", "-5", "nan", "inf", "\u00b2", "1" * 5000, "Mon, 01 Jan 2020 00:00:00 +9999999999999999"]
    assert [pause_asked(text) for text in [*ill, "Mon, 01 Jan 99999999999999 00:00:00 GMT"]] == [None] * 10


def test_browser_engines_know_no_licence():
    with pytest.raises(UserError, match="google does not tell licences"):
        Searcher(load_engine("google"), SearchSettings(licences=("by",)))


def test_a_search_that_ends_early_keeps_its_reason():
    with (
        search_site(changed="api") as site,
        Searcher(load_engine("openverse"), SearchSettings(base_url=site.url)) as one,
    ):
        search = one.search("clown")
        assert list(search) == [] and isinstance(search.problem, SearchError) and not search.dry
