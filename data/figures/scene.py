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
HEAD_PIXELS = 64.0  # a figure's unit has at least that many canvas pixels


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
    """

    draw: Callable[[Canvas], None]
    extent: tuple[float, float, float, float]
    matrices: list[np.ndarray]
    numbers: dict[str, int]
    whole: str = ""
    apart: tuple[str, ...] = ()
    blur: float = 0.0


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
    seen: list[tuple[int, str, np.ndarray, float, bool]] = []
    for figure in figures:
        canvas = _drawn(figure, light, size, None)
        if canvas is None:
            continue
        names = list(canvas.shares)
        layers = np.dstack([canvas.colour, canvas.alpha, *(canvas.shares[name] for name in names)])
        unit = canvas.scale
        to_units = np.array(
            [[1 / unit, 0, canvas.origin[0] + 0.5 / unit], [0, 1 / unit, canvas.origin[1] + 0.5 / unit], [0, 0, 1]]
        )
        matrices = [matrix @ to_units for matrix in figure.matrices]
        laid = _expose(layers, matrices, size)
        if figure.blur > 0.2:
            laid = cv2.GaussianBlur(laid, (0, 0), figure.blur)
        cover = laid[..., 3]
        picture = picture * (1 - cover[..., None]) + laid[..., :3]
        seen = [(number, name, share * (1 - cover), area, cut) for number, name, share, area, cut in seen]
        wholes, cut = _wholes(figure, light, size)
        shares = {name: laid[..., 4 + place] for place, name in enumerate(names)}
        if figure.whole:
            rest = cover - sum((shares[name] for name in figure.apart if name in shares), np.zeros(size, np.float32))
            shares = {figure.whole: rest} | {name: share for name, share in shares.items() if name != figure.whole}
        for name, share in shares.items():
            if name in figure.numbers:
                seen.append((figure.numbers[name], name, share, wholes.get(name, 0.0), cut.get(name, False)))
    shot = Shot(picture)
    for number, name, share, area, cut_off in seen:
        mask = share >= 0.5
        if mask.any():
            shot.instances.append(Instance(number, name, mask, max(area, float(mask.sum())), cut_off))
    return shot


def _expose(layers: np.ndarray, matrices: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """Warp and average; OpenCV warps four channels at a time."""
    parts = [layers[..., first : first + 4] for first in range(0, layers.shape[2], 4)]
    done = []
    for part in parts:
        missing = 4 - part.shape[2]
        filled = np.dstack([part, *[np.zeros(part.shape[:2], np.float32)] * missing]) if missing else part
        done.append(expose(np.ascontiguousarray(filled), matrices, size, fine=FINE))
    return np.dstack(done)[..., : layers.shape[2]]


def _drawn(figure: Placed, light: Light, size: tuple[int, int], scale: float | None) -> Canvas | None:
    """Draw the part of a figure that the picture may show; with a `scale`, all of it."""
    x1, y1, x2, y2 = figure.extent
    if scale is None:
        inverse = [cv2.invertAffineTransform(matrix) for matrix in figure.matrices]
        corners = np.array(
            [[-4, -4, 1], [size[1] + 4, -4, 1], [-4, size[0] + 4, 1], [size[1] + 4, size[0] + 4, 1]], float
        )
        around = np.vstack([corners @ one.T for one in inverse])
        low, high = around.min(axis=0), around.max(axis=0)
        x1, y1, x2, y2 = max(x1, low[0]), max(y1, low[1]), min(x2, high[0]), min(y2, high[1])
        if x2 <= x1 or y2 <= y1:
            return None
        unit = float(np.sqrt(abs(np.linalg.det(figure.matrices[0][:, :2]))))
        scale = unit * FINE
    shape = int(np.ceil((y2 - y1) * scale)) + 1, int(np.ceil((x2 - x1) * scale)) + 1
    canvas = Canvas(light, scale, np.array([x1, y1]), shape)
    figure.draw(canvas)
    return canvas


def _wholes(figure: Placed, light: Light, size: tuple[int, int]) -> tuple[dict[str, float], dict[str, bool]]:
    """Return for each instance how large it would be unhidden, in picture pixels, and whether the picture cuts it."""
    x1, y1, x2, y2 = figure.extent
    scale = 90.0 / max(x2 - x1, y2 - y1)
    canvas = _drawn(figure, light, size, scale)
    matrix = figure.matrices[len(figure.matrices) // 2]
    ratio = abs(np.linalg.det(matrix[:, :2])) / scale**2
    areas, cut = {}, {}
    layers = dict(canvas.wholes) if canvas is not None else {}
    if figure.whole and canvas is not None:
        layers[figure.whole] = canvas.alpha
    for name, layer in layers.items():
        rows, columns = np.nonzero(layer > 0.5)
        areas[name] = float(layer.sum()) * ratio
        points = np.stack([columns + 0.5, rows + 0.5], 1) / scale + (x1, y1)
        places = points @ matrix[:, :2].T + matrix[:, 2]
        margin = 0.5
        cut[name] = bool(
            len(places) and ((places < -margin) | (places > (size[1] - 1 + margin, size[0] - 1 + margin))).any()
        )
    return areas, cut
