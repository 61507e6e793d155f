"""A web server on loopback for the tests of downloading: pictures, and everything that goes wrong with them."""

from __future__ import annotations

import io
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image


def photo(seed, size=(160, 200)):
    """A picture with structure of its own: (height, width) of smooth random colours."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 11, 3), np.uint8)
    return Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC)


def encoded(image, kind="JPEG", **options):
    """The bytes of a file with that picture."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


class PictureServer(ThreadingHTTPServer):
    """Serves `pages`: path → (status, headers, body), or a function of the handler; counts what is asked for.

    Attributes:
        asked: requests by path.
        times: when each request came, by path, in seconds of the monotonic clock.
        seen: headers of the last request by path.
        gate: pages made by `held` wait for it.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host):
        super().__init__((host, 0), _Handler)
        self.pages, self.asked, self.seen, self.times = {}, Counter(), {}, []
        self.gate = threading.Event()
        self.closing = threading.Event()

    @property
    def address(self):
        return f"http://{self.server_address[0]}:{self.server_port}"

    def add(self, path, body, status=200, **headers):
        """Serve bytes; header names have _ for -. Returns the address."""
        self.pages[path] = (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
        return self.address + path

    def add_photos(self, count, first=0):
        return [self.add(f"/{seed}.jpg", encoded(photo(seed))) for seed in range(first, first + count)]

    def handle_error(self, request, client_address):
        """Connections that the client gives up are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked[self.path] += 1
        self.server.seen[self.path] = self.headers
        self.server.times.append((self.path, time.monotonic()))
        page = self.server.pages.get(self.path, (404, {}, b"gone"))
        if callable(page):
            page(self)
            return
        status, headers, body = page
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def picture_server(host="127.0.0.1"):
    server = PictureServer(host)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()


def cut(body, promised):
    """A page that ends before its length."""

    def page(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(promised))
        handler.end_headers()
        handler.wfile.write(body)
        handler.wfile.flush()
        handler.close_connection = True

    return page


def dripping(body, pause=0.05):
    """A page that never stands still and never ends: a byte at a time."""

    def page(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(10 * len(body)))
        handler.end_headers()
        for byte in body:
            if handler.server.closing.wait(pause):
                return
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()

    return page


def silent(handler):
    """A page that never answers."""
    handler.server.closing.wait(240)
    handler.close_connection = True


def held(body):
    """A page that comes once the server's gate is open."""

    def page(handler):
        handler.server.gate.wait(240)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return page


def busy_first(body, times, status=503, **headers):
    """A page that fails some times before it is served."""

    def page(handler):
        failing = handler.server.asked[handler.path] <= times
        content = b"busy" if failing else body
        handler.send_response(status if failing else 200)
        for name, value in headers.items() if failing else ():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return page
