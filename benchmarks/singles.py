"""Made clips with one difficulty each: occlusion, exits, crossing, a turn, dark, cuts, zoom, uneven timing.

The faces are the portrait that ships with scikit-image, so these clips can be made anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import cv2
import numpy as np
import skimage.data
from scipy.interpolate import PchipInterpolator

from data import gallery
from data.camera import View, expose, sense, shake, shutter
from data.ellipse import Ellipse
from data.made_frame import MadeFrame, Sighting, describe

SIZE = (360, 640)
RATE = 30.0
FRAMES = 120
SHOT = 24  # frames between hard cuts

Way = Sequence[tuple[float, float, float, float]]  # frame, scene x, scene y, scale


def _views(way: Way, times: np.ndarray, seed: int, unrest: float = 1.0) -> list[View]:
    """Return the views at `times` (in frames) and one more at each end."""
    keys = np.array(way, float)
    steps = np.concatenate([[2 * times[0] - times[1]], times, [2 * times[-1] - times[-2]]])
    path = PchipInterpolator(keys[:, 0], keys[:, 1:])(np.clip(steps, keys[0, 0], keys[-1, 0]))
    # The hand moves in time, not in frames: sample its way finely and read it where frames are.
    hand = shake(int(steps[-1] * 4) + 16, RATE * 4, np.random.default_rng(seed)) * [2.5, 2.0, 0.4]
    moves = hand[np.clip(np.round(steps * 4).astype(int) + 8, 0, len(hand) - 1)] * unrest
    return [View(x + dx, y + dy, scale, roll) for (x, y, scale), (dx, dy, roll) in zip(path, moves, strict=True)]


def _shoot(views: Sequence[View], light: float = 1.0) -> np.ndarray:
    """Return the wall as three neighbouring views expose the middle one, (H, W, 3) float32."""
    exposure = shutter(views[0], views[1], views[2], SIZE)
    return light * expose(gallery.wall(), [view.matrix(SIZE) for view in exposure], SIZE, fine=2)


def _sense(light: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the picture of a cheap camera on a dull day, (H, W, 3) uint8."""
    return sense(0.8 * cv2.GaussianBlur(light, (0, 0), 0.7), random, noise=4.0, grain=0.4)


def _portrait(view: View, number: int = 1) -> Sighting:
    face = gallery.face().through(view.matrix(SIZE))
    left, top, mask = face.mask(SIZE)
    return Sighting(number, left, top, mask, face.area())


def _walk(
    way: Way, seed: int, times: np.ndarray | None = None, lights: np.ndarray | None = None
) -> Iterator[MadeFrame]:
    """Film the wall along a way; `times` are in frames of the steady rate, `lights` multiply the exposure."""
    moments = np.arange(FRAMES, dtype=float) if times is None else times
    views = _views(way, moments, seed)
    random = np.random.default_rng(seed + 100)
    for index, moment in enumerate(moments):
        light = 1.0 if lights is None else float(lights[index])
        picture = _sense(_shoot(views[index : index + 3], light), random)
        yield MadeFrame(picture, describe(index, moment / RATE, [_portrait(views[index + 1])], SIZE))


def occlusion() -> Iterator[MadeFrame]:
    """A wide column passes before the face, hides it whole for a while, and comes back."""
    views = _views([(0, 1262, 440, 0.45), (FRAMES - 1, 1290, 430, 0.5)], np.arange(FRAMES, dtype=float), 20)
    columns = PchipInterpolator([0, 15, 55, 65, 105, FRAMES - 1], [1060, 1060, 1470, 1470, 1060, 1060])
    random = np.random.default_rng(21)
    for index in range(FRAMES):
        view = views[index + 1]
        light = _shoot(views[index : index + 3])
        column = gallery.Column(x=float(columns(index)), half_width=34.0)
        opacity, colour = column.cover([view], SIZE)
        light += opacity[..., None] * (colour - light)
        face = _portrait(view)
        height, width = face.mask.shape
        face.mask &= opacity[face.top : face.top + height, face.left : face.left + width] < 0.5
        yield MadeFrame(_sense(light, random), describe(index, index / RATE, [face], SIZE))


