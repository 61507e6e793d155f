"""One host's turn: how many requests it gets at a time, and how fast after one another."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

KEPT = 4096  # hosts remembered; beyond it the longest idle ones are forgotten


class Host:
    """What is known about one host.

    Attributes:
        interval: seconds between the beginnings of two requests.
        free_at: the loop's time at which the next request may begin.
    """

    def __init__(self, per_host: int, interval: float, clock: Callable[[], float]) -> None:
        self.interval = interval
        self.free_at = 0.0
        self.users = 0
        self._slots = asyncio.Semaphore(per_host)
        self._first = asyncio.Lock()
        self._clock = clock

    @asynccontextmanager
    async def turn(self, everybody: asyncio.Semaphore) -> AsyncIterator[None]:
        """Hold one of the host's places and one of everybody's, its time come.

        Only one request of a host waits for everybody's places: others of other hosts are not kept waiting behind it.
        """
        async with self._slots:
            async with self._first:
                await self.pace(reserve=False)
                await everybody.acquire()
                self.free_at = max(self.free_at, self._clock() + self.interval)
            try:
                yield
            finally:
                everybody.release()

    async def pace(self, *, reserve: bool = True) -> None:
        """Wait until the host may be asked, and by default take that moment."""
        while (wait := self.free_at - self._clock()) > 0:
            if reserve:
                self.free_at += self.interval
                await asyncio.sleep(wait)
                return
            await asyncio.sleep(wait)
        if reserve:
            self.free_at = self._clock() + self.interval

    def pause(self, seconds: float) -> None:
        """Ask the host for nothing for a while."""
        self.free_at = max(self.free_at, self._clock() + seconds)


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
        idle = (name for name, host in self._hosts.items() if not host.users and host.free_at <= now)
        while len(self._hosts) >= KEPT:
            name = next(idle, None)
            if name is None:
                return
            del self._hosts[name]
            idle = (name for name, host in self._hosts.items() if not host.users and host.free_at <= now)
