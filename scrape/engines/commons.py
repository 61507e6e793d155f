"""Wikimedia Commons by the API of MediaWiki; with another base URL, any wiki that runs it.

Source: https://www.mediawiki.org/wiki/API:Search and https://www.mediawiki.org/wiki/API:Imageinfo.
"""

from __future__ import annotations

import html
import re
from typing import Any

from scrape.api_search import Answer, ApiEngine
from scrape.found import Found

PAGE_SIZE = 50
OVERLOADED = "maxlag"  # the code of an answer that asks us to come back
DEFAULT_WAIT = 5.0  # seconds, as the API's rules of conduct ask


def first(query: str, licences: tuple[str, ...]) -> dict[str, str]:
    """Build the first request; licences are looked at in the answers, the search does not know them."""
    del licences
    return {
        "action": "query",
        "format": "json",
        "formatversion": "2",
        "maxlag": "5",
        "generator": "search",
        "gsrsearch": f"{query} filetype:bitmap",
        "gsrnamespace": "6",
        "gsrlimit": str(PAGE_SIZE),
        "prop": "imageinfo",
        "iiprop": "url|extmetadata",
        "iiextmetadatafilter": "License|LicenseShortName|Artist|ObjectName",
    }


def parse(answer: Any, query: str, parameters: dict[str, str]) -> Answer:
    """Understand one answer."""
    if error := answer.get("error"):
        if error["code"] == OVERLOADED:
            return Answer((), None, wait=DEFAULT_WAIT)
        raise ValueError(f"{error['code']}: {error.get('info', '')}")
    if "query" not in answer and "batchcomplete" not in answer:
        raise KeyError("query")
    pages = sorted(answer.get("query", {"pages": []})["pages"], key=lambda page: page["index"])
    found = tuple(_found(page, query) for page in pages if page.get("imageinfo"))
    following = answer.get("continue")
    return Answer(found, None if following is None else {**parameters, **{k: str(v) for k, v in following.items()}})


def _found(page: dict[str, Any], query: str) -> Found:
    info = page["imageinfo"][0]
    metadata = {name: entry["value"] for name, entry in info.get("extmetadata", {}).items()}
    return Found(
        url=info["url"],
        page=info["descriptionurl"],
        engine="commons",
        query=query,
        licence=licence_of(metadata.get("License"), metadata.get("LicenseShortName")),
        creator=plain(metadata.get("Artist")),
        title=plain(metadata.get("ObjectName")) or page["title"].removeprefix("File:"),
    )


def licence_of(code: str | None, name: str | None) -> str | None:
    """Give the short name: cc-by-sa-4.0 → by-sa-4.0, pd → pdm, GFDL → gfdl; None where the wiki does not say."""
    text = (code or name or "").lower().strip().replace(" ", "-")
    if not text:
        return None
    if text == "pd" or text.startswith(("pd-", "public-domain")):
        return "pdm"
    return text if text.startswith("cc0") else text.removeprefix("cc-")


def plain(text: str | None) -> str | None:
    """Take the markup out of a text; None where nothing is left."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text or "")).split()) or None


ENGINE = ApiEngine("commons", "https://commons.wikimedia.org/w/api.php", first, parse)
