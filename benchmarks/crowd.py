"""A shaky hand-held camera over a street: a real photograph with many faces, whip pans, zooms, noise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from common.errors import UserError
from data.camera import View, expose, sense, shake, shutter
from data.ellipse import Ellipse
from data.made_frame import MadeFrame, Sighting, describe

PHOTOGRAPH = Path(__file__).resolve().parents[2] / "shared" / "media" / "city.jpg"
MARKS = Path(__file__).with_name("city_faces.json")
SIZE = (360, 640)
RATE = 30.0
FRAMES = 480
FACE, IGNORED = 0, 1

# The camera's way: frame, photograph x, y, scale. Neighbours a few frames apart are whip pans and fast zooms.
WAY = (
    (0, 400, 225, 0.87),
    (60, 380, 215, 0.95),
    (95, 300, 190, 1.15),
    (101, 520, 185, 1.20),  # whip to the right
    (140, 545, 180, 1.25),
    (165, 600, 170, 1.65),  # close
    (200, 560, 172, 1.55),
    (207, 240, 170, 1.45),  # whip to the left
    (240, 225, 160, 1.60),
    (252, 330, 190, 1.10),
    (258, 330, 230, 1.10),  # a jolt: down
    (264, 340, 185, 1.10),  # and up
    (310, 430, 205, 0.92),
    (322, 640, 175, 2.00),  # fast zoom in
    (352, 655, 168, 2.05),
    (362, 480, 200, 1.05),
    (400, 330, 200, 1.05),
    (405, 500, 200, 1.05),  # a double whip
    (410, 320, 200, 1.05),
    (440, 380, 210, 0.92),
    (479, 405, 222, 0.87),
)


# Autofocus: frame, standard deviation of the blur in picture pixels. A phone hunts after each sudden move.
FOCUS = (
    (0, 0.7),
    (58, 0.7),
    (70, 2.2),
    (82, 0.7),
    (101, 2.0),
    (116, 0.7),
    (207, 2.2),
    (224, 0.7),
    (268, 0.7),
    (284, 2.4),
    (298, 0.7),
    (322, 2.4),
    (338, 0.7),
    (410, 1.8),
    (430, 0.7),
    (479, 0.7),
)


@dataclass(frozen=True)
class Marks:
    """The faces of the photograph as marked by eye, and what is neither face nor background."""

    faces: tuple[Ellipse, ...]
    ignored: tuple[Ellipse, ...]


@cache
def marks() -> Marks:
    """Return the marked faces in the photograph's pixels."""
    data = json.loads(MARKS.read_text(encoding="utf-8"))
    faces, ignored = (tuple(Ellipse.upright(*entry) for entry in data[kind]) for kind in ("faces", "ignored"))
    return Marks(faces, ignored)


@cache
def photograph() -> np.ndarray:
    """Return (564, 800, 3) float32 RGB."""
    pixels = cv2.imread(str(PHOTOGRAPH), cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise UserError(f"{PHOTOGRAPH} cannot be read; the crowd clip needs this photograph")
    return pixels.astype(np.float32)


def views(frames: int) -> list[View]:
    """Return the camera's place for each frame and one more at each end; it never looks past the photograph's edge."""
    keys = np.array(WAY, float)
    times = np.clip(np.arange(-1, frames + 1), 0, keys[-1, 0])
    path = PchipInterpolator(keys[:, 0], keys[:, 1:])(times)
    random = np.random.default_rng(5)
    unrest = shake(frames + 2, RATE, random) * [6.0, 5.0, 1.0]
    unrest += shake(frames + 2, RATE, random, speed=2.0) * [2.0, 2.0, 0.3]
    return [
        _inside(View(x + dx, y + dy, scale, roll), photograph().shape[:2])
        for (x, y, scale), (dx, dy, roll) in zip(path, unrest, strict=True)
    ]


def _inside(view: View, scene: tuple[int, ...]) -> View:
    """Push a view back until none of its corners is outside the scene."""
    inverse = cv2.invertAffineTransform(view.matrix(SIZE))
    corners = np.array([[0, 0, 1], [SIZE[1], 0, 1], [0, SIZE[0], 1], [SIZE[1], SIZE[0], 1]], float) @ inverse.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    push = np.maximum(-low, 0) - np.maximum(high - [scene[1] - 1, scene[0] - 1], 0)
    return View(view.x + push[0], view.y + push[1], view.scale, view.roll)


def frames(count: int = FRAMES, light: float = 0.75, noise: float = 5.0) -> Iterator[MadeFrame]:
    """Render the first `count` frames.

    Args:
        count: at most 480.
        light: of the day, 1 as in the photograph.
        noise: of the sensor, in levels.
    """
    places = views(count)
    focus = PchipInterpolator(*np.array(FOCUS, float).T)(np.arange(count))
    random = np.random.default_rng(6)
    for index in range(count):
        view = places[index + 1]
        exposure = shutter(places[index], view, places[index + 2], SIZE, angle=270)
        sharp = expose(photograph(), [place.matrix(SIZE) for place in exposure], SIZE, fine=2)
        picture = sense(light * cv2.GaussianBlur(sharp, (0, 0), float(focus[index])), random, noise, grain=0.09 * noise)
        yield MadeFrame(picture, describe(index, index / RATE, sightings(view), SIZE))


def dusk() -> Iterator[MadeFrame]:
    """Render the first part once more, at nightfall."""
    return frames(300, light=0.3, noise=7.0)


def sightings(view: View) -> list[Sighting]:
    """Return what a view shows of each marked face, and of what is ignored."""
    matrix = view.matrix(SIZE)
    marked = [(ellipse, FACE) for ellipse in marks().faces] + [(ellipse, IGNORED) for ellipse in marks().ignored]
    found = []
    for number, (ellipse, class_id) in enumerate(marked, start=1):
        picture = ellipse.through(matrix)
        left, top, mask = picture.mask(SIZE)
        found.append(Sighting(number, left, top, mask, picture.area(), class_id))
    return found
