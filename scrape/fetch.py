"""Fetching one file over HTTP: politely, within limits, and from public addresses only."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from scrape.addresses import PublicResolver, check_host, public_socket
from scrape.download_settings import DownloadSettings
from scrape.failure import Failure
from scrape.hosts import Host, Hosts
from scrape.retry_after import pause_asked
from scrape.robots import LARGEST, Robots
from scrape.robots_tag import forbidding_tag
from scrape.sniffing import ENOUGH, other_kind, picture_kind

CHUNK = 65536  # bytes
ROBOTS_REDIRECTS = 5  # RFC 9309, section 2.3.1.2
ACCEPT = "image/avif,image/webp,image/jpeg,image/png,image/*;q=0.8,*/*;q=0.5"
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Fetched:
    """A file that came whole.

    Attributes:
        url: where it was in the end, after redirects.
        data: its bytes.
    """

    url: str
    data: bytes


class _Again(Exception):
    """A failure after which another attempt may succeed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


class Fetcher:
    """Fetches files; an async context manager.

    Args:
        settings: limits, pace and manners.
    """

    def __init__(self, settings: DownloadSettings) -> None:
        self.settings = settings
        self.agent = settings.user_agent.split("/")[0].split()[0]
        self._hosts = Hosts(settings.per_host, settings.rate)
        self._everybody = asyncio.Semaphore(settings.concurrency)
        self._robots = Robots(self.agent, self._read_robots)

    async def __aenter__(self) -> Self:
        """Open the session."""
        settings = self.settings
        connector = aiohttp.TCPConnector(
            limit=0,
            resolver=PublicResolver(settings.allow_private),
            socket_factory=None if settings.allow_private else public_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=settings.timeout, sock_connect=settings.connect_timeout),
            headers={"User-Agent": settings.user_agent, "Accept": ACCEPT, "Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._robots.close()
        await self._session.close()

    @asynccontextmanager
    async def fetched(self, url: str, referer: str | None = None) -> AsyncIterator[Fetched]:
        """Fetch a file; its host's place and one of everybody's are held until the block ends.

        Args:
            url: http or https.
            referer: the page it stands on.

        Raises:
            Failure: says why it cannot be had.
        """
        address = self._checked(url)
        async with AsyncExitStack() as held:
            yield await self._attempts(address, _referer(referer, address), held)

    async def _attempts(self, address: URL, headers: dict[str, str], held: AsyncExitStack) -> Fetched:
        """Try until it works, the failure is a lasting one, or there were enough attempts."""
        for attempt in range(self.settings.retries + 1):
            try:
                return await self._redirected(address, headers, attempt, held)
            except _Again as again:
                failure = again.failure
                await held.aclose()
        raise failure

    async def _redirected(self, address: URL, headers: dict[str, str], attempt: int, held: AsyncExitStack) -> Fetched:
        """One attempt, along its redirects; each address on the way waits and is checked like the first."""
        for _ in range(self.settings.redirects + 1):
            host = await held.enter_async_context(self._hosts.using(_host(address)))
            host.check_open()
            # Before a place is taken: robots.txt needs one of its own.
            await self._ask_robots(address, host)
            await held.enter_async_context(host.turn(self._everybody))
            try:
                answer = await self._asked(address, headers)
            except Failure as failure:
                if failure.is_passing:
                    raise _Again(self._left_alone(host, failure, attempt)) from failure
                raise
            if isinstance(answer, Fetched):
                return answer
            await held.aclose()  # who waits for one host's place holds none of another's
            if answer.origin() != address.origin():
                headers = {}
            address = answer
        raise Failure("redirects", f"more than {self.settings.redirects} redirects")

    async def _asked(self, address: URL, headers: dict[str, str]) -> Fetched | URL:
        """One request: the file, or where it is instead."""
        async with self._answer(address, headers) as response:
            if response.status in _REDIRECTS and "Location" in response.headers:
                return self._target(address, response.headers["Location"])
            return Fetched(str(address), await self._body(response))

    def _left_alone(self, host: Host, failure: Failure, attempt: int) -> Failure:
        """Ask a host for nothing for as long as it wants, or as a failure suggests; returns what is to be told.

        Raises:
            Failure: the host wants a longer pause than we wait for.
        """
        settings, wait = self.settings, failure.wait
        if wait is not None and wait > settings.longest_wait:
            host.close(failure, wait)
            raise Failure(failure.reason, f"{failure.detail}; asks to come back in {wait:.0f} s")
        if wait is not None:
            host.pause(wait)
        elif attempt < settings.retries:
            host.pause(settings.backoff * 2**attempt)
        return failure

    def _target(self, address: URL, location: str) -> URL:
        try:
            target = str(address.join(URL(location, encoded=location.isascii())))
        except ValueError as error:
            raise Failure("bad_url", f"redirects to {location!r}") from error
        return self._checked(target)

    def _checked(self, text: str) -> URL:
        """The address, if it may be asked.

        Raises:
            Failure: not http or https, malformed, with a password in it, or not public.
        """
        try:
            # What is quoted stays as it is: signed addresses hold for their exact spelling.
            address = URL(text, encoded=text.isascii() and " " not in text).with_fragment(None)
            if address.scheme not in ("http", "https") or not address.host or not address.port:
                raise Failure("bad_url", "not an http or https address")
        except ValueError as error:
            raise Failure("bad_url", f"not an address ({error})") from error
        if address.user is not None or address.password is not None:
            raise Failure("bad_url", "carries a name or password")
        check_host(address.host, self.settings.allow_private)
        return address

    async def _ask_robots(self, address: URL, host: Host) -> None:
        if not self.settings.obey_robots:
            return
        delay = await self._robots.check(str(address.origin()), address.raw_path_qs)
        host.interval = max(host.interval, delay)

    @asynccontextmanager
    async def _answer(self, address: URL, headers: dict[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request; what goes wrong on the network becomes a `Failure`, also while the body is read."""
        try:
            async with self._session.get(address, headers=headers, allow_redirects=False) as response:
                yield response
        except TimeoutError as error:
            raise Failure("timeout", f"not there within {self.settings.timeout:g} s") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise Failure("dns", f"{address.host}: no such host ({error.os_error.strerror})") from error
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise Failure("tls", f"no safe connection ({error})") from error
        except aiohttp.ClientPayloadError as error:
            raise Failure("connection", "it ended before the file did") from error
        except aiohttp.InvalidURL as error:
            raise Failure("bad_url", f"not an address ({error})") from error
        except (aiohttp.ClientConnectionError, ConnectionError) as error:
            raise Failure("connection", str(error) or "the connection was closed") from error
        except aiohttp.ClientError as error:
            raise Failure("bad_answer", f"no HTTP ({error})") from error

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """The file, if all that can be known before and while it streams in speaks for it."""
        if response.status != 200:
            failure = Failure(f"http_{response.status}", response.reason or "")
            failure.wait = pause_asked(response.headers.get("Retry-After"))
            raise failure
        if self.settings.obey_tags:
            tag = forbidding_tag(response.headers.items(), self.agent)
            if tag is not None:
                raise Failure("noai", f"the server forbids it ({tag}); --ignore-noai takes it all the same")
        limit = self.settings.max_bytes
        if (response.content_length or 0) > limit:
            raise Failure("too_large", f"{response.content_length} bytes", limit=limit)
        parts, size = [], 0
        async for part in response.content.iter_chunked(CHUNK):
            size += len(part)
            if size > limit:
                raise Failure("too_large", f"more than {limit} bytes", limit=limit)
            parts.append(part)
            if size - len(part) < ENOUGH <= size:
                _refuse_others(b"".join(parts))
        data = b"".join(parts)
        _refuse_others(data)
        return data

    async def _read_robots(self, url: str) -> tuple[int, bytes]:
        """Status and body of a robots.txt, after its redirects; each request waits for its host's turn."""
        address = self._checked(url)
        for _ in range(ROBOTS_REDIRECTS + 1):
            async with self._hosts.using(_host(address)) as host, host.turn(self._everybody):
                async with self._answer(address, {}) as response:
                    if response.status not in _REDIRECTS or "Location" not in response.headers:
                        return response.status, await _robots_body(response)
                    address = self._target(address, response.headers["Location"])
        return 404, b""


async def _robots_body(response: aiohttp.ClientResponse) -> bytes:
    """As much of a robots.txt as is read; nothing of what stands in its place."""
    if response.status != 200:
        return b""
    parts, size = [], 0
    async for part in response.content.iter_chunked(CHUNK):
        parts.append(part)
        size += len(part)
        if size >= LARGEST:
            break
    return b"".join(parts)


def _host(address: URL) -> str:
    """The name of a host, whose turn is the same for every scheme and port."""
    return (address.host or "").rstrip(".")


def _referer(page: str | None, address: URL) -> dict[str, str]:
    """The header that names the page a picture stands on, as RFC 9110, section 10.1.3, allows it."""
    if not page or not page.startswith(("http://", "https://")) or not page.isprintable():
        return {}
    if page.startswith("https:") and address.scheme == "http":  # who listens in on the one is not to learn the other
        return {}
    return {"Referer": re.sub(r"//[^/?]*@", "//", page.partition("#")[0], count=1)}


def _refuse_others(head: bytes) -> None:
    if picture_kind(head) is None:
        raise Failure("not_a_picture", other_kind(head[:1024]))
