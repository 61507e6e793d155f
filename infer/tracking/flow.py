"""Dense optical flow between successive small pictures, computed only where somebody asks, and boxes moved by it.

Flow is DIS (Kroeger et al., 2016, arXiv:1603.03590) in OpenCV's FAST preset. The preset solves at a quarter of the
picture's size, so a quarter is all that is kept: about 29 kB a pair of 320 x 180 pictures.

Legend: h, w size of the proxy (small gray picture); everything here is in proxy pixels; N boxes, P points a box.
"""

from __future__ import annotations

import cv2
import numpy as np

from common.video.shift import correlation, detail, reduced, shared_parts, shift_between

KEPT_SHARE = 4  # flow is kept at 1 / KEPT_SHARE of the proxy's size
_POINTS_A_SIDE = 5
_REACH = 0.8  # points lie in this inner share of the box: corners of a box around a head are background
_STEADY_SIZE = 12.0  # proxy pixels; boxes smaller than this say little about a change of scale
_ROUNDS = 4  # of the iteration that reverses flow
_FAST = 3  # pixels of the reduced picture, a frame, from which flow is helped to start
_BETTER = 0.2  # correlation that the shift must gain
_LARGEST_ZOOM = 0.06  # of the box's size, in one frame


class FlowField:
    """Movement from one proxy to a neighbouring one.

    Attributes:
        vectors: (h / 4, w / 4, 2) float32 (dx, dy) proxy pixels.
        camera: (2,) float32, the movement of most of the picture.
    """

    def __init__(self, vectors: np.ndarray):
        self.vectors = vectors
        self.camera = np.median(vectors[::3, ::3].reshape(-1, 2), axis=0)

    def at(self, points: np.ndarray) -> np.ndarray:
        """Return the movement at points.

        Args:
            points: (..., 2) float (x, y) proxy pixels; outside the picture the border's movement is taken.

        Returns:
            (..., 2) float32 (dx, dy) proxy pixels.
        """
        shape = points.shape
        # In rows as they came: OpenCV takes sides below 32768, and a mask may fill the picture.
        places = ((points.reshape(-1, shape[-2], 2) + 0.5) / KEPT_SHARE - 0.5).astype(np.float32)
        columns, rows = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
        moved = cv2.remap(self.vectors, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return moved.reshape(shape)

    def reversed(self) -> FlowField:
        """Return the movement from the second picture back to the first, b(x) = -f(x + b(x)), by iteration."""
        height, width = self.vectors.shape[:2]
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        back = np.broadcast_to(-self.camera, self.vectors.shape).astype(np.float32)
        for _ in range(_ROUNDS):
            places = back / KEPT_SHARE
            places[..., 0] += columns
            places[..., 1] += rows
            back = -np.asarray(
                cv2.remap(
                    self.vectors,
                    np.ascontiguousarray(places[..., 0]),
                    np.ascontiguousarray(places[..., 1]),
                    cv2.INTER_LINEAR,
                    borderMode=cv2.BORDER_REPLICATE,
                ),
                np.float32,
            )
        return FlowField(back)


class FlowStore:
    """Proxies of the frames at hand and the flow between neighbours, computed at the first question and kept.

    Attributes:
        proxies: frame index -> (h, w) uint8 gray.
    """

    def __init__(self) -> None:
        self.proxies: dict[int, np.ndarray] = {}
        self._details: dict[int, np.ndarray] = {}
        self._fields: dict[tuple[int, int], FlowField] = {}
        self._room = np.empty((0, 0, 2), np.float32)
        self._solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def add(self, index: int, proxy: np.ndarray) -> None:
        """Keep the proxy of frame `index`."""
        self.proxies[index] = proxy

    def forget(self, before: int) -> None:
        """Drop everything of the frames before `before`."""
        self.proxies = {index: proxy for index, proxy in self.proxies.items() if index >= before}
        self._details = {index: one for index, one in self._details.items() if index >= before}
        self._fields = {pair: field for pair, field in self._fields.items() if min(pair) >= before}

    def field(self, source: int, target: int) -> FlowField:
        """Return the movement from frame `source` to its neighbour `target` (one frame earlier or later).

        Flow is solved forward in time only and reversed for the way back: in the crowd, occlusion and turning clips of
        the benchmarks that covers as much as solving again, at a tenth of the time.
        """
        pair = (source, target)
        if pair not in self._fields:
            if target < source:
                self._fields[pair] = self.field(target, source).reversed()
            else:
                self._fields[pair] = self._solved(source, target)
        return self._fields[pair]

    def _solved(self, source: int, target: int) -> FlowField:
        first, second = self.proxies[source], self.proxies[target]
        height, width = first.shape
        if self._room.shape[:2] != (height, width):
            self._room = np.empty((height, width, 2), np.float32)
        self._room[:] = self._start(source, target)
        vectors = self._solver.calc(first, second, self._room)  # begins with what is in there, and writes there
        kept = (max(1, round(width / KEPT_SHARE)), max(1, round(height / KEPT_SHARE)))
        return FlowField(cv2.resize(vectors, kept, interpolation=cv2.INTER_AREA))

    def _detail(self, index: int) -> np.ndarray:
        if index not in self._details:
            self._details[index] = detail(reduced(self.proxies[index]))
        return self._details[index]

    def _start(self, source: int, target: int) -> tuple[float, float]:
        """Return the (dx, dy) proxy pixels from which flow is searched: the camera's, where it moved fast."""
        first, second = self._detail(source), self._detail(target)
        still = correlation(first, second)
        shift = shift_between(first, second) if still + _BETTER < 1 else None
        if shift is None or max(map(abs, shift)) < _FAST:
            return 0.0, 0.0
        if correlation(*shared_parts(first, second, shift)) < still + _BETTER:
            return 0.0, 0.0
        large = [detail(self.proxies[index]) for index in (source, target)]
        factor = large[0].shape[1] / first.shape[1]
        exact = shift_between(*large)
        if exact is not None and max(abs(exact[axis] - shift[axis] * factor) for axis in (0, 1)) <= factor:
            return float(exact[0]), float(exact[1])
        return shift[0] * factor, shift[1] * factor


def move_boxes(field: FlowField, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move and scale boxes by robust statistics of the flow inside them.

    The shift is the median of the vectors. The scale is one for both axes, the median over the points of how much a
    point runs away from the centre, and is trusted less in small boxes, where it would drift.

    Args:
        field: movement to the next frame.
        boxes: (N, 4) (x1, y1, x2, y2) proxy pixels.

    Returns:
        (N, 4) moved boxes and (N, 2) the shift of their centres.
    """
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    line = np.linspace(-_REACH / 2, _REACH / 2, _POINTS_A_SIDE)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(1, -1, 2)
    arms = grid * sizes[:, None]
    vectors = field.at(centres[:, None] + arms)
    shifts = np.median(vectors, axis=1)
    lengths = np.maximum((arms**2).sum(axis=2), 1e-6)
    runs = ((vectors - shifts[:, None]) * arms).sum(axis=2) / lengths
    outer = np.abs(grid[0]).max(axis=1) > _REACH / 4
    zooms = np.median(runs[:, outer], axis=1)
    side = np.sqrt(np.maximum(sizes.prod(axis=1), 1e-6))
    zooms = np.clip(zooms * side / (side + _STEADY_SIZE), -_LARGEST_ZOOM, _LARGEST_ZOOM)
    halves = sizes / 2 * (1 + zooms[:, None])
    centres = centres + shifts
    return np.concatenate([centres - halves, centres + halves], axis=1), shifts
