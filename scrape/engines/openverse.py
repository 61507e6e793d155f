"""Openverse: 800 million openly licensed pictures of many collections, behind one API.

Source: https://api.openverse.org/v1/ (no key needed). Whoever asks gets the first 240 results of a query; a token from
its registration allows more requests (100 instead of 20 a minute, 10,000 instead of 200 a day), not more results.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from scrape.api_search import Answer, ApiEngine
from scrape.found import Found

TOKEN_VARIABLE = "OPENVERSE_TOKEN"
PAGE_SIZE = 20  # the most that callers without a token get
DEPTH = 240  # results of one query
PAUSE = 3.0  # seconds: 20 requests a minute


def first(query: str, licences: tuple[str, ...]) -> dict[str, str]:
    """Build the first request."""
    parameters = {"q": query, "page": "1", "page_size": str(PAGE_SIZE)}
    return {**parameters, "license": ",".join(licences)} if licences else parameters


def parse(answer: Any, query: str, parameters: dict[str, str]) -> Answer:
    """Understand one answer."""
    found = tuple(
        Found(
            url=item["url"],
            page=item["foreign_landing_url"],
            engine="openverse",
            query=query,
            licence="-".join(part for part in (item["license"], item.get("license_version")) if part).lower(),
            creator=str(item["creator"]) if item.get("creator") else None,
            title=str(item["title"]) if item.get("title") else None,
        )
        for item in answer["results"]
        if item["url"]
    )
    page, pages, total = int(parameters["page"]), int(answer["page_count"]), int(answer["result_count"])
    if page < pages and answer["results"]:
        return Answer(found, {**parameters, "page": str(page + 1)})
    given = page * PAGE_SIZE
    limit = f"gives the first {given} results of a query and no more; ask with other words too"
    return Answer(found, None, limit if total > given or given >= DEPTH else "")


def headers() -> Mapping[str, str]:
    """Send the token where the user has one."""
    token = os.environ.get(TOKEN_VARIABLE)
    return {"Authorization": f"Bearer {token}"} if token else {}


ENGINE = ApiEngine("openverse", "https://api.openverse.org/v1/images/", first, parse, PAUSE, headers)
