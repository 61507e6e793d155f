"""A scene: figures before a photograph, one hiding the other, seen by a camera; and what is visible of each.

Legend: picture coordinates are pixels of the finished picture; sizes are (height, width).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from data.camera import expose
from data.figures.canvas import Canvas
from data.figures.light import Light

FINE = 2  # canvas pixels a picture pixel, at least
SMALLEST_UNIT = 110.0  # canvas pixels that a figure's unit has where that is possible
COARSE = 120.0  # canvas pixels of the longer side of a figure that is only measured
VISIBLE = 0.5  # share of a pixel that makes it the instance's


@dataclass
class Instance:
    """One thing as a picture shows it.

    Attributes:
        number: the same through a video.
        name: of its class.
        mask: (H, W) bool, its visible pixels.
        area: pixels it would have if nothing hid it and the picture had no end.
        truncated: whether it goes beyond the picture.
    """

    number: int
    name: str
    mask: np.ndarray
    area: float
    truncated: bool

    def share(self) -> float:
        """Return the visible share, 0..1."""
        return min(1.0, float(self.mask.sum()) / self.area) if self.area > 0 else 0.0

    def box(self) -> tuple[int, int, int, int]:
        """Return (x1, y1, x2, y2), the extent of the visible pixels; x2 and y2 are beyond the last."""
        rows, columns = np.flatnonzero(self.mask.any(axis=1)), np.flatnonzero(self.mask.any(axis=0))
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@dataclass
class Placed:
    """A figure in a picture.

    Attributes:
        draw: draws it on a canvas.
        extent: (x1, y1, x2, y2) units that hold it.
        matrices: (2, 3) each, units to picture pixels, for each instant of the exposure.
        numbers: instance name on the canvas -> its number; `whole` too.
        whole: class of all that it covers but its other instances in `apart`; "" for none.
        apart: names of instances that are no part of the whole.
        blur: of a figure out of focus, pixels.
        ground: (x, y, half-width, half-height) units of the shadow it throws on the ground; None: none.
    """

    draw: Callable[[Canvas], None]
    extent: tuple[float, float, float, float]
    matrices: list[np.ndarray]
    numbers: dict[str, int]
    whole: str = ""
    apart: tuple[str, ...] = ()
    blur: float = 0.0
    ground: tuple[float, float, float, float] | None = None

    @property
    def unit(self) -> float:
        """Picture pixels a unit."""
        return float(np.sqrt(abs(np.linalg.det(self.matrices[0][:, :2]))))


@dataclass
class Shot:
    """A picture before the sensor, and what is in it.

    Attributes:
        picture: (H, W, 3) float32 RGB 0..255.
        instances: what is visible, from the farthest to the nearest.
    """

    picture: np.ndarray
    instances: list[Instance] = field(default_factory=list)


def shoot(background: np.ndarray, figures: list[Placed], light: Light) -> Shot:
    """Lay figures over a background, the farthest first.

    Args:
        background: (H, W, 3) float32 RGB 0..255.
        figures: from the farthest to the nearest.
        light: in which they stand.
    """
    size = background.shape[:2]
    picture = background.copy()
    seen: list[_Seen] = []
    for figure in figures:
        canvas = _drawn(figure, light, _window(figure, size), figure.unit * _fineness(figure))
        if canvas is None:
            continue
        if figure.ground is not None:
            _shadow(picture, figure, light)
        left, top, laid = _exposed(canvas, figure, size)
        if not laid.size:
            continue
        rows, columns = slice(top, top + laid.shape[0]), slice(left, left + laid.shape[1])
        rest = 1 - laid[..., 3]
        picture[rows, columns] = picture[rows, columns] * rest[..., None] + laid[..., :3]
        for one in seen:
            one.share[rows, columns] *= rest
        seen += _seen(figure, canvas, light, size, (rows, columns, laid))
    shot = Shot(picture)
    for one in seen:
        mask = one.share >= VISIBLE
        if mask.any():
            area = max(one.area, float(mask.sum()))
            shot.instances.append(Instance(one.number, one.name, mask, area, one.truncated))
    return shot


@dataclass
class _Seen:
    """An instance while nearer figures are still to come: `share` (H, W) float32 is what is visible of it."""

    number: int
    name: str
    share: np.ndarray
    area: float
    truncated: bool


def _seen(
    figure: Placed,
    canvas: Canvas,
    light: Light,
    size: tuple[int, int],
    laid: tuple[slice, slice, np.ndarray],
) -> list[_Seen]:
    """Return the instances of a figure that was laid into a picture."""
    rows, columns, layers = laid
    shares = {name: layers[..., 4 + place] for place, name in enumerate(canvas.shares)}
    if figure.whole:
        rest = layers[..., 3].copy()
        for name in figure.apart:
            rest -= shares.get(name, np.float32(0))
        shares[figure.whole] = rest
    if _touches_border(canvas, figure):  # the canvas does not hold all of it
        x1, y1, x2, y2 = figure.extent
        canvas = _drawn(figure, light, figure.extent, COARSE / max(x2 - x1, y2 - y1)) or canvas
    wholes = dict(canvas.wholes)
    if figure.whole:
        wholes[figure.whole] = canvas.alpha
    found = []
    matrix = figure.matrices[len(figure.matrices) // 2]
    ratio = abs(float(np.linalg.det(matrix[:, :2]))) / canvas.scale**2
    for name, number in figure.numbers.items():
        if name not in shares:
            continue
        share = np.zeros(size, np.float32)
        share[rows, columns] = shares[name]
        layer = wholes[name]
        found.append(_Seen(number, name, share, float(layer.sum()) * ratio, _leaves(layer, canvas, matrix, size)))
    return found


def _leaves(layer: np.ndarray, canvas: Canvas, matrix: np.ndarray, size: tuple[int, int]) -> bool:
    """Return whether the picture's edge cuts what a canvas shows."""
    filled = layer > 0.5
    rows = np.flatnonzero(filled.any(axis=1))
    if not len(rows):
        return False
    ends = [np.flatnonzero(filled[row])[[0, -1]] for row in rows]
    points = np.array([(column, row) for row, pair in zip(rows, ends, strict=True) for column in pair], float)
    places = ((points + 0.5) / canvas.scale + canvas.origin) @ matrix[:, :2].T + matrix[:, 2]
    step = 0.5 * float(np.sqrt(abs(np.linalg.det(matrix[:, :2])))) / canvas.scale
    low, high = places.min(axis=0) - step, places.max(axis=0) + step
    return bool((low < -1).any() or (high > (size[1], size[0])).any())


