"""A web site of pictures on loopback that answers late, in a process of its own: what downloaders are measured on.

`/0.jpg`, `/1.jpg` … each look different; anything else is 404. Every answer begins after the latency, however many are
asked for at a time. Kept as cheap as it can be: it shares the machine with what is measured.
"""

from __future__ import annotations

import asyncio
import io
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import numpy as np
from PIL import Image

MADE_BEFORE = 5000  # pictures; of a larger site each is made when it is asked for
_GRAIN = 6  # gray levels of noise: without any, files are smaller than photographs


def picture(number: int, side: int) -> bytes:
    """A JPEG of `side` x 3/4 `side` pixels, smooth colours and grain, which looks like no other number's."""
    random = np.random.default_rng(number)
    size = (side, max(1, side * 3 // 4))
    coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
    grain = random.integers(-_GRAIN, _GRAIN + 1, (size[1], size[0], 1), np.int16)
    buffer = io.BytesIO()
    pixels = (np.asarray(coarse).astype(np.int16) + grain).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


@contextmanager
def picture_site(count: int, side: int, latency: float) -> Iterator[str]:
    """Run the site; gives its address once it answers.

    Args:
        count: pictures.
        side: pixels of the longer side.
        latency: seconds before each answer.
    """
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(theirs, count, side, latency), daemon=True
    )
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection, count: int, side: int, latency: float) -> None:
    pictures = {number: picture(number, side) for number in range(count)} if count <= MADE_BEFORE else {}

    class Answers(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport
            self.received = b""

        def data_received(self, data: bytes) -> None:
            self.received += data
            while b"\r\n\r\n" in self.received:
                request, self.received = self.received.split(b"\r\n\r\n", 1)
                loop.call_later(latency, self.answer, request)

        def answer(self, request: bytes) -> None:
            if self.transport.is_closing():
                return
            name = request.split(b" ", 2)[1].removeprefix(b"/").removesuffix(b".jpg")
            known = name.isdigit() and int(name) < count
            number = int(name) if known else -1
            body = (pictures.get(number) or picture(number, side)) if known else b"gone"
            kind = b"200 OK\r\nContent-Type: image/jpeg" if known else b"404 Not Found\r\nContent-Type: text/plain"
            self.transport.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (kind, len(body), body))  # type: ignore[attr-defined]
            if b"onnection: close" in request:
                self.transport.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(Answers, "127.0.0.1", 0, backlog=1024))
    pipe.send(server.sockets[0].getsockname()[1])
    loop.run_forever()
