"""The sample clip: a hand-held camera in a small gallery finds a portrait, loses half of it, comes back.

Everything in it is made or ships with scikit-image, so that it can be rendered anywhere and its truth is known: where
the face is in each frame, and how much of it is neither behind the column nor outside the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

from common.detections import FrameObjects, Header
from data import gallery
from data.camera import View, expose, sense, shake, shutter
from data.clip_file import ClipFile
from data.made_frame import MadeFrame, Sighting, describe
from data.sound import music

SIZE = (360, 640)
RATE = Fraction(30)
SECONDS = 6.0
COLUMN = gallery.Column(x=1150)

# The camera's way: share of the clip, scene x, scene y, scale.
WAY = (
    (0.00, 878, 500, 0.74),
    (0.32, 1235, 440, 0.86),
    (0.45, 1272, 412, 1.75),
    (0.52, 1270, 410, 1.85),
    (0.595, 1458, 420, 1.72),  # the face is half outside, left
    (0.66, 1462, 424, 1.72),
    (0.74, 1285, 428, 1.45),
    (0.82, 1275, 436, 1.30),
    (0.92, 1310, 500, 0.76),
    (1.00, 1300, 504, 0.74),
)


def views(frames: int) -> list[View]:
    """Return the camera's place for each frame and one more at each end, for the shutter."""
    keys = np.array(WAY, float)
    shares = np.arange(-1, frames + 1) / max(frames - 1, 1)
    path = PchipInterpolator(keys[:, 0], keys[:, 1:])(np.clip(shares, 0, 1))
    unrest = shake(frames + 2, float(RATE), np.random.default_rng(3)) * [2.2, 1.6, 0.35]
    return [View(x + dx, y + dy, scale, roll) for (x, y, scale), (dx, dy, roll) in zip(path, unrest, strict=True)]


def frames(count: int) -> Iterator[MadeFrame]:
    """Render `count` frames of the clip, whatever its length: a shorter one moves faster."""
    places = views(count)
    random = np.random.default_rng(11)
    for index in range(count):
        exposure = shutter(places[index], places[index + 1], places[index + 2], SIZE)
        opacity, colour = COLUMN.cover(exposure, SIZE)
        light = expose(gallery.wall(), [view.matrix(SIZE) for view in exposure], SIZE, fine=2)
        light += opacity[..., None] * (colour - light)
        time = float(index / RATE)
        yield MadeFrame(sense(light, random, noise=1.2, grain=0.16), _truth(index, time, places[index + 1], opacity))


def _truth(index: int, time: float, view: View, opacity: np.ndarray) -> FrameObjects:
    """Return what of the face can be seen in the middle of the exposure."""
    face = gallery.face().through(view.matrix(SIZE))
    left, top, mask = face.mask(SIZE)
    height, width = mask.shape
    mask &= opacity[top : top + height, left : left + width] < 0.5
    return describe(index, time, [Sighting(1, left, top, mask, face.area())], SIZE)


def render(path: Path, seconds: float = SECONDS) -> Iterator[FrameObjects]:
    """Write the clip with its sound, and yield the truth of each frame as it is written.

    Args:
        path: target video file.
        seconds: its length.
    """
    count = max(2, round(seconds * RATE))
    with ClipFile(path, SIZE, RATE, music(float(count / RATE))) as clip:
        for frame in frames(count):
            clip.write(frame.picture)
            yield frame.objects


def header() -> Header:
    """Return the first line of the clip's truth file."""
    return Header(width=SIZE[1], height=SIZE[0], classes=("face",), source="sample clip")
