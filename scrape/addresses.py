"""Which machines may be asked: public ones only, unless told otherwise.

A page of search results, or a redirect, may name an address inside the user's own network: a router, a cloud machine's
metadata service. What is checked is the very address that is then connected to, so a name that resolves differently
the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from scrape.failure import Failure

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_TRANSLATED = ipaddress.ip_network("::ffff:0:0:0/96")  # IPv4-translated, RFC 2765
_COMPATIBLE = ipaddress.ip_network("::/96")  # IPv4-compatible, of old
_LOW_32 = 0xFFFFFFFF


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the open internet.

    Loopback, private, link-local, carrier-grade NAT, multicast and reserved ones do not, nor does an IPv6 address that
    carries such an IPv4 one (mapped, translated, NAT64, 6to4, Teredo). What is no IP address does not either.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return False
        if any(not is_public(str(inner)) for inner in _carried(address)):
            return False
        if address.ipv4_mapped is not None or address in _TRANSLATED:
            return True
    return address.is_global and not address.is_multicast


def _carried(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """IPv4 addresses inside an IPv6 one."""
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in (_NAT64, _TRANSLATED, _COMPATIBLE)):
        found.append(ipaddress.IPv4Address(int(address) & _LOW_32))
    return [inner for inner in found if inner is not None]


def check_host(host: str, allow_private: bool) -> None:
    """Refuse a host that is written as a number and is not a public IP address.

    Names are left to `PublicResolver`. Some libraries read `127.1` and `2130706433` as addresses; here they are none.

    Raises:
        Failure: `private`.
    """
    bare = host.strip("[]")
    looks_numeric = ":" in bare or bare.replace(".", "").isdigit() or bare.lower().startswith("0x")
    if looks_numeric and not allow_private and not is_public(bare):
        raise Failure("private", f"{host} is not a public address; --allow-private allows it")


class PublicResolver(AbstractResolver):
    """Resolves names and gives out public addresses only."""

    def __init__(self, allow_private: bool = False) -> None:
        self._allow_private = allow_private
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve a name.

        Raises:
            OSError: it does not exist.
            Failure: `private`: it exists, at no public address.
        """
        try:
            results = await self._resolver.resolve(host, port, family)
        except UnicodeError as error:  # an empty or endless label; no other library takes it for an address's fault
            raise OSError(None, "no name is written like that") from error
        if self._allow_private:
            return results
        public = [result for result in results if is_public(result["host"])]
        if not public:
            found = ", ".join(sorted({result["host"] for result in results})) or "no address"
            raise Failure("private", f"{host} is {found}, which is not public; --allow-private allows it")
        return public

    async def close(self) -> None:
        """Release the inner resolver."""
        await self._resolver.close()


def public_socket(address: Any) -> socket.socket:
    """Make the socket for one connection: the last place where a private address is refused.

    Args:
        address: (family, type, protocol, name, (ip, port, …)) as `getaddrinfo` gives it.

    Raises:
        OSError: the address is not public.
    """
    family, kind, protocol, _, where = address
    if not is_public(where[0]):
        raise OSError(f"{where[0]} is not a public address")
    return socket.socket(family, kind, protocol)


def url_fault(url: str) -> str:
    """What is wrong with an address before any server is asked: "" where it may be one of http or https."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
        host.encode("idna")
    except ValueError as error:  # also what no name or port can be
        return f"not an address ({error})"
    if parts.scheme not in ("http", "https") or not host or port == 0 or not url.isprintable() or " " in url:
        return "not an http or https address"
    return ""


def check_url(url: str, allow_private: bool) -> None:
    """Refuse an address whose host is not public, for libraries that connect by themselves.

    They resolve the name once more and follow redirects: what they then connect to is another check's, see
    `common.connections`.

    Raises:
        Failure: `private`, `dns` where there is no such host, or `bad_url`.
    """
    try:
        host = urlsplit(url).hostname or ""
    except ValueError as error:
        raise Failure("bad_url", f"not an address ({error})") from error
    if allow_private or not host:
        return
    check_host(host, allow_private)
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:  # the second: no name could be written like that
        raise Failure("dns", f"{host}: no such host ({getattr(error, 'strerror', None) or error})") from error
    if not all(map(is_public, found)):
        raise Failure(
            "private", f"{host} is {', '.join(sorted(found))}, which is not public; --allow-private allows it"
        )