def exits() -> Iterator[MadeFrame]:
    """The face leaves the picture left, comes back, leaves below in a hurry, comes back from the right."""
    way = [
        (0, 1280, 430, 0.6),
        (28, 1920, 430, 0.6),
        (40, 1920, 430, 0.6),
        (58, 1270, 420, 0.7),
        (66, 1265, 60, 0.75),
        (76, 1265, 70, 0.75),
        (82, 1270, 410, 0.75),
        (95, 720, 420, 0.75),
        (103, 720, 420, 0.75),
        (119, 1250, 420, 0.6),
    ]
    return _walk(way, 22)


def dark() -> Iterator[MadeFrame]:
    """The light goes almost out for a second and a half while the camera moves on."""
    lights = PchipInterpolator([0, 25, 45, 85, 100, 119], [1, 1, 0.02, 0.02, 1, 1])(np.arange(FRAMES))
    way = [(0, 1230, 440, 0.5), (60, 1330, 420, 0.7), (119, 1240, 440, 0.55)]
    return _walk(way, 23, lights=lights)


def zoom() -> Iterator[MadeFrame]:
    """From a face of 33 pixels to one that fills the picture, and back in half the time."""
    way = [(0, 1260, 500, 0.29), (12, 1260, 500, 0.29), (70, 1274, 405, 2.7), (80, 1274, 405, 2.7)]
    return _walk([*way, (112, 1260, 480, 0.33), (119, 1260, 480, 0.33)], 24)


def vfr() -> Iterator[MadeFrame]:
    """A phone's uneven timing: steps between 1/60 and 1/7 of a second, the movement true to time."""
    random = np.random.default_rng(25)
    steps = random.choice([0.5, 1.0, 1.0, 1.5, 2.0, 4.2], FRAMES)
    times = np.round(np.concatenate([[0], np.cumsum(steps)[:-1]]) * 100) / 100
    end = float(times[-1])
    way = [(0, 1050, 450, 0.5), (0.3 * end, 1450, 420, 0.6), (0.6 * end, 1080, 430, 0.45), (end, 1350, 440, 0.6)]
    return _walk(way, 26, times=times)


def cuts() -> Iterator[MadeFrame]:
    """Hard cuts between shots with the face elsewhere, larger, smaller, or not there at all."""
    shots = [(1180, 450, 0.9), (1330, 400, 1.7), (600, 560, 1.0), (1290, 520, 0.55), (2050, 560, 0.9), (1240, 420, 1.3)]
    random = np.random.default_rng(27)
    index = 0
    for number, (x, y, scale) in enumerate(shots, start=1):
        way = [(0, x, y, scale), (SHOT - 1, x + 25, y, scale * 1.04)]
        views = _views(way, np.arange(SHOT, dtype=float), 30 + number)
        for place in range(SHOT):
            picture = _sense(_shoot(views[place : place + 3]), random)
            yield MadeFrame(picture, describe(index, index / RATE, [_portrait(views[place + 1], number)], SIZE))
            index += 1


@cache
def _cameo() -> tuple[np.ndarray, Ellipse]:
    """Return the head as an oval card, (260, 240, 4) float32 (colour times opacity, opacity 0..1), and its face."""
    left, top, width, height = 106, 2, 240, 260
    colour = skimage.data.astronaut()[top : top + height, left : left + width].astype(np.float32)
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    far = np.hypot((xs - (width - 1) / 2) / (width / 2 - 3), (ys - (height - 1) / 2) / (height / 2 - 3))
    opacity = np.clip((1 - far) * 60, 0, 1)
    x, y, half_width, half_height, angle = gallery.PORTRAIT_FACE
    face = Ellipse.upright(x - left, y - top, half_width, half_height, angle)
    return np.dstack([colour * opacity[..., None], opacity]), face


