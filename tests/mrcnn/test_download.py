import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from common.errors import UserError
from mrcnn.download import download_trained_weights

CONTENT = bytes(range(256)) * 40


class Server(BaseHTTPRequestHandler):
    """Serves CONTENT, from an offset when asked; "/short" breaks off in the middle."""

    asked: list[str | None] = []  # noqa: RUF012

    def do_GET(self) -> None:
        span = self.headers.get("Range")
        self.asked.append(span)
        if self.path == "/none":
            self.send_error(404)
            return
        start = int(span.removeprefix("bytes=").removesuffix("-")) if span else 0
        self.send_response(206 if span else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end = 5000 if self.path == "/short" else len(CONTENT)
        self.wfile.write(CONTENT[start:end])

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


def test_a_broken_download_goes_on_where_it_stopped(address: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    with pytest.raises(UserError, match="run it again"):
        download_trained_weights(path, verbose=0, url=f"{address}/short")
    assert not path.exists()
    download_trained_weights(path, verbose=0, url=f"{address}/whole")
    assert path.read_bytes() == CONTENT
    assert Server.asked == [None, "bytes=5000-"]
    assert [file.name for file in tmp_path.iterdir()] == ["weights.h5"]


def test_a_file_that_is_there_is_not_fetched(address: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    path.write_bytes(b"mine")
    download_trained_weights(path, verbose=0, url=f"{address}/whole")
    assert path.read_bytes() == b"mine"
    assert Server.asked == []


def test_what_cannot_be_fetched_is_said_with_where_to_put_it(address: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"404.*put it at .*weights\.h5"):
        download_trained_weights(tmp_path / "weights.h5", verbose=0, url=f"{address}/none")
