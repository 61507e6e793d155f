"""What can end a search before there are pictures enough; each names its engine, and the run ends with exit code 1."""

from common.errors import EXIT_INCOMPLETE, UserError


class SearchError(UserError):
    """The engine gave up, or we on it; what was found before stays."""

    exit_code = EXIT_INCOMPLETE


class BlockedError(SearchError):
    """The engine takes us for a machine: status 429, a captcha, a page about unusual traffic."""


class ChangedError(SearchError):
    """What the engine's file describes is not on the page, or not in the answer, any more."""


class UnreachableError(SearchError):
    """No answer: no network, no such host, or too slow."""


class NothingFoundError(SearchError):
    """The engine says itself that it has nothing for the query."""


class BrowserError(UserError):
    """The browser or its driver is missing, or the two do not fit; exit code 2."""
