"""robots.txt as RFC 9309 has it, read once a host."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from protego import Protego

from scrape.failure import Failure

LARGEST = 500 * 1024  # bytes that are read; RFC 9309, section 2.5
KEPT = 1024  # hosts whose rules are remembered
LONGEST_DELAY = 60.0  # seconds; a host that wants to be asked less often than this is not asked

Read = Callable[[str], Awaitable[tuple[int, bytes]]]


@dataclass(frozen=True)
class Rules:
    """What one host allows.

    Attributes:
        parsed: None = all the same for every path.
        refused: why nothing may be asked for.
        failure: why the host could not be asked.
        delay: seconds that it wants between two requests.
    """

    parsed: Protego | None = None
    refused: str | None = None
    failure: Failure | None = None
    delay: float = 0.0


class Robots:
    """Asks hosts for their robots.txt and tells what they allow.

    Args:
        agent: our product name, as robots.txt may call it.
        read: fetches an address in its host's turn; returns status and body, raises `Failure` where there is no answer,
            and gives a status of 404 after too many redirects.
    """

    def __init__(self, agent: str, read: Read) -> None:
        self._agent = agent
        self._read = read
        self._rules: OrderedDict[str, asyncio.Task[Rules]] = OrderedDict()

    async def check(self, origin: str, path: str) -> float:
        """Return the delay that a host asks for, in seconds.

        Args:
            origin: scheme, host and port, such as `https://example.org`.
            path: with its query.

        Raises:
            Failure: `robots` where the host forbids the path or all of it; the failure of the host itself where it
                cannot be asked.
        """
        rules = await self._of(origin)
        if rules.failure is not None:
            raise Failure(rules.failure.reason, f"robots.txt: {rules.failure.detail}")
        if rules.refused is not None:
            raise Failure("robots", rules.refused)
        if rules.parsed is not None and not rules.parsed.can_fetch(origin + path, self._agent):
            raise Failure("robots", f"{origin}/robots.txt forbids it; --ignore-robots asks all the same")
        return rules.delay

    async def _of(self, origin: str) -> Rules:
        task = self._rules.get(origin)
        if task is None:
            task = self._rules[origin] = asyncio.create_task(self._load(origin))
            if len(self._rules) > KEPT and (oldest := next(iter(self._rules.items())))[1].done():
                del self._rules[oldest[0]]
        self._rules.move_to_end(origin)
        # Several pictures wait for one answer: one of them given up does not take it from the others.
        return await asyncio.shield(task)

    async def _load(self, origin: str) -> Rules:
        try:
            status, body = await self._read(f"{origin}/robots.txt")
        except Failure as failure:
            return Rules(failure=failure)
        if status >= 500 or status == 429:
            return Rules(refused=f"{origin}/robots.txt answered {status}, which means: stay away")
        if status >= 300:
            return Rules()  # there is none
        parsed = Protego.parse(body[:LARGEST].decode("utf-8-sig", "replace"))
        delay = float(parsed.crawl_delay(self._agent) or 0)
        if delay > LONGEST_DELAY:
            return Rules(refused=f"{origin}/robots.txt asks for {delay:.0f} s between requests")
        return Rules(parsed, delay=delay)

    async def close(self) -> None:
        """Give up what is still asked for."""
        for task in self._rules.values():
            task.cancel()
        await asyncio.gather(*self._rules.values(), return_exceptions=True)
