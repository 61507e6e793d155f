"""A search in any engine that ends instead of raising, so that what was found before stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from common.errors import UserError
from scrape.api_search import ApiEngine, ApiSearch
from scrape.browser import Browser, BrowserSettings
from scrape.browser_search import BrowserSearch
from scrape.download_settings import USER_AGENT
from scrape.engine_list import Engine
from scrape.found import Found
from scrape.search_errors import BrowserError, SearchError


@dataclass(frozen=True)
class SearchSettings:
    """How engines are searched.

    Attributes:
        browser: which browser, and how long an answer may take.
        thumbnails: take the engine's small copy where no full picture appears.
        licences: only pictures under these, for engines that say.
        base_url: scheme, host and port in place of the engine's own; None: its own.
        patience: seconds that something may take to appear on a page that has loaded.
        user_agent: how requests to an API introduce themselves; the browser introduces itself.
    """

    browser: BrowserSettings = field(default_factory=BrowserSettings)
    thumbnails: bool = False
    licences: tuple[str, ...] = ()
    base_url: str | None = None
    patience: float = 5.0
    user_agent: str = USER_AGENT


class Searcher:
    """Searches one engine, with one browser for all queries; a context manager that closes it."""

    def __init__(self, engine: Engine, settings: SearchSettings | None = None) -> None:
        """Prepare; nothing is asked.

        Args:
            engine: see `scrape.engine_list.load_engine`.
            settings: how it is searched.

        Raises:
            UserError: the settings ask for what the engine cannot give.
        """
        self.engine, self.settings = engine, settings or SearchSettings()
        if self.settings.licences and not engine.licences:
            raise UserError(f"{engine.name} does not tell licences; --licence takes the engines openverse and commons")
        self.browser = Browser(self.settings.browser)

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the browser."""
        self.browser.close()

    def search(self, query: str) -> Search:
        """Prepare the search for one query."""
        settings = self.settings
        if isinstance(self.engine, ApiEngine):
            return Search(
                ApiSearch(
                    self.engine,
                    query,
                    base_url=settings.base_url,
                    timeout=settings.browser.timeout,
                    licences=settings.licences,
                    user_agent=settings.user_agent,
                )
            )
        return Search(
            BrowserSearch(
                self.browser,
                self.engine,
                query,
                base_url=settings.base_url,
                patience=settings.patience,
                thumbnails=settings.thumbnails,
            )
        )


class Search:
    """What one query finds; an iterator that asks the engine for no more than is taken from it.

    Attributes:
        found: how many pictures it has given.
        problem: what ended it; None while it goes on, and where the engine had no more.
        dry: the engine had no more.
    """

    def __init__(self, engine: ApiSearch | BrowserSearch) -> None:
        self.found = 0
        self.problem: SearchError | None = None
        self.dry = False
        self._engine = engine
        self._iterator: Generator[Found, None, None] = iter(engine)

    @property
    def skipped(self) -> Counter[str]:
        """How many results gave no picture, by reason."""
        return self._engine.skipped

    def __iter__(self) -> Iterator[Found]:
        return self

    def close(self) -> None:
        """Ask no more."""
        self._iterator.close()

    def __next__(self) -> Found:
        """Find one more.

        Raises:
            UserError: nothing could be begun: no browser, a wrong engine file.
        """
        try:
            found = next(self._iterator)
        except StopIteration:
            self.dry = self.problem is None
            raise
        except SearchError as error:
            self.problem = error
            raise StopIteration from error
        except BrowserError as error:
            if not self.found:
                raise
            self.problem = SearchError(str(error))
            raise StopIteration from error
        self.found += 1
        return found
