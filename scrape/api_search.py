"""Search by an engine's API: page after page, at the pace the engine asks for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from scrape.download_settings import USER_AGENT
from scrape.found import Found
from scrape.result_page import moved
from scrape.retry_after import pause_asked
from scrape.search_errors import BlockedError, ChangedError, SearchError, UnreachableError

TRIES = 4
LONGEST_WAIT = 60.0  # seconds; an engine that asks for a longer pause is not asked again
OTHER_LICENCE = "another licence"


@dataclass(frozen=True)
class Answer:
    """One page of results, understood.

    Attributes:
        found: the pictures on it.
        following: parameters of the request for the next page; None after the last one.
        limit: why there is no more although the engine has more; "" where it has not.
        wait: seconds that the engine asks us to wait before this request is made again; None: it did answer.
    """

    found: tuple[Found, ...]
    following: dict[str, str] | None
    limit: str = ""
    wait: float | None = None


@dataclass(frozen=True)
class ApiEngine:
    """One engine with an API: a request builder and a parser.

    Attributes:
        name: what it is called.
        address: where the requests go.
        first: builds the parameters of the first request from the query and the licences asked for.
        parse: understands the JSON of an answer, given the query and the parameters it answers; raises KeyError,
            TypeError or ValueError where a part is missing.
        pause: seconds between two requests.
        headers: sent with each request to the engine's own server: they may hold a secret.
    """

    name: str
    address: str
    first: Callable[[str, tuple[str, ...]], dict[str, str]]
    parse: Callable[[Any, str, dict[str, str]], Answer]
    pause: float = 1.0
    headers: Callable[[], Mapping[str, str]] = dict

    licences = True


class ApiSearch:
    """One query in one engine; iterate over it once.

    Attributes:
        skipped: how many results were left out, by reason.
    """

    def __init__(
        self,
        engine: ApiEngine,
        query: str,
        *,
        base_url: str | None = None,
        timeout: float = 30.0,
        licences: tuple[str, ...] = (),
        user_agent: str = USER_AGENT,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare; nothing is asked.

        Args:
            engine: the engine.
            query: what is searched for.
            base_url: takes the place of the engine's own scheme, host and port: a mirror, another wiki.
            timeout: seconds without an answer.
            licences: only these families, e.g. `by` for by-2.0 and by-4.0; empty: all.
            user_agent: how the requests introduce themselves.
            sleep: waits, for tests.
        """
        self.skipped: Counter[str] = Counter()
        self._engine, self._query, self._licences = engine, query, licences
        self._address = moved(engine.address, base_url)
        self._timeout, self._user_agent, self._sleep = timeout, user_agent, sleep
        self._asked = 0

    def __iter__(self) -> Generator[Found, None, None]:
        """Give what is found, for as long as somebody asks.

        Raises:
            SearchError: the engine is blocked, has changed or does not answer.
        """
        with requests.Session() as session:
            session.headers["User-Agent"] = self._user_agent
            if urlsplit(self._address)[:2] == urlsplit(self._engine.address)[:2]:  # nobody else may see a token
                session.headers.update(self._engine.headers())
            parameters: dict[str, str] | None = self._engine.first(self._query, self._licences)
            while parameters is not None:
                answer = self._answer(session, parameters)
                for found in answer.found:
                    if self._licences and not any(is_of(found.licence, family) for family in self._licences):
                        self.skipped[OTHER_LICENCE] += 1
                        continue
                    yield found
                if answer.limit:
                    raise SearchError(f"{self._engine.name}: {answer.limit}")
                parameters = answer.following

    def _answer(self, session: requests.Session, parameters: dict[str, str]) -> Answer:
        """Ask until there is an answer, with a longer pause before each try."""
        name, problem, wait, busy = self._engine.name, "", 0.0, False
        host = urlsplit(self._address).netloc.rpartition("@")[2]
        for attempt in range(TRIES):
            if self._asked:
                self._sleep(max(wait, self._engine.pause))
            self._asked += 1
            wait = self._engine.pause * 2 ** (attempt + 1)
            try:
                reply = session.get(self._address, params=parameters, timeout=self._timeout)
            except (requests.RequestException, HTTPError) as error:
                problem, busy = f"{host} does not answer ({type(error).__name__})", False
                continue
            busy = reply.status_code == HTTPStatus.TOO_MANY_REQUESTS
            asked = pause_asked(reply.headers.get("Retry-After")) or 0.0
            if reply.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or busy:
                problem = f"{host} answers with status {reply.status_code}"
            else:
                answer = self._understood(reply, parameters)
                if answer.wait is None:
                    return answer
                problem, asked = "the engine is overloaded", max(asked, answer.wait)
            if asked > LONGEST_WAIT:
                raise BlockedError(f"{name}: {problem} and asks for a pause of {asked:.0f} s: run it again after that")
            wait = max(wait, asked)
        if busy:
            raise BlockedError(f"{name}: {problem}, {TRIES} times: wait some hours, or ask for fewer pictures")
        raise UnreachableError(f"{name}: {problem}, {TRIES} times: is there a network? Otherwise try later")

    def _understood(self, reply: requests.Response, parameters: dict[str, str]) -> Answer:
        name = self._engine.name
        if reply.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise BlockedError(f"{name}: refuses us (status {reply.status_code}): {' '.join(reply.text.split())[:200]}")
        try:
            return self._engine.parse(reply.json(), self._query, parameters)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
            raise ChangedError(
                f"{name}: cannot understand the answer of {reply.url.partition('?')[0]} (status {reply.status_code}; "
                f"{what}): its API has changed; mend scrape/engines/{name}.py, or take another engine"
            ) from error


def is_of(licence: str | None, family: str) -> bool:
    """Whether a licence such as `by-sa-4.0` is of a family such as `by-sa`; `by` is another one."""
    if licence is None:
        return False
    return licence == family or licence.removeprefix(f"{family}-")[:1].isdigit()
