import asyncio
import socket

import pytest

from scrape import addresses
from scrape.addresses import PublicResolver, check_host, is_public, public_socket
from scrape.failure import Failure


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8"])
def test_the_open_internet_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # metadata of cloud machines
        "100.64.0.1",  # carrier-grade NAT
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:100.64.0.1",
        "::ffff:0:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
        "2002:7f00:1::1",  # 6to4 of 127.0.0.1
        "example.org",
        "127.1",
        "",
    ],
)
def test_everything_else_is_not(address):
    assert not is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "::1", "127.1", "2130706433", "0x7f000001", "127.0.0.1."])
def test_a_number_for_a_host_is_refused(host):
    with pytest.raises(Failure, match="not a public address") as caught:
        check_host(host, allow_private=False)
    assert caught.value.reason == "private"
    check_host(host, allow_private=True)


def test_names_are_left_to_the_resolver():
    check_host("example.org", allow_private=False)


def resolved(results, monkeypatch, **options):
    async def answer(self, host, port, family):
        return [{"host": address, "port": port} for address in results]

    monkeypatch.setattr(addresses.ThreadedResolver, "resolve", answer)

    async def ask():
        resolver = PublicResolver(**options)
        return [result["host"] for result in await resolver.resolve("a.example", 80)]

    return asyncio.run(ask())


def test_of_a_names_addresses_the_public_ones_are_given_out(monkeypatch):
    assert resolved(["10.0.0.1", "8.8.8.8", "::1"], monkeypatch) == ["8.8.8.8"]
    assert resolved(["10.0.0.1"], monkeypatch, allow_private=True) == ["10.0.0.1"]
    with pytest.raises(Failure, match=r"a\.example is 10\.0\.0\.1, ::1, which is not public"):
        resolved(["10.0.0.1", "::1"], monkeypatch)


def test_no_socket_is_made_for_a_private_address():
    for where in (("127.0.0.1", 80), ("127.1", 80), ("::1", 80, 0, 0)):
        with pytest.raises(OSError, match="not a public address"):
            public_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", where))
    public_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))).close()
