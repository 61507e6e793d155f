import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from common.errors import UserError
from mrcnn import download
from mrcnn.download import Remote, cached, download_trained_weights, fetch, known_weights

CONTENT = bytes(range(256)) * 40
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(BaseHTTPRequestHandler):
    """Serves CONTENT, from an offset when asked.

    "/cut" closes the connection after 5000 bytes, "/broken" gives nothing after the first 5000, "/plain" cannot begin
    anywhere but at the beginning, "/other" gives something else.
    """

    asked: list[str | None] = []  # noqa: RUF012

    def do_GET(self) -> None:
        span = self.headers.get("Range")
        self.asked.append(span)
        if self.path == "/none":
            self.send_error(404)
            return
        if self.path == "/plain":
            span = None
        start = int(span.removeprefix("bytes=").removesuffix("-")) if span else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if span else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end = {"/cut": start + 5000, "/broken": 5000}.get(self.path, len(CONTENT))
        self.wfile.write(CONTENT[start:end][:: -1 if self.path == "/other" else 1])

    def log_message(self, *arguments: object) -> None:
        """Stay silent."""


@pytest.fixture
def address() -> Iterator[str]:
    Server.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_connection_that_is_cut_is_made_again(address: str, tmp_path: Path) -> None:
    fetch(Remote(f"{address}/cut", len(CONTENT), MD5), tmp_path / "weights.h5", quiet=True)
    assert (tmp_path / "weights.h5").read_bytes() == CONTENT
    assert Server.asked == [None, "bytes=5000-", "bytes=10000-"]


def test_a_broken_download_goes_on_where_it_stopped(address: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    with pytest.raises(UserError, match="broke off after 5000 of 10240 bytes; run it again"):
        download_trained_weights(path, verbose=0, url=f"{address}/broken")
    assert names(tmp_path) == ["weights.h5.part"]
    Server.asked.clear()
    download_trained_weights(path, verbose=0, url=f"{address}/whole")
    assert path.read_bytes() == CONTENT
    assert Server.asked == ["bytes=5000-"]
    assert names(tmp_path) == ["weights.h5"]


def test_a_server_that_cannot_go_on_begins_again(address: str, tmp_path: Path) -> None:
    (tmp_path / "weights.h5.part").write_bytes(CONTENT[:7000])
    fetch(Remote(f"{address}/plain", len(CONTENT), MD5), tmp_path / "weights.h5", quiet=True)
    assert (tmp_path / "weights.h5").read_bytes() == CONTENT


def test_a_part_that_is_whole_is_only_checked(address: str, tmp_path: Path) -> None:
    (tmp_path / "weights.h5.part").write_bytes(CONTENT)
    fetch(Remote(f"{address}/whole", len(CONTENT), MD5), tmp_path / "weights.h5", quiet=True)
    assert (tmp_path / "weights.h5").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("remote", "wrong"),
    [
        (Remote("/other", len(CONTENT), MD5), f"MD5 [0-9a-f]+ instead of {MD5}"),
        (Remote("/whole", 99, MD5), "10240 bytes instead of 99"),
    ],
)
def test_something_else_is_removed_and_said(address: str, tmp_path: Path, remote: Remote, wrong: str) -> None:
    with pytest.raises(UserError, match=rf"not the file that was expected \({wrong}\).*put it at .*weights\.h5"):
        fetch(Remote(address + remote.url, remote.size, remote.md5), tmp_path / "weights.h5", quiet=True)
    assert names(tmp_path) == []


def test_a_file_that_is_there_is_not_fetched(address: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    path.write_bytes(b"mine")
    download_trained_weights(path, verbose=0, url=f"{address}/whole")
    assert path.read_bytes() == b"mine"
    assert Server.asked == []


def test_two_at_once_fetch_it_once(address: str, tmp_path: Path) -> None:
    remote, path = Remote(f"{address}/whole", len(CONTENT), MD5), tmp_path / "weights.h5"
    threads = [threading.Thread(target=fetch, args=(remote, path, True)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() == CONTENT
    assert Server.asked == [None]


def test_what_cannot_be_fetched_is_said_with_where_to_put_it(address: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none cannot be fetched .*put it at .*weights\.h5"):
        download_trained_weights(tmp_path / "weights.h5", verbose=0, url=f"{address}/none")
    nowhere = "http://127.0.0.1:9/weights.h5"  # the port "discard": nobody listens
    with pytest.raises(UserError, match=f"{re.escape(nowhere)} cannot be fetched .*put it at {tmp_path}"):
        fetch(Remote(nowhere), tmp_path / "weights.h5", quiet=True)
    assert names(tmp_path) == []


def test_the_cache_is_the_users_or_a_named_folder(address: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(download.CACHE_VARIABLE, raising=False)
    assert cached("coco") == tmp_path / "cache" / "hide-in-video" / "mask_rcnn_coco.h5"
    monkeypatch.setenv(download.CACHE_VARIABLE, str(tmp_path / "mine"))
    monkeypatch.setattr(download, "KNOWN", {"coco": Remote(f"{address}/whole", len(CONTENT), MD5)})
    assert known_weights("coco", quiet=True) == tmp_path / "mine" / "whole"
    known_weights("coco", quiet=True)
    assert Server.asked == [None]
