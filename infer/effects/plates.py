"""The empty background of each scene, put together from the frames in which it can be seen.

A scene keeps a fixed number of sampled frames, however long it is; finished plates go to an anonymous temporary
file that vanishes with the process. Memory is flat in the length of the video.
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

SAMPLES = 16  # frames kept of a scene
_PROXY_WH = (32, 18)
_CUT_RATIO, _CUT_LEAST = 6.0, 12.0  # times the usual change, and 8-bit levels
_LEAST_FREE = 0.05  # of the picture must be uncovered to judge
_BLOCK = 64  # rows whose median is taken at once


@dataclass
class Plate:
    """Background of one scene.

    Attributes:
        channels: one array for each channel.
        unseen: for each channel (h, w) bool, never seen in any frame.
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


class SceneSamples:
    """Gathers one scene and makes its plate."""

    def __init__(self, canvas: Canvas) -> None:
        self.start = canvas.index
        self._scales = [(layout.rows, layout.columns) for layout in canvas.planes.layout.channels]
        self._size = canvas.size
        self._stride, self._count = 1, 0
        self._samples: list[tuple[list[np.ndarray], np.ndarray]] = []
        self._first: list[np.ndarray] = []
        self._unseen: list[np.ndarray] = []  # flat indices, one array a channel
        self._ever = np.zeros(canvas.size, bool)

    def fits(self, canvas: Canvas) -> bool:
        """Whether a picture has the size and layout of this scene; some streams change them on the way."""
        scales = [(layout.rows, layout.columns) for layout in canvas.planes.layout.channels]
        return canvas.size == self._size and scales == self._scales

    def add(self, canvas: Canvas, patches: Sequence[Patch]) -> None:
        """Look at one frame; `patches` is what is covered in it."""
        covered = union(patches, self._size) > 0
        views = canvas.planes.channels
        by_scale = {scale: pooled(covered, *scale) for scale in self._scales}
        if not self._first:
            self._first = [view.copy() for view in views]
            self._unseen = [np.flatnonzero(by_scale[scale]) for scale in self._scales]
        else:
            for channel, (view, scale) in enumerate(zip(views, self._scales, strict=True)):
                waiting = self._unseen[channel]
                hidden = by_scale[scale].reshape(-1)[waiting]
                found = np.unravel_index(waiting[~hidden], view.shape)
                self._first[channel][found] = view[found]
                self._unseen[channel] = waiting[hidden]
        self._ever |= covered
        if self._count % self._stride == 0:
            packed = np.packbits(covered, axis=1)
            self._samples.append(([view.copy() for view in views], packed))
            if len(self._samples) > SAMPLES:
                self._samples = self._samples[::2]
                self._stride *= 2
        self._count += 1

    def plate(self) -> Plate:
        """Put the plate together: the median of what was seen, else what was seen once."""
        masks = [np.unpackbits(packed, axis=1, count=self._size[1]).view(bool) for _, packed in self._samples]
        channels, unseen = [], []
        for channel, scale in enumerate(self._scales):
            plate = self._first[channel]
            hidden = [pooled(mask, *scale) for mask in masks]
            pictures = [views[channel] for views, _ in self._samples]
            _fill_with_median(plate, pictures, hidden, pooled(self._ever, *scale))
            never = np.zeros(plate.shape, bool)
            never.reshape(-1)[self._unseen[channel]] = True
            channels.append(plate)
            unseen.append(never)
        return Plate(channels, unseen)


def _fill_with_median(
    plate: np.ndarray, pictures: list[np.ndarray], hidden: list[np.ndarray], wanted: np.ndarray
) -> None:
    """Replace wanted samples of `plate` by the median over the pictures in which they are not hidden."""
    x, y, width, height = cv2.boundingRect(wanted.view(np.uint8))
    for top in range(y, y + height, _BLOCK):
        block = slice(top, min(top + _BLOCK, y + height)), slice(x, x + width)
        stack = np.stack([picture[block] for picture in pictures])
        cover = np.stack([mask[block] for mask in hidden])
        stack[cover] = np.iinfo(stack.dtype).max  # sorts behind everything that was seen
        stack.sort(axis=0)
        count = len(pictures) - cover.sum(axis=0)
        middle = np.maximum(count - 1, 0) // 2
        median = np.take_along_axis(stack, middle[None], axis=0)[0]
        np.copyto(plate[block], median, where=(count > 0) & wanted[block])
