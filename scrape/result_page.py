"""A page of results in the browser: opened past its walls, read, scrolled, clicked."""

from __future__ import annotations

import json
import re
import time
import tomllib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from http import HTTPStatus
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

from common.errors import UserError
from scrape.engine_file import BrowserEngine, Place, Signs, signs
from scrape.search_errors import BlockedError, ChangedError, NothingFoundError, SearchError, UnreachableError

if TYPE_CHECKING:
    from selenium.webdriver.remote.webelement import WebElement

    from scrape.browser import Browser

POLL = 0.1  # seconds between two looks at a page
CONSENTS = 4  # clicks, on as many dialogs in a row
CLICKS = 3  # attempts at an element that the page replaces under us


class ResultPage:
    """The results of one query in one engine.

    Attributes:
        engine: whose page it is.
        address: of the results.
    """

    def __init__(
        self, browser: Browser, engine: BrowserEngine, query: str, *, base_url: str | None, patience: float
    ) -> None:
        """Prepare; nothing is opened.

        Args:
            browser: where it is shown.
            engine: the description of the page.
            query: what is searched for.
            base_url: scheme, host and port that take the place of the engine's own; None: its own.
            patience: seconds that something may take to appear on a page that has loaded.
        """
        self.engine = engine
        self.address = moved(engine.address.replace("{query}", quote(query, safe="")), base_url)
        self._query, self._base_url, self._patience = query, base_url, patience
        self._browser = browser
        self._timeout = browser.settings.timeout
        self._told = _told(engine)
        self._given: set[str] = set()  # pictures of results that were opened

    def open(self) -> None:
        """Open the results: agree to nothing that can be refused, and wait until there are some.

        Raises:
            NothingFoundError: the engine says that it has nothing.
            SearchError: it is blocked, changed or does not answer.
        """
        for last in (False, True):
            if self._answers():
                break
            self._browser.restart()  # while it waits for an answer it hears nothing
            if last:
                raise UnreachableError(
                    f"{self.engine.name}: {self.address} did not answer within {self._timeout:g} s, twice; try later, "
                    "or raise --timeout"
                )
        self._pass_walls()

    def _answers(self) -> bool:
        from selenium.common.exceptions import TimeoutException

        before = self.script("return performance.timeOrigin")
        try:
            self._browser.driver.get(self.address)
            return self._until(lambda state: state["began"] != before, self._timeout)
        except TimeoutException:
            return False

    def _pass_walls(self) -> None:
        begin, clicks = time.monotonic(), 0
        limits = {True: self._patience, False: self._timeout}
        while True:
            state = self.state()
            self._refuse_blocked(state)
            if state["consent"] is not None and clicks < CONSENTS:
                clicks += 1
                self._press(state["consent"])
                self._settled_after_consent(state)
                begin = time.monotonic()
            elif self._ready(state):
                return
            elif state["nothing"]:
                raise NothingFoundError(f'{self.engine.name}: has nothing for "{self._query}"; try other words')
            elif state["unreachable"] or time.monotonic() - begin > limits[state["loaded"]]:
                raise self._why_not_ready(state)
            time.sleep(POLL)

    def _ready(self, state: dict[str, Any]) -> bool:
        if self.engine.feed is not None:
            return bool(state["loaded"]) and self._token() is not None
        return state["tiles"] > 0

    def _settled_after_consent(self, before: dict[str, Any]) -> None:
        """Wait until the dialog is gone or another one has come; a wall that stays is met again."""
        self._until(lambda state: state["consent"] != before["consent"])

    def _why_not_ready(self, state: dict[str, Any]) -> SearchError:
        name = self.engine.name
        if state["unreachable"]:
            return UnreachableError(
                f"{name}: {self.address} cannot be reached ({state['unreachable']}); is there a network?"
            )
        self._refuse_blocked({"blocked": state["suspect"]})
        if state["failed"]:
            return UnreachableError(f"{name}: {state['address']} answers with status {state['failed']}; try later")
        if state["consent"] is not None:
            return ChangedError(f"{name}: the consent page stays after {CONSENTS} clicks; its buttons have changed")
        if self.engine.feed is not None:
            return changed(self.engine, "feed.token", self.engine.feed.token, state["address"])
        return changed(self.engine, "tile", self.engine.tile, state["address"])

    def _refuse_blocked(self, state: dict[str, Any]) -> None:
        if state["blocked"]:
            raise BlockedError(
                f"{self.engine.name} refuses us as a machine ({state['blocked']}): wait some hours, ask for fewer "
                "pictures, or take an engine with an API: openverse, commons"
            )

    def state(self) -> dict[str, Any]:
        """Look at the page once; see `state` in page.js."""
        state: dict[str, Any] = self.script("return state(arguments[0])", self._told)
        return state

    def _until(self, wanted: Callable[[dict[str, Any]], bool], seconds: float | None = None) -> bool:
        """Look at the page until `wanted(state)`; False when that takes too long, by default longer than patience."""
        end = time.monotonic() + (self._patience if seconds is None else seconds)
        while True:
            state = self.state()
            self._refuse_blocked(state)
            if wanted(state):
                return True
            if time.monotonic() > end:
                return False
            time.sleep(POLL)

    def keys(self) -> list[str]:
        """Give the keys of all results on the page, in its order."""
        return list(self.script("return keys(arguments[0])", self._told))

    def result(self, key: str) -> dict[str, Any] | None:
        """Give the values of one result and its `attributes`; None where it has gone."""
        values: dict[str, Any] | None = self.script("return result(arguments[0], arguments[1])", self._told, key)
        return values

    def ask_for_more(self) -> bool:
        """Scroll to the end, press the button there; whether more results came.

        Raises:
            BlockedError: they were refused.
        """
        before = self.state()

        def grown(state: dict[str, Any]) -> bool:
            return bool(state["signature"] != before["signature"])

        self.script("return toTheEnd()")
        for _ in range(CLICKS):
            if not self._until(lambda state: grown(state) or state["more"] is not None):
                break
            state = self.state()
            if grown(state):
                return True
            if self._press(state["more"]):
                if self._until(grown):
                    return True
                break
        if self.state()["throttled"]:
            raise BlockedError(
                f"{self.engine.name} gives no further results (status 429): wait some hours, or ask for fewer pictures"
            )
        return False

    def opened_picture(self, key: str, values: dict[str, Any]) -> str | None:
        """Click a result and wait for the address of its picture.

        Args:
            key: of the result.
            values: what `result` gave for it.

        Returns:
            The address; None when none appears in time, or the result has gone.
        """
        viewer = self.engine.viewer
        assert viewer is not None
        places = [named(place, values["attributes"]) for place in viewer.pictures]
        before = self._pictures(places)
        # A page that replaces its elements all the time loses true clicks: the second one is by script.
        for click in (self._click, self._click_by_script):
            if not click(key):
                continue
            end = time.monotonic() + self._patience / 2
            while time.monotonic() < end:
                if address := self._new_picture(places, before):
                    return address
                time.sleep(POLL)
        return None

    def _new_picture(self, places: list[tuple[Place, bool]], before: list[list[str]]) -> str | None:
        """Look for a full picture that is surely this result's, or that was not there before."""
        viewer = self.engine.viewer
        assert viewer is not None
        for (_, sure), addresses, old in zip(places, self._pictures(places), before, strict=True):
            for address in addresses:
                whole = address.startswith(("http://", "https://"))
                small = any(part in address for part in viewer.thumbnails)
                if whole and not small and (sure or (address not in old and address not in self._given)):
                    self._given.add(address)
                    return address
        return None

    def _click_by_script(self, key: str) -> bool:
        return bool(self.script("return clickResult(arguments[0], arguments[1])", self._told, key))

    def _pictures(self, places: list[tuple[Place, bool]]) -> list[list[str]]:
        told = [{**place.as_json(), "sure": sure} for place, sure in places]
        found: list[list[str]] = self.script("return pictures(arguments[0])", told)
        return found

    def _click(self, key: str) -> bool:
        for _ in range(CLICKS):
            element = self.script("return clickable(arguments[0], arguments[1])", self._told, key)
            if element is None:
                return False
            if self._press(element):
                return True
        return False

    def _press(self, element: WebElement | None) -> bool:
        """Click as a person does; where something lies over the element, by script. False: the page replaced it."""
        from selenium.common.exceptions import (
            ElementClickInterceptedException,
            ElementNotInteractableException,
            StaleElementReferenceException,
        )

        if element is None:
            return False
        try:
            try:
                element.click()
            except (ElementClickInterceptedException, ElementNotInteractableException):
                self.script("arguments[0].click()", element)
        except StaleElementReferenceException:
            return False
        return True

    def stayed(self) -> bool:
        """Whether the results are still shown: a click may have led away. Other windows are closed."""
        driver = self._browser.driver
        own, *others = driver.window_handles
        for other in others:
            driver.switch_to.window(other)
            driver.close()
        driver.switch_to.window(own)
        return self.state()["tiles"] > 0

    def feed(self, following: str | None) -> dict[str, Any]:
        """Fetch one JSON answer from inside the page.

        Args:
            following: what the answer before named as the next one; None for the first.

        Raises:
            SearchError: it is refused, or no JSON.
        """
        feed = self.engine.feed
        assert feed is not None
        first = feed.address.replace("{query}", quote(self._query, safe=""))
        first = moved(first.replace("{token}", self._token() or ""), self._base_url)
        address = first if following is None else joined(first, following)
        reply = self.script("return answer(arguments[0])", address)
        if reply["status"] in (202, 403, 418, 429, 503):  # 202: accepted, and nothing given
            self._refuse_blocked({"blocked": f"status {reply['status']} for its results"})
        if reply["status"] >= HTTPStatus.BAD_REQUEST:
            raise UnreachableError(f"{self.engine.name}: {address} answers with status {reply['status']}; try later")
        try:
            answer = json.loads(reply["text"])
        except (ValueError, RecursionError) as error:
            raise changed(self.engine, "feed.address", feed.address, address) from error
        if not isinstance(answer, dict) or not isinstance(answer.get(feed.items), list):
            raise changed(self.engine, "feed.items", feed.items, address)
        if feed.next and not isinstance(answer.get(feed.next, ""), str | None):
            raise changed(self.engine, "feed.next", feed.next, address)
        return answer

    def _token(self) -> str | None:
        feed = self.engine.feed
        if feed is None or not feed.token:
            return ""
        match = re.search(feed.token, self._browser.driver.page_source)
        return match[1] if match else None

    def script(self, call: str, *values: Any) -> Any:
        """Run a line against the functions of page.js.

        Raises:
            UserError: a selector of the engine's file is not one.
        """
        from selenium.common.exceptions import (
            InvalidElementStateException,
            InvalidSelectorException,
            JavascriptException,
        )

        try:
            return self._browser.driver.execute_script(f"{_functions()}\n{call}", *values)
        except (JavascriptException, InvalidElementStateException, InvalidSelectorException) as error:
            if wrong := re.search(r"on '\w+': '([^\n]*)' is not a valid selector", error.msg or ""):
                raise UserError(
                    f"{self.engine.name}: {wrong[1]} is no CSS selector; mend {self.engine.file}"
                ) from error
            raise


