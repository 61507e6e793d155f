"""A figure's own canvas: parts are laid over one another, and whose pixel is whose is kept.

Legend: units are head heights, x right, y down; pixels are those of the canvas, finer than the picture's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from data.figures.light import Light

FRACTION = 4  # bits of a subpixel in OpenCV's polygon drawing


@dataclass(frozen=True)
class Part:
    """An outline drawn on a canvas, not yet coloured.

    Attributes:
        left: canvas column at which `alpha` starts.
        top: canvas row at which `alpha` starts.
        alpha: (h, w) float32 0..1, what it covers.
    """

    left: int
    top: int
    alpha: np.ndarray

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the canvas."""
        height, width = self.alpha.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


@dataclass
class Canvas:
    """Where a figure is drawn.

    Attributes:
        light: in which it stands.
        scale: pixels a unit.
        origin: (2,) the unit point at the canvas' top left corner.
        size: (height, width) pixels.
        colour: (H, W, 3) float32 RGB 0..255, multiplied by `alpha`.
        alpha: (H, W) float32 0..1, what the figure covers.
        shares: name of an instance -> (H, W) float32, what is visible of it.
        wholes: name of an instance -> (H, W) float32, what would be visible if no other part hid it.
    """

    light: Light
    scale: float
    origin: np.ndarray
    size: tuple[int, int]
    colour: np.ndarray = field(init=False)
    alpha: np.ndarray = field(init=False)
    shares: dict[str, np.ndarray] = field(init=False, default_factory=dict)
    wholes: dict[str, np.ndarray] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Start empty."""
        self.colour = np.zeros((*self.size, 3), np.float32)
        self.alpha = np.zeros(self.size, np.float32)

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Return the canvas place of (N, 2) points given in units."""
        return (np.asarray(points, float) - self.origin) * self.scale

    def part(self, outline: np.ndarray, margin: int = 2) -> Part | None:
        """Rasterise an outline, (N, 2) points in units; None where nothing of it is on the canvas."""
        points = self.pixels(outline)
        left, top = np.floor(points.min(axis=0)).astype(int) - margin
        right, bottom = np.ceil(points.max(axis=0)).astype(int) + margin + 1
        left, top = max(left, 0), max(top, 0)
        right, bottom = min(right, self.size[1]), min(bottom, self.size[0])
        if right - left < 1 or bottom - top < 1:
            return None
        raster = np.zeros((bottom - top, right - left), np.uint8)
        fixed = np.round((points - (left, top)) * (1 << FRACTION)).astype(np.int32)
        cv2.fillPoly(raster, [fixed], 255, lineType=cv2.LINE_AA, shift=FRACTION)
        return Part(int(left), int(top), raster.astype(np.float32) / 255)

    def grid(self, part: Part) -> tuple[np.ndarray, np.ndarray]:
        """Return the x and y in units of a part's pixels, (h, w) float32 each."""
        height, width = part.alpha.shape
        xs = self.origin[0] + (part.left + np.arange(width) + 0.5) / self.scale
        ys = self.origin[1] + (part.top + np.arange(height) + 0.5) / self.scale
        grid = np.meshgrid(xs.astype(np.float32), ys.astype(np.float32))
        return grid[0], grid[1]

    def lay(self, part: Part, colour: np.ndarray, instance: str = "") -> None:
        """Lay a part over what is there.

        Args:
            part: its cover.
            colour: (h, w, 3) or (3,) RGB 0..255, lit.
            instance: whose pixels these are beside the figure's; "" for nobody's.
        """
        rows, columns = part.window
        rest = 1 - part.alpha
        self.colour[rows, columns] = self.colour[rows, columns] * rest[..., None] + part.alpha[..., None] * colour
        self.alpha[rows, columns] = self.alpha[rows, columns] * rest + part.alpha
        for share in self.shares.values():
            share[rows, columns] *= rest
        if instance:
            for layers in (self.shares, self.wholes):
                if instance not in layers:
                    layers[instance] = np.zeros(self.size, np.float32)
            self.shares[instance][rows, columns] += part.alpha
            whole = self.wholes[instance][rows, columns]
            self.wholes[instance][rows, columns] = whole * rest + part.alpha

    def cast(self, part: Part, reach: float, strength: float) -> None:
        """Darken what is there round a part that will be laid in front of it: contact shadow.

        Args:
            part: that throws the shadow.
            reach: of the shadow in units.
            strength: 0..1.
        """
        blur = reach * self.scale
        border = int(2.5 * blur) + 1
        shift = -self.light.direction[:2] * blur * 0.9
        height, width = part.alpha.shape
        dark = cv2.copyMakeBorder(part.alpha, border, border, border, border, cv2.BORDER_CONSTANT)
        dark = cv2.GaussianBlur(dark, (0, 0), max(blur, 0.3))
        left, top = part.left - border + int(shift[0]), part.top - border + int(shift[1])
        x1, y1 = max(left, 0), max(top, 0)
        x2, y2 = min(left + width + 2 * border, self.size[1]), min(top + height + 2 * border, self.size[0])
        if x2 > x1 and y2 > y1:
            self.colour[y1:y2, x1:x2] *= 1 - strength * dark[y1 - top : y2 - top, x1 - left : x2 - left, None]

    def normals(self, part: Part, roundness: float, texture: np.ndarray | None = None) -> np.ndarray:
        """Return (h, w, 3) float32 unit normals of a part blown up like a cushion.

        Args:
            part: its cover.
            roundness: how far from the edge it still bends, in units.
            texture: (h, w) float32 height in units on top of that.
        """
        radius = max(roundness * self.scale, 1.0)
        inside = cv2.copyMakeBorder((part.alpha > 0.5).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
        depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)[1:-1, 1:-1]
        rim = 1 - np.clip(depth / radius, 0, 1)
        height = radius * np.sqrt(np.clip(1.0 - rim * rim, 0, 1))
        height = cv2.GaussianBlur(height, (0, 0), max(radius * 0.16, 0.6))
        if texture is not None:
            height = height + texture * self.scale
        return normals_of(height)


def normals_of(height: np.ndarray) -> np.ndarray:
    """Return the (h, w, 3) float32 unit normals of a relief, (h, w) float32 in pixels towards the camera."""
    height = np.asarray(height, np.float32)
    across = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=0.125, borderType=cv2.BORDER_REPLICATE)
    down = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=0.125, borderType=cv2.BORDER_REPLICATE)
    length = np.sqrt(across * across + down * down + 1)
    return np.dstack([-across / length, -down / length, 1 / length])