def _touches_border(canvas: Canvas, figure: Placed) -> bool:
    """Return whether something of the figure is cut by the border of its canvas."""
    layers = [canvas.alpha, *canvas.wholes.values()]
    return any(
        float(max(layer[0].max(), layer[-1].max(), layer[:, 0].max(), layer[:, -1].max())) > 0.3 for layer in layers
    )


def _fineness(figure: Placed) -> float:
    """Return canvas pixels a picture pixel: small figures are drawn larger, or their lines would be lost."""
    return float(np.clip(SMALLEST_UNIT / figure.unit, FINE, 2 * FINE))


def _window(figure: Placed, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return (x1, y1, x2, y2) in units, what the picture may show of a figure."""
    corners = [[x, y, 1] for x in (-4, size[1] + 4) for y in (-4, size[0] + 4)]
    around = np.vstack([np.array(corners, float) @ cv2.invertAffineTransform(one).T for one in figure.matrices])
    low, high = around.min(axis=0), around.max(axis=0)
    x1, y1, x2, y2 = figure.extent
    return max(x1, low[0]), max(y1, low[1]), min(x2, high[0]), min(y2, high[1])


def _drawn(figure: Placed, light: Light, window: tuple[float, float, float, float], scale: float) -> Canvas | None:
    """Draw what a window, (x1, y1, x2, y2) units, shows of a figure; None where that is nothing."""
    x1, y1, x2, y2 = window
    if x2 <= x1 or y2 <= y1:
        return None
    shape = int(np.ceil((y2 - y1) * scale)) + 1, int(np.ceil((x2 - x1) * scale)) + 1
    canvas = Canvas(light, scale, np.array([x1, y1]), shape)
    figure.draw(canvas)
    return canvas


def _exposed(canvas: Canvas, figure: Placed, size: tuple[int, int]) -> tuple[int, int, np.ndarray]:
    """Return the left, the top and the layers (colour, cover, shares) of what the picture shows of a canvas."""
    rows, columns = np.flatnonzero(canvas.alpha.any(axis=1)), np.flatnonzero(canvas.alpha.any(axis=0))
    if not len(rows):
        return 0, 0, np.zeros((0, 0, 4), np.float32)
    inside = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    shares = list(canvas.shares.values())
    layers = np.empty((rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1, 4 + len(shares)), np.float32)
    layers[..., :3], layers[..., 3] = canvas.colour[inside], canvas.alpha[inside]
    for place, share in enumerate(shares):
        layers[..., 4 + place] = share[inside]
    start = canvas.origin + (np.array([columns[0], rows[0]]) + 0.5) / canvas.scale
    to_units = np.array([[1 / canvas.scale, 0, start[0]], [0, 1 / canvas.scale, start[1]], [0, 0, 1]])
    matrices = [matrix @ to_units for matrix in figure.matrices]
    height, width = layers.shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float)
    places = np.vstack([corners @ matrix.T for matrix in matrices])
    margin = 2 + int(4 * figure.blur)
    left, top = np.maximum(np.floor(places.min(axis=0)).astype(int) - margin, 0)
    right, bottom = np.minimum(np.ceil(places.max(axis=0)).astype(int) + margin, (size[1], size[0]))
    if right <= left or bottom <= top:
        return 0, 0, np.zeros((0, 0, 4), np.float32)
    moved = [matrix - np.array([[0, 0, left], [0, 0, top]]) for matrix in matrices]
    if _fineness(figure) > 1.4 * FINE:  # otherwise the warp would pass over pixels
        layers = cv2.GaussianBlur(layers, (0, 0), 0.35 * _fineness(figure) / FINE)
    laid = _expose(layers, moved, (bottom - top, right - left))
    if figure.blur > 0.2:
        laid = cv2.GaussianBlur(laid, (0, 0), figure.blur)
    return int(left), int(top), laid


def _expose(layers: np.ndarray, matrices: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """Warp and average, any number of channels: OpenCV warps four at a time."""
    done = []
    for first in range(0, layers.shape[2], 4):
        part = layers[..., first : first + 4]
        filled = np.zeros((*part.shape[:2], 4), np.float32)
        filled[..., : part.shape[2]] = part
        done.append(expose(filled, matrices, size, fine=FINE)[..., : part.shape[2]])
    return np.concatenate(done, axis=2)


def _shadow(picture: np.ndarray, figure: Placed, light: Light) -> None:
    """Darken the ground under a figure, on the side away from the light."""
    if figure.ground is None:
        return
    x, y, across, down = figure.ground
    matrix = figure.matrices[len(figure.matrices) // 2]
    middle = matrix[:, :2] @ [x - 0.7 * light.direction[0], y] + matrix[:, 2]
    reach = figure.unit * across, figure.unit * down
    height, width = picture.shape[:2]
    left, right = int(max(0, middle[0] - 3 * reach[0])), int(min(width, middle[0] + 3 * reach[0]))
    top, bottom = int(max(0, middle[1] - 3 * reach[1])), int(min(height, middle[1] + 3 * reach[1]))
    if right <= left or bottom <= top:
        return
    xs = ((np.arange(left, right) - middle[0]) / reach[0]).astype(np.float32)
    ys = ((np.arange(top, bottom) - middle[1]) / reach[1]).astype(np.float32)
    dark = np.exp(-0.5 * (xs[None] ** 2 + ys[:, None] ** 2) ** 1.3)
    picture[top:bottom, left:right] *= 1 - 0.55 * dark[..., None]
