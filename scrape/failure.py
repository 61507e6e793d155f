"""Why a picture was not saved: a short code for tables, a few words for people."""

from __future__ import annotations

OVERRULED = {  # reasons that are a choice, and the flag for the other one
    "robots": "--ignore-robots",
    "noai": "--ignore-noai",
    "private": "--allow-private",
    "too_small": "--min-size",
    "too_large": "--max-mb",
    "too_many_pixels": "--max-megapixels",
}
PASSING = frozenset({"timeout", "connection", "http_408", "http_425", "http_429"})  # and http_5xx


class Failure(Exception):
    """A picture that cannot be had.

    Attributes:
        reason: code, one of those in docs/scraping.md: `http_404`, `timeout`, `not_a_picture`, `robots` …
        detail: what was seen, in a few words.
        facts: further fields for the manifest, such as the size of a picture that is too small.
        wait: seconds that the server asks to be left alone (Retry-After); None where it does not say.
    """

    def __init__(self, reason: str, detail: str = "", **facts: int | str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = " ".join(detail.split())[:300]
        self.facts = facts
        self.wait: float | None = None

    @property
    def is_passing(self) -> bool:
        """Whether another attempt may succeed."""
        return self.reason in PASSING or self.reason.startswith("http_5")

    def __reduce__(self) -> tuple:
        """Travel between processes whole."""
        return _failure, (self.reason, self.detail, self.facts)


def _failure(reason: str, detail: str, facts: dict[str, int | str]) -> Failure:
    return Failure(reason, detail, **facts)
