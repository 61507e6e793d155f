"""Searches in real Chromium against a site that behaves like the big ones."""

import base64
import os
import signal
from itertools import islice

import pytest
from chromium import needs_chromium
from search_site import made_photo, search_site
from selenium.common.exceptions import InvalidSessionIdException

from scrape import browser_search
from scrape.browser import Browser, BrowserSettings
from scrape.browser_search import ONLY_THUMBNAIL, BrowserSearch, inline_picture
from scrape.engine_list import load_engine
from scrape.search_errors import BlockedError, ChangedError, NothingFoundError, UnreachableError

pytestmark = needs_chromium
BROWSER_ENGINES = ["google", "bing", "duckduckgo"]


@pytest.fixture(scope="module")
def browser():
    with Browser(BrowserSettings(timeout=20)) as one:
        yield one


def searching(browser, site, engine="google", query="clown", patience=10.0, **options):
    return BrowserSearch(browser, load_engine(engine), query, base_url=site.url, patience=patience, **options)


def photos(site, numbers):
    return [site.photo_url(number) for number in numbers]


@pytest.mark.parametrize("engine", BROWSER_ENGINES)
def test_an_engine_gives_full_pictures_with_their_pages(browser, engine):
    with search_site(batch=5) as site:
        found = list(islice(searching(browser, site, engine, "red clown & co"), 12))
    assert [one.url for one in found] == photos(site, range(12))
    assert [one.page for one in found] == [f"{site.url}/page/{number}" for number in range(12)]
    assert {(one.engine, one.query, one.thumbnail) for one in found} == {(engine, "red clown & co", False)}
    assert found[3].title == "Clown 3" and found[3].licence is None


@pytest.mark.parametrize("shape", [{"links": True}, {"changed": "jsname"}])
def test_googles_pictures_are_found_by_more_than_one_sign(browser, shape):
    """The address in the result's own link, and the panel that is known by the result's number alone."""
    with search_site(total=5, **shape) as site:
        found = list(islice(searching(browser, site), 5))
    assert [one.url for one in found] == photos(site, range(5))


def test_no_more_is_asked_than_is_taken(browser):
    with search_site(batch=4, total=40) as site:
        list(islice(searching(browser, site, "bing"), 6))
        assert sum(request.startswith("/batch") for request in site.requests) == 2


@pytest.mark.parametrize("engine", ["google", "bing"])
def test_the_button_for_more_results_is_pressed_until_the_last_of_them(browser, engine):
    with search_site(total=11, batch=3, button_every=2, delay=10) as site:
        found = list(islice(searching(browser, site, engine, patience=6.0), 11))
    assert [one.url for one in found] == photos(site, range(11))


def test_the_consent_page_is_refused_in_german(browser):
    with search_site(consent="page", total=4) as site:
        found = list(islice(searching(browser, site), 4))
        assert len(found) == 4
        assert [request for request in site.requests if request.startswith("POST")] == ["POST /save"]


def test_the_consent_dialog_over_the_results(browser):
    with search_site(consent="dialog", total=4) as site:
        assert len(list(islice(searching(browser, site, "bing"), 4))) == 4


def test_elements_that_are_replaced_under_the_click(browser):
    with search_site(replacing=True, total=5) as site:
        found = list(islice(searching(browser, site, patience=6.0), 5))
    assert [one.url for one in found] == photos(site, range(5))


def test_a_result_whose_picture_never_comes_is_counted_and_no_other_taken_for_it(browser):
    with search_site(total=3, thumbnail_only=frozenset({1})) as site:
        search = searching(browser, site, patience=3.0)
        found = list(islice(search, 2))
    assert [one.url for one in found] == photos(site, [0, 2])
    assert search.skipped == {ONLY_THUMBNAIL: 1}


def test_thumbnails_inside_the_page_are_kept_on_demand(browser):
    with search_site(total=2, thumbnail_only=frozenset({0, 1})) as site:
        small = list(islice(searching(browser, site, patience=1.0, thumbnails=True), 2))
    assert all(one.thumbnail and one.data.startswith(b"\xff\xd8") for one in small)
    assert len({one.url for one in small}) == 2 and small[1].page == f"{site.url}/page/1"


def test_the_refusal_is_named(browser):
    with search_site(refuse_from=0) as site, pytest.raises(BlockedError, match=r"google refuses us .*\(status 429\)"):
        next(iter(searching(browser, site)))


def test_the_captcha_is_named(browser):
    with (
        search_site(refuse_from=0, captcha=True) as site,
        pytest.raises(BlockedError, match="form#captcha-form on the page"),
    ):
        next(iter(searching(browser, site)))


