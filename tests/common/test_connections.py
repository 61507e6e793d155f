"""Connections that a library makes are held to addresses that may be asked."""

import socket
import threading
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from picture_server import picture_server

from common.connections import RefusedConnection, only_to


@pytest.fixture
def site():
    with picture_server() as server:
        server.add("/there", b"here")
        yield server


def test_what_may_not_be_connected_to_is_refused_wherever_it_was_led_from(site):
    site.pages["/moved"] = (302, {"Location": f"http://127.0.0.2:{site.server_port}/there"}, b"")
    with only_to(lambda address: address == "127.0.0.1") as refused:
        assert urlopen(site.address + "/there").read() == b"here"
        assert refused == []
        with pytest.raises(URLError, match=r"127\.0\.0\.2 may not be connected to"):
            urlopen(site.address + "/moved")
        assert refused == ["127.0.0.2"]
    assert urlopen(site.address + "/there").read() == b"here"


def test_it_holds_for_the_block_and_its_thread(site):
    place = ("127.0.0.1", site.server_port)
    seen = []
    with only_to(lambda address: False):
        with pytest.raises(RefusedConnection):
            socket.create_connection(place)
        with only_to(lambda address: True):
            socket.create_connection(place).close()
        with pytest.raises(RefusedConnection):
            socket.create_connection(place)
        other = threading.Thread(target=lambda: seen.append(socket.create_connection(place)))
        other.start()
        other.join()
    (connection,) = seen
    connection.close()
    socket.create_connection(place).close()