def changed(engine: BrowserEngine, key: str, value: str, address: str) -> ChangedError:
    """Make the error for a part of an engine's file that fits the page no more."""
    return ChangedError(
        f"{engine.name}: nothing at {address} matches {key} = {value}: the engine has changed its pages; mend "
        f"{engine.file} (docs/scraping.md), or take another engine"
    )


def named(place: Place, attributes: dict[str, str]) -> tuple[Place, bool]:
    """Put a result's attributes into a place; says also whether the place is that result's alone."""
    wanted = re.findall(r"\{([\w-]+)\}", place.selector)
    selector = place.selector
    for name in wanted:
        selector = selector.replace(f"{{{name}}}", attributes.get(name, "none"))
    return replace(place, selector=selector), bool(wanted)


def moved(address: str, base_url: str | None) -> str:
    """Put another scheme, host and port before the path of an address."""
    if base_url is None:
        return address
    base, old = urlsplit(base_url), urlsplit(address)
    return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + old.path, old.query, ""))


def joined(first: str, following: str) -> str:
    """Complete the address of the next answer with what only the first one carries, such as its token."""
    old, new = urlsplit(first), urlsplit(urljoin(first, following))
    query = {**dict(parse_qsl(old.query, keep_blank_values=True)), **dict(parse_qsl(new.query, keep_blank_values=True))}
    return urlunsplit((old.scheme, old.netloc, new.path, urlencode(query), ""))


@cache
def _functions() -> str:
    return resources.files("scrape").joinpath("page.js").read_text(encoding="utf-8")


@cache
def walls() -> dict[str, Signs]:
    """Signs of consent pages and refusals that all engines share."""
    values = tomllib.loads(resources.files("scrape").joinpath("walls.toml").read_text(encoding="utf-8"))
    return {name: signs(name, value) for name, value in values.items()}


def _told(engine: BrowserEngine) -> dict[str, Any]:
    """Give the engine as the page's script takes it."""
    key = next((engine.fields[name] for name in ("key", "picture", "page") if name in engine.fields), None)
    return {
        "tile": engine.tile,
        "click": engine.viewer.click if engine.viewer else "",
        "fields": {name: place.as_json() for name, place in engine.fields.items() if not engine.feed},
        "key": None if key is None or engine.feed else key.as_json(),
        "more": engine.more.as_json(),
        "consent": (engine.consent + walls()["consent"]).as_json(),
        "blocked": (engine.blocked + walls()["blocked"]).as_json(),
        "nothing": engine.nothing.as_json(),
    }
