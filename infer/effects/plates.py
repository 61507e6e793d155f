"""The empty background of each scene, put together from the frames in which it can be seen.

A scene keeps a fixed number of sampled frames, however long it is; finished plates go to an anonymous temporary
file that vanishes with the process. Memory is flat in the length of the video.

A plate goes into every frame of its scene, so one frame in which an object was missed must not get into it: a pixel
counts as seen only by the rules of `Sightings`.
"""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from infer.effects.canvas import Canvas
from infer.effects.kept import union
from infer.effects.patch import Patch, pooled
from infer.effects.sightings import Sightings

SAMPLES = 16  # frames kept of a scene
_PROXY_WH = (32, 18)
_CUT_RATIO, _CUT_LEAST = 6.0, 12.0  # times the usual change, and 8-bit levels
_LEAST_FREE = 0.05  # of the picture must be uncovered to judge
_LEAST_SEEN = 3  # samples that must show a pixel's background
_BLOCK = 64  # rows whose median is taken at once


@dataclass
class Plate:
    """Background of one scene.

    Attributes:
        channels: one array for each channel.
        unseen: for each channel (h, w) bool, not seen for long enough to be sure that it is the background.
    """

    channels: list[np.ndarray]
    unseen: list[np.ndarray]


class PlateStore:
    """Plates on disk, found by frame number."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()
        self._starts: list[int] = []
        self._places: list[list[tuple[int, tuple[int, ...], np.dtype]]] = []
        self._loaded: tuple[int, Plate] | None = None

    def add(self, start: int, plate: Plate) -> None:
        """Keep the plate of the scene that starts with frame `start`."""
        places = []
        self._file.seek(0, 2)
        for array in [*plate.channels, *plate.unseen]:
            places.append((self._file.tell(), array.shape, array.dtype))
            self._file.write(np.ascontiguousarray(array).tobytes())
        self._starts.append(start)
        self._places.append(places)

    def find(self, index: int) -> Plate | None:
        """Load the plate for a frame, None when there is none."""
        scene = bisect_right(self._starts, index) - 1
        if scene < 0:
            return None
        if self._loaded is None or self._loaded[0] != scene:
            arrays = []
            for offset, shape, dtype in self._places[scene]:
                self._file.seek(offset)
                count = int(np.prod(shape)) * dtype.itemsize
                arrays.append(np.frombuffer(self._file.read(count), dtype).reshape(shape))
            half = len(arrays) // 2
            self._loaded = scene, Plate(arrays[:half], arrays[half:])
        return self._loaded[1]


class CutFinder:
    """Says where a new scene starts: the picture changes far more than it lately did, apart from the objects."""

    def __init__(self) -> None:
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        self._changes: list[float] = []

    def is_cut(self, canvas: Canvas, patches: Sequence[Patch]) -> bool:
        """Look at the next frame; `patches` is what is covered in it."""
        unit = (canvas.planes.coding.top + 1) / 256
        luma = _proxy(canvas.planes.channels[0]) / np.float32(unit)
        free = _proxy(union(patches, canvas.size)) == 0
        last, self._last = self._last, (luma, free)
        if last is None or last[0].shape != luma.shape:
            return last is not None
        both = free & last[1]
        if both.mean() < _LEAST_FREE:
            return False
        change = float(np.abs(luma - last[0])[both].mean())
        usual = float(np.median(self._changes)) if self._changes else 0.0
        self._changes = [*self._changes, change][-25:]
        cut = change > max(_CUT_LEAST, _CUT_RATIO * usual)
        if cut:
            self._changes = []
        return cut


def _proxy(plane: np.ndarray) -> np.ndarray:
    """Small float32 copy of a plane; it looks at about 180 rows only, which is enough to see a cut."""
    step = max(1, min(plane.shape) // 180)
    thin = np.ascontiguousarray(plane[::step, ::step])
    return cv2.resize(thin, _PROXY_WH, interpolation=cv2.INTER_AREA).astype(np.float32)


@dataclass
class _Sample:
    """One frame: its channels, and how much of it was covered."""

    views: list[np.ndarray]
    restless: int


class SceneSamples:
    """Gathers one scene and makes its plate."""

    def __init__(self, canvas: Canvas) -> None:
        self.start = canvas.index
        self._scales = [(layout.rows, layout.columns) for layout in canvas.planes.layout.channels]
        self._size = canvas.size
        self._stride, self._count = 1, 0
        self._samples: list[_Sample] = []
        self._sightings = Sightings(canvas.size)

    def fits(self, canvas: Canvas) -> bool:
        """Whether a picture has the size and layout of this scene; some streams change them on the way."""
        scales = [(layout.rows, layout.columns) for layout in canvas.planes.layout.channels]
        return canvas.size == self._size and scales == self._scales

    def add(self, canvas: Canvas, patches: Sequence[Patch]) -> None:
        """Look at one frame; `patches` is what is covered in it."""
        self._sightings.add(union(patches, self._size) > 0)
        restless = self._sightings.restless()
        if self._count % self._stride == 0:
            self._samples.append(_Sample([view.copy() for view in canvas.planes.channels], restless))
            self._sightings.sample()
        elif restless < self._samples[-1].restless:
            # Of every `stride` frames the emptiest: a background that is seen rarely is not passed over.
            for kept, view in zip(self._samples[-1].views, canvas.planes.channels, strict=True):
                np.copyto(kept, view)
            self._samples[-1].restless = restless
            self._sightings.sample(instead=True)
        self._count += 1
        if len(self._samples) > SAMPLES:
            pairs = [range(first, min(first + 2, len(self._samples))) for first in range(0, len(self._samples), 2)]
            better = [min(pair, key=lambda place: self._samples[place].restless) for pair in pairs]
            self._samples = [self._samples[place] for place in better]
            self._sightings.keep(better)
            self._stride *= 2

    def plate(self) -> Plate:
        """Put the plate together: the median of what was surely seen, where that is enough."""
        doubts = self._sightings.finish()
        channels, unseen = [], []
        for channel, scale in enumerate(self._scales):
            pictures = [sample.views[channel] for sample in self._samples]
            hidden = [pooled(doubt, *scale) for doubt in doubts]
            plate, never = _median(pictures, hidden, pooled(self._sightings.ever, *scale))
            channels.append(plate)
            unseen.append(never)
        return Plate(channels, unseen)


def _median(pictures: list[np.ndarray], hidden: list[np.ndarray], wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take the median over the pictures in which a sample is not hidden.

    Args:
        pictures: (h, w) samples of one channel.
        hidden: for each picture (h, w) bool, not to be used.
        wanted: (h, w) bool, where the median is needed; elsewhere the first picture stands.

    Returns:
        (h, w) medians, and (h, w) bool where too few pictures could be used; there the median is 0.
    """
    plate, unseen = pictures[0].copy(), np.zeros(wanted.shape, bool)
    x, y, width, height = cv2.boundingRect(wanted.view(np.uint8))
    for top in range(y, y + height, _BLOCK):
        block = slice(top, min(top + _BLOCK, y + height)), slice(x, x + width)
        stack = np.stack([picture[block] for picture in pictures])
        cover = np.stack([mask[block] for mask in hidden])
        stack[cover] = np.iinfo(stack.dtype).max  # sorts behind everything that was seen
        stack.sort(axis=0)
        count = len(pictures) - cover.sum(axis=0)
        median = np.take_along_axis(stack, np.maximum(count - 1, 0)[None] // 2, axis=0)[0]
        unseen[block] = wanted[block] & (count < _LEAST_SEEN)
        # What was not seen for sure may be the object itself: nothing of it gets into the plate.
        np.copyto(plate[block], np.where(unseen[block], 0, median), where=wanted[block])
    return plate, unseen
