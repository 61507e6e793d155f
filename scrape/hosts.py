"""One host's turn: how many requests it gets at a time, and how fast after one another."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from scrape.failure import Failure

KEPT = 4096  # hosts remembered; beyond it the longest idle ones are forgotten


class Host:
    """What is known about one host.

    Attributes:
        interval: seconds between the beginnings of two requests; one that is lengthened counts from the last of them.
    """

    def __init__(self, per_host: int, interval: float, clock: Callable[[], float]) -> None:
        self.interval = interval
        self.users = 0
        self._began = -math.inf  # the last request, in the loop's time
        self._paused_until = -math.inf
        self._closed: tuple[Failure, float] | None = None
        self._slots = asyncio.Semaphore(per_host)
        self._first = asyncio.Lock()
        self._clock = clock

    @asynccontextmanager
    async def turn(self, everybody: asyncio.Semaphore) -> AsyncIterator[None]:
        """Hold one of the host's places and one of everybody's, its time come.

        Only one request of a host waits for everybody's places: others of other hosts are not kept waiting behind it.

        Raises:
            Failure: the host asked not to come back so soon.
        """
        async with self._slots:
            async with self._first:
                await self.pace()
                await everybody.acquire()
                self._began = self._clock()
            try:
                yield
            finally:
                everybody.release()

    @property
    def free_at(self) -> float:
        """The loop's time at which the next request may begin."""
        return max(self._began + self.interval, self._paused_until)

    def check_open(self) -> None:
        """Check that the host did not ask to be left alone for longer than anybody waits.

        Raises:
            Failure: as for `turn`.
        """
        if self._closed is not None and (left := self._closed[1] - self._clock()) > 0:
            failure = self._closed[0]
            raise Failure(failure.reason, f"not asked: its server asks to come back in {left:.0f} s")

    async def pace(self) -> None:
        """Wait until the host may be asked.

        Raises:
            Failure: as for `turn`.
        """
        while True:
            self.check_open()
            if (wait := self.free_at - self._clock()) <= 0:
                return
            await asyncio.sleep(wait)

    def pause(self, seconds: float) -> None:
        """Ask the host for nothing for a while."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def is_idle(self, now: float) -> bool:
        """Whether nothing is lost by forgetting the host."""
        return not self.users and self.free_at <= now and (self._closed is None or self._closed[1] <= now)

    def close(self, failure: Failure, seconds: float) -> None:
        """Let all that is asked of the host meanwhile fail like this."""
        self._closed = failure, self._clock() + seconds


class Hosts:
    """All hosts that were asked lately.

    Args:
        per_host: requests at a time to one.
        rate: requests a second to one, 0 = no limit.
    """

    def __init__(self, per_host: int, rate: float) -> None:
        self._per_host = per_host
        self._interval = 1 / rate if rate else 0.0
        self._hosts: OrderedDict[str, Host] = OrderedDict()

    @asynccontextmanager
    async def using(self, name: str) -> AsyncIterator[Host]:
        """Give the host of that name; it is not forgotten before the block ends."""
        clock = asyncio.get_running_loop().time
        host = self._hosts.get(name)
        if host is None:
            self._forget(clock())
            host = self._hosts[name] = Host(self._per_host, self._interval, clock)
        self._hosts.move_to_end(name)
        host.users += 1
        try:
            yield host
        finally:
            host.users -= 1

    def _forget(self, now: float) -> None:
        idle = (name for name, host in self._hosts.items() if host.is_idle(now))
        while len(self._hosts) >= KEPT:
            name = next(idle, None)
            if name is None:
                return
            del self._hosts[name]
            idle = (name for name, host in self._hosts.items() if host.is_idle(now))
