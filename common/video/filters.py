"""FFmpeg filters between the renderer and the encoder: palettes for GIF, field order for interlaced pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
from av.filter import Graph
from av.video.format import VideoFormat

_LOOP_MARK = b"NETSCAPE2.0\x03\x01"


class _PictureGraph:
    """A filter graph that takes pictures and gives pictures."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        graph.configure()

    def convert(self, picture: av.VideoFrame | None) -> list[av.VideoFrame]:
        """Push one picture (None = no more) and return those that are ready."""
        self._graph.push(picture)
        ready: list[av.VideoFrame] = []
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return ready
            if isinstance(frame, av.VideoFrame):
                ready.append(frame)


class PaletteGraph(_PictureGraph):
    """Gives each picture its own 256 colours (palettegen, paletteuse), so memory does not grow with the clip."""

    def __init__(self, size: tuple[int, int], pixel_format: str, time_base: Fraction, alpha: bool) -> None:
        graph = Graph()
        source = graph.add_buffer(width=size[1], height=size[0], format=VideoFormat(pixel_format), time_base=time_base)
        split = graph.add("split")
        colors = graph.add("palettegen", f"stats_mode=single:reserve_transparent={int(alpha)}")
        use = graph.add("paletteuse", "new=1:dither=sierra2_4a:alpha_threshold=128")
        sink = graph.add("buffersink")
        source.link_to(split)
        split.link_to(use, 0, 0)
        split.link_to(colors, 1, 0)
        colors.link_to(use, 0, 1)
        use.link_to(sink)
        super().__init__(graph)


class FieldGraph(_PictureGraph):
    """Marks pictures as interlaced with a field order, whatever became of the mark on the way (setfield)."""

    def __init__(self, size: tuple[int, int], pixel_format: str, time_base: Fraction, top_first: bool) -> None:
        graph = Graph()
        source = graph.add_buffer(width=size[1], height=size[0], format=VideoFormat(pixel_format), time_base=time_base)
        order = graph.add("setfield", "tff" if top_first else "bff")
        sink = graph.add("buffersink")
        source.link_to(order)
        order.link_to(sink)
        super().__init__(graph)


def loops_of(path: Path) -> int:
    """How often a GIF repeats, as FFmpeg's muxer counts: 0 = for ever, -1 = plays once, n = n times more."""
    with Path(path).open("rb") as handle:
        head = handle.read(1 << 16)
    place = head.find(_LOOP_MARK)
    if place < 0:
        return -1
    return int.from_bytes(head[place + len(_LOOP_MARK) :][:2], "little")
