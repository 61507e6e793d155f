import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import pytest
from media import ClipSpec, make

from common.errors import UserError
from common.video.url import fetched, is_url, shown

PAGE = b"<!DOCTYPE html><html><head><title>t</title></head><body><p>No moving picture.</p></body></html>"


class Site(BaseHTTPRequestHandler):
    """A site with one video, addresses that lead to it, and addresses that do not."""

    clip = b""

    def do_GET(self):
        routes = {
            "/clip.mp4": (200, "video/mp4", self.clip),
            "/page.html": (200, "text/html", PAGE),
            "/watch": (200, "text/html", self._page(b"/clip.mp4")),
            "/list": (200, "text/html", self._page(b"/clip.mp4", b"/other.mp4")),
            "/broken": (500, "text/html", b""),
            "/short.mp4": (200, "video/mp4", self.clip),
        }
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/clip.mp4")
            self.end_headers()
            return
        status, kind, body = routes.get(self.path, (404, "text/html", b"gone"))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.path != "/short.mp4" else body[: len(body) // 2])

    do_HEAD = do_GET

    @staticmethod
    def _page(*videos):
        return b"<html><body>" + b"".join(b'<video src="%s"></video>' % video for video in videos) + b"</body></html>"

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    Site.clip = make(ClipSpec(frames=10), tmp_path_factory.mktemp("clip")).read_bytes()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def refused(complaint, folder):
    with pytest.raises(UserError, match=complaint) as caught:
        yield
    message = str(caught.value)
    assert "\n" not in message and "\x1b" not in message
    assert "ERROR" not in message and "report this issue" not in message and "--" not in message
    assert list(Path(folder).iterdir()) == []


@pytest.mark.parametrize("path", ["/clip.mp4", "/moved", "/watch"])
def test_a_video_is_there_while_the_block_lasts_and_gone_after(site, tmp_path, path):
    with fetched(site + path, tmp_path) as clip:
        assert clip.read_bytes() == Site.clip
        assert clip.is_relative_to(tmp_path)
        with av.open(str(clip)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 10
    assert list(tmp_path.iterdir()) == []


def test_progress_and_nothing_else_goes_to_stderr(site, tmp_path, capsys):
    with fetched(site + "/clip.mp4", tmp_path):
        pass
    with fetched(site + "/clip.mp4", tmp_path, quiet=True):
        pass
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "" or captured.err.startswith("fetching: ")


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("/absent.mp4", "HTTP Error 404"),
        ("/broken", "HTTP Error 500"),
        ("/page.html", "no video was found on that page"),
        ("/list", "list of 2 videos"),
    ],
)
def test_what_is_no_video_is_one_line(site, tmp_path, path, complaint):
    with refused(f"cannot fetch {site}{path}: .*{complaint}", tmp_path), fetched(site + path, tmp_path):
        pass


def test_a_cut_connection_is_no_finished_file(site, tmp_path):
    with refused("cannot fetch", tmp_path), fetched(site + "/short.mp4", tmp_path):
        pass


def test_too_large_a_video_is_refused(site, tmp_path):
    with refused("the limit is 0.001 MB", tmp_path), fetched(site + "/clip.mp4", tmp_path, limit=1000):
        pass


def test_nobody_answers(tmp_path):
    with refused("cannot fetch .*refused", tmp_path), fetched("http://127.0.0.1:9/clip.mp4", tmp_path):
        pass


@pytest.mark.parametrize(
    "source", ["file:///etc/passwd", "ftp://127.0.0.1/clip.mp4", "rtmp://127.0.0.1/live", "http://[::1/a", "http://"]
)
def test_only_http(tmp_path, source):
    with refused("not an http or https address", tmp_path), fetched(source, tmp_path):
        pass


def test_what_is_an_address():
    assert is_url("https://example.org/a") and is_url("HTTP://x") and is_url("file:///a")
    assert not is_url("clip.mp4") and not is_url("C:\\clip.mp4") and not is_url("a/b://c") and not is_url("/a")


def test_a_password_is_not_shown(tmp_path):
    assert shown("https://me:secret@example.org/a@b") == "https://example.org/a@b"
    source = "http://me:secret@127.0.0.1:9/clip.mp4"
    with pytest.raises(UserError) as caught, fetched(source, tmp_path):
        pass
    assert "secret" not in str(caught.value)