def _lay(light: np.ndarray, card: np.ndarray, matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Lay a card over a picture, in place, and return where it hides what is below, (H, W) bool."""
    layer = expose(card, matrices, SIZE)
    light *= 1 - layer[..., 3:]
    light += layer[..., :3]
    return layer[..., 3] > 0.5


def _place(x: float, y: float, scale: float, angle: float) -> np.ndarray:
    """Return the matrix that puts a card's middle at (x, y) of the picture."""
    turn = cv2.getRotationMatrix2D((119.5, 129.5), -angle, scale)
    return np.add(turn, [[0, 0, x - 119.5], [0, 0, y - 129.5]])


def crossing() -> Iterator[MadeFrame]:
    """Two people pass each other twice, the one before the other; the second is mirrored, darker, larger."""
    card, face = _cameo()
    mirror = np.array([[-1.0, 0, 239], [0, 1, 0]])
    other = card[:, ::-1] * np.array([0.62, 0.52, 0.45, 1], np.float32)
    other_face = face.through(mirror)
    random = np.random.default_rng(28)
    view = View(1250, 820, 0.9)
    wall = expose(gallery.wall(), [view.matrix(SIZE)], SIZE, fine=2)
    for index in range(FRAMES):
        light = wall.copy()
        # Back and forth at a steady walk: about 10 pixels a frame past each other.
        swing = np.arcsin(0.99 * np.cos(np.pi * 2 * (np.array([-0.25, 0.0, 0.25]) + index) / (FRAMES - 1))) / 1.5
        behind = [_place(320 + 150 * s, 175, 0.34, 4 * s) for s in swing]
        before = [_place(320 - 170 * s, 185, 0.46, -3 * s) for s in swing]
        first = _card_face(face, behind[1], 1)
        _lay(light, card, behind)
        hidden = _lay(light, np.ascontiguousarray(other), before)
        height, width = first.mask.shape
        first.mask &= ~hidden[first.top : first.top + height, first.left : first.left + width]
        seen = [first, _card_face(other_face, before[1], 2)]
        yield MadeFrame(_sense(light, random), describe(index, index / RATE, seen, SIZE))


def _card_face(face: Ellipse, matrix: np.ndarray, number: int) -> Sighting:
    placed = face.through(matrix)
    left, top, mask = placed.mask(SIZE)
    return Sighting(number, left, top, mask, placed.area())


def turn() -> Iterator[MadeFrame]:
    """A head turns towards one profile, back through the front and towards the other: a photograph on an egg."""
    card, face = _cameo()
    left, top, inside = face.mask(card.shape[:2])
    marked = np.zeros(card.shape[:2], np.float32)
    marked[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    degrees = PchipInterpolator([0, 12, 45, 55, 92, 104, 119], [0, 0, 72, 72, -72, -72, -10])(np.arange(FRAMES))
    random = np.random.default_rng(29)
    wall = expose(gallery.wall(), [View(1250, 820, 0.9).matrix(SIZE)], SIZE, fine=2)
    hand = shake(FRAMES, RATE, random) * [3.0, 3.0, 1.0]
    for index, (angle, (dx, dy, roll)) in enumerate(zip(np.radians(degrees), hand, strict=True)):
        matrix = _place(320 + 60 * np.sin(index / 25) + dx, 185 + dy, 0.5, roll)
        light = wall.copy()
        _lay(light, _turned(card, angle), [matrix])
        mask = cv2.warpAffine(_turned(marked, angle), matrix, SIZE[::-1]) > 0.5
        sighting = Sighting(1, 0, 0, mask, float(mask.sum()))
        yield MadeFrame(_sense(light, random), describe(index, index / RATE, [sighting], SIZE))


# The head with its hair on the card: middle x, middle y, half width, half height.
HEAD = (121.0, 104.0, 77.0, 92.0)


def _turned(card: np.ndarray, angle: float) -> np.ndarray:
    """Return a card on which the head, taken as an egg with the photograph on its front half, is turned.

    What the turn brings round from the back is the hair at the head's edge. Outside the head nothing changes.

    Args:
        card: (H, W) or (H, W, C) float32.
        angle: radians; above 0 towards the right of the picture.
    """
    middle_x, middle_y, half_width, half_height = HEAD
    rows, columns = np.mgrid[0 : card.shape[0], 0 : card.shape[1]].astype(np.float32)
    radius = half_width * np.sqrt(np.clip(1 - ((rows - middle_y) / half_height) ** 2, 1e-6, 1))
    across = (columns - middle_x) / radius
    front = np.clip(np.arcsin(np.clip(across, -1, 1)) - angle, -np.pi / 2, np.pi / 2)
    source = np.where(np.abs(across) < 1, middle_x + 0.96 * radius * np.sin(front), columns)
    return cv2.remap(card, source.astype(np.float32), rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
