"""Search in the browser: result after result, over stale pages, timeouts and crashes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any

from scrape.browser import Browser
from scrape.engine_file import BrowserEngine, Place
from scrape.found import Found
from scrape.result_page import ResultPage, changed
from scrape.search_errors import UnreachableError

LOGGER = logging.getLogger(__name__)
CRASHES = 3  # in a row, without a result between them
BARREN = 5  # times in a row that a page changed and showed nothing new: it goes in circles
MISSES = 5  # results opened in a row, none ever with a picture: then the page has changed
SMALLEST = 200  # bytes; a picture inside the page that is smaller is a place-holder

NO_PICTURE = "no full-size picture appeared"
ONLY_THUMBNAIL = "only a thumbnail appeared (--thumbnails would keep it)"


class BrowserSearch:
    """One query in one engine; iterate over it once.

    Attributes:
        skipped: how many results gave nothing, by reason.
    """

    def __init__(
        self,
        browser: Browser,
        engine: BrowserEngine,
        query: str,
        *,
        base_url: str | None = None,
        patience: float = 5.0,
        thumbnails: bool = False,
    ) -> None:
        """Prepare; nothing is opened.

        Args:
            browser: where the search happens; it is started again after a crash, and not closed.
            engine: the description of the engine.
            query: what is searched for.
            base_url: takes the place of the engine's own scheme, host and port.
            patience: seconds that something may take to appear on a page that has loaded.
            thumbnails: give the engine's small copy where no full picture appears.
        """
        self.skipped: Counter[str] = Counter()
        self._browser, self._engine, self._query = browser, engine, query
        self._page = ResultPage(browser, engine, query, base_url=base_url, patience=patience)
        self._thumbnails = thumbnails
        self._seen: set[str] = set()
        self._under_way: str | None = None
        self._given = self._misses = self._opened = 0

    def __iter__(self) -> Generator[Found, None, None]:
        """Give what is found, for as long as somebody asks.

        Raises:
            SearchError: the engine is blocked, has changed or does not answer, or the browser crashes again and again.
        """
        from selenium.common.exceptions import WebDriverException
        from urllib3.exceptions import HTTPError

        crashes, before = 0, 0
        while True:
            try:
                yield from self._feed() if self._engine.feed else self._tiles()
                return
            except (WebDriverException, HTTPError, ConnectionError, TimeoutError) as error:
                crashes = 1 if self._given > before else crashes + 1
                before = self._given
                text = " ".join(str(error).split())[:200]
                if crashes >= CRASHES:
                    raise UnreachableError(
                        f"{self._engine.name}: the browser broke down {crashes} times in a row ({text}); free some "
                        "memory, or take an engine that needs no browser: openverse, commons"
                    ) from error
                LOGGER.warning("the browser broke down (%s); it is started again", text)
                if self._under_way is not None and crashes > 1:
                    self._seen.add(self._under_way)  # it may be this result that breaks the browser
                self._browser.restart()

    def _tiles(self) -> Iterator[Found]:
        self._page.open()
        barren = 0
        while barren < BARREN:
            unseen = self._unseen()
            barren = 0 if unseen else barren + 1
            for key in unseen:
                self._under_way = key
                found = self._read(key)
                self._seen.add(key)
                if found is not None:
                    self._given += 1
                    yield found
            # Results may also come by themselves, while others are opened.
            if not unseen and not self._page.ask_for_more() and not self._unseen():
                return

    def _unseen(self) -> list[str]:
        return [key for key in self._page.keys() if key not in self._seen]

    def _read(self, key: str) -> Found | None:
        values = self._page.result(key)
        if values is None:
            return None  # the page took it away before we came to it
        if self._engine.viewer is None:
            address = values.get("picture")
            if address is None:
                place = self._engine.fields["picture"]
                self._missed(f"fields.picture = {place.text}", place.text)
        else:
            address = self._page.opened_picture(key, values)
            self._opened += address is not None
            if address is None:
                if not self._page.stayed():
                    self._page.open()
                self._missed("viewer.pictures", ", ".join(place.text for place in self._engine.viewer.pictures))
        if address is not None:
            self._misses = 0
            return self._found(address, values)
        return self._thumbnail(values)

    def _missed(self, key: str, value: str) -> None:
        self._misses += 1
        if self._misses >= MISSES and not self._given and not self._opened and not self._thumbnails:
            raise changed(self._engine, key.partition(" ")[0], value, self._page.address)

    def _found(self, address: str, values: dict[str, Any]) -> Found:
        return Found(
            url=address,
            page=values.get("page"),
            engine=self._engine.name,
            query=self._query,
            title=values.get("title"),
        )

    def _thumbnail(self, values: dict[str, Any]) -> Found | None:
        """Give the small copy if that is wanted; count the result as skipped otherwise."""
        source = values.get("thumbnail") or ""
        data = inline_picture(source)
        if data is None and not source.startswith(("http://", "https://")):
            self.skipped[NO_PICTURE] += 1
            return None
        if not self._thumbnails:
            self.skipped[ONLY_THUMBNAIL] += 1
            return None
        if data is not None:
            source = f"{self._page.address}#{hashlib.sha256(data).hexdigest()[:16]}"
        return Found(
            url=source,
            page=values.get("page"),
            engine=self._engine.name,
            query=self._query,
            title=values.get("title"),
            thumbnail=True,
            data=data,
        )

    def _feed(self) -> Iterator[Found]:
        self._page.open()
        feed, following = self._engine.feed, None
        assert feed is not None
        while True:
            answer = self._page.feed(following)
            fresh = False
            for item in answer[feed.items]:
                values = {name: at(item, place) for name, place in self._engine.fields.items()}
                address = values.get("picture")
                key = address or str(values)
                if key in self._seen:
                    continue
                self._seen.add(key)
                fresh = True
                if address is None:
                    place = self._engine.fields["picture"]
                    self._missed(f"fields.picture = {place.text}", place.text)
                    found = self._thumbnail(values)
                else:
                    found = self._found(address, values)
                if found is not None:
                    self._given += 1
                    yield found
            following = answer.get(feed.next) if feed.next else None
            if not fresh or not following:
                return


def at(item: Any, place: Place) -> str | None:
    """Give the value of an item of a feed; None where there is none."""
    for key in place.keys:
        item = item.get(key) if isinstance(item, dict) else None
    return None if item is None or item == "" else str(item)


def inline_picture(source: str) -> bytes | None:
    """Decode a picture that stands in the page as `data:image/…;base64,…`; None for a place-holder or anything else."""
    head, comma, text = source.partition(",")
    if not (comma and head.startswith("data:image/") and head.endswith(";base64")):
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if len(data) >= SMALLEST else None