def test_a_refusal_in_words_only_is_told_from_results_about_it(browser):
    with search_site(refuse_from=0, captcha=True, changed="captcha") as site:
        with pytest.raises(BlockedError, match=r'refuses us .*"unusual traffic'):
            next(iter(searching(browser, site, patience=0.8)))
    with search_site() as site:
        assert next(iter(searching(browser, site, query="unusual traffic: access denied"))).url == site.photo_url(0)


@pytest.mark.parametrize(("engine", "status"), [("bing", 429), ("duckduckgo", 403), ("duckduckgo", 202)])
def test_a_refusal_on_the_way_comes_after_what_was_found(browser, engine, status):
    with search_site(refuse_from=1, refusal=status, batch=4) as site:
        results = iter(searching(browser, site, engine, patience=3.0))
        assert len(list(islice(results, 4))) == 4
        with pytest.raises(BlockedError, match=rf"{engine} .*status {status}"):
            next(results)


@pytest.mark.parametrize(
    ("engine", "changed", "named"),
    [
        ("google", "viewer", r"viewer.pictures = .*imgurl.*kn3ccd"),
        ("bing", "json", r"fields.picture = @m.murl"),
        ("duckduckgo", "items", r"feed.items = results"),
        ("duckduckgo", "next", r"feed.next = next"),
    ],
)
def test_results_that_changed_are_named_by_engine_and_selector(browser, engine, changed, named, monkeypatch):
    monkeypatch.setattr(browser_search, "MISSES", 2)  # each is waited for
    with (
        search_site(changed=changed, total=3) as site,
        pytest.raises(ChangedError, match=rf"^{engine}: nothing at .* matches {named}"),
    ):
        list(searching(browser, site, engine, patience=2.0))


@pytest.mark.parametrize(
    ("engine", "changed", "named"),
    [
        ("google", "tile", r"tile = div\[data-lpage\]"),
        ("bing", "tile", r"tile = a.iusc"),
        ("duckduckgo", "token", r"feed.token = vqd"),
    ],
)
def test_a_page_that_changed_is_named_by_engine_and_selector(browser, engine, changed, named):
    with (
        search_site(changed=changed, total=3) as site,
        pytest.raises(ChangedError, match=rf"^{engine}: nothing at .* matches {named}"),
    ):
        list(searching(browser, site, engine, patience=0.4))


def test_nothing_found_is_no_change(browser):
    with search_site() as site, pytest.raises(NothingFoundError, match='google: has nothing for "nothing"'):
        next(iter(searching(browser, site, query="nothing")))


def test_no_network_is_said(browser):
    with search_site() as site:
        pass
    with pytest.raises(UnreachableError, match=r"cannot be reached .ERR_CONNECTION_REFUSED"):
        next(iter(searching(browser, site)))


def test_a_server_that_does_not_answer_is_asked_again():
    with Browser(BrowserSettings(timeout=5)) as own, search_site(stalls=1, total=3) as site:
        assert len(list(islice(searching(own, site), 3))) == 3
        assert sum(request.startswith("/search") for request in site.requests) == 2


def test_a_browser_that_is_killed_in_the_middle_is_started_again(browser, caplog):
    with search_site(batch=4) as site:
        results = iter(searching(browser, site))
        first, starts = list(islice(results, 6)), browser.starts
        os.kill(browser.driver.capabilities["goog:processID"], signal.SIGKILL)
        rest = list(islice(results, 4))
        assert browser.starts == starts + 1
    assert [one.url for one in first + rest] == photos(site, range(10))
    assert "the browser broke down" in caplog.text


def test_a_browser_that_breaks_down_again_and_again_ends_the_search():
    class Broken:
        """A page in a browser that crashes as soon as it is used."""

        def open(self):
            raise InvalidSessionIdException("session deleted as the browser has closed the connection")

    own = Browser()
    search = BrowserSearch(own, load_engine("google"), "clown")
    search._page = Broken()
    with pytest.raises(UnreachableError, match=r"the browser broke down 3 times in a row .*session deleted"):
        next(iter(search))


def test_pictures_inside_a_page():
    photo = made_photo(1)
    assert inline_picture("data:image/jpeg;base64," + base64.b64encode(photo).decode()) == photo
    assert inline_picture("data:image/gif;base64,R0lGODlhAQABAAAAACw=") is None  # a place-holder of one pixel
    assert inline_picture("data:image/jpeg;base64,***") is None
    assert inline_picture("https://example.org/a.jpg") is None
