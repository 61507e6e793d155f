"""What a response says about being collected: X-Robots-Tag and the reservation of text and data mining."""

from __future__ import annotations

from collections.abc import Iterable

FORBIDDING = ("noindex", "none", "noimageindex", "noai", "noimageai")
_WITH_VALUE = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")


def forbidding_tag(headers: Iterable[tuple[str, str]], agent: str) -> str | None:
    """The directive that forbids to collect the picture it came with, or None.

    Args:
        headers: names and values, as received; a name may come more than once.
        agent: our product name; a directive that names another crawler is not for us.
    """
    for name, value in headers:
        plain = name.lower()
        if plain == "tdm-reservation" and value.strip() == "1":
            return "tdm-reservation"
        if plain == "x-robots-tag":
            for directive in _directives(value, agent.lower()):
                if directive in FORBIDDING:
                    return directive
    return None


def _directives(value: str, agent: str) -> Iterable[str]:
    """Directives of one header for everybody or for us; `name:` holds for what follows it, up to the next name."""
    for_us = True
    for part in value.lower().split(","):
        before, colon, after = part.partition(":")
        if colon and before.strip() not in _WITH_VALUE and " " not in before.strip():
            for_us = before.strip() in ("*", agent)
            part = after
        if for_us:
            yield part.strip()
