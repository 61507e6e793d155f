"""The made set's videos: people and clowns walk, cross, pass behind posts, leave, come near; balls fly; scenes cut.

Every frame is drawn from its number alone, so that frames can be drawn in any order by any number of processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import cv2
import numpy as np

from common.detections import FrameObjects, Header
from data.camera import View, expose, sense, shake, shutter
from data.demo_picture import CLASSES
from data.figures.background import background
from data.figures.ball import INSTANCE, Ball
from data.figures.body import Pose
from data.figures.develop import graded
from data.figures.face import Expression
from data.figures.head import Turn
from data.figures.light import Light, from_photograph
from data.figures.person import Person
from data.figures.placing import Act, matrix, swept
from data.figures.prop import Panel
from data.figures.scene import Placed, shoot
from data.made_frame import MadeFrame, Sighting, describe

RATE = Fraction(25)
SCENES = (64, 56)  # frames of each scene; a cut lies between them
FRAMES = sum(SCENES)
MARGIN = 1.25  # how much larger than the picture the photograph behind is
SHUTTER = 0.5  # share of a frame's time that is exposed


@dataclass(frozen=True)
class Walker:
    """Somebody on a way through a scene.

    Attributes:
        act: the person as it stands.
        number: of the person; its head and ball have the next two.
        ways: (K, 4) share of the scene 0..1, x and y of the neck as shares of the picture, head height as such.
        step: steps a second.
        phase: of steps, looks and swings, radians.
    """

    act: Act
    number: int
    ways: np.ndarray
    step: float
    phase: float

    def place(self, share: float) -> tuple[float, float, float]:
        """Return x, y and head height at a share of the scene."""
        x, y, head = (float(np.interp(share, self.ways[:, 0], self.ways[:, column])) for column in (1, 2, 3))
        return x, y, head

    def moment(self, time: float) -> Act:
        """Return the person as it is at a time in seconds: steps, swinging arms, looks, a blink, words."""
        swing = 2 * np.pi * self.step * time + self.phase
        arms, legs = self.act.pose.arms.copy(), self.act.pose.legs.copy()
        arms[:, 0] += 0.22 * np.sin(swing) * np.array([1, -1])
        arms[:, 1] += 0.25 * np.sin(swing + 0.8)
        legs[:, 0] = 0.12 + 0.16 * np.array([np.sin(swing), -np.sin(swing)]).clip(-0.6, 1)
        turn = self.act.turn
        look = Turn(
            turn.yaw + 0.35 * np.sin(1.3 * time + self.phase),
            turn.pitch + 0.06 * np.sin(2.1 * time),
            turn.roll + 0.05 * np.sin(swing),
        )
        blink = (time + self.phase) % 2.3 < 0.12
        said = float(
            np.clip(self.act.expression.mouth + 0.35 * np.sin(9 * time + self.phase) * np.sin(1.7 * time), 0, 1)
        )
        face = replace(self.act.expression, lids=0.05 if blink else self.act.expression.lids, mouth=said)
        bounce = 1.3 * abs(np.sin(1.5 * np.pi * time + self.phase)) if self.act.ball is not None else 0.0
        return replace(self.act, pose=Pose(arms, legs, 0.0), turn=look, expression=face, bounce=float(bounce))


@dataclass(frozen=True)
class Flight:
    """A ball thrown through a scene: parts of its arc as shares of scene and picture."""

    ball: Ball
    number: int
    radius: float
    start: float
    x: tuple[float, float]
    y: tuple[float, float]

    def place(self, share: float) -> tuple[float, float]:
        """Return its middle as shares of the picture."""
        along = (share - self.start) / 0.4
        return self.x[0] + along * (self.x[1] - self.x[0]), self.y[0] + (self.y[1] - self.y[0]) * 4 * along * (
            1 - along
        )


@dataclass(frozen=True)
class Stage:
    """One scene of a video, as it can be drawn at any moment."""

    photograph: np.ndarray
    light: Light
    walkers: tuple[Walker, ...]
    flights: tuple[Flight, ...]
    panel: Panel | None
    views: list[View]


@lru_cache(maxsize=4)
def stage(seed: int, video: int, scene: int, size: tuple[int, int]) -> Stage:
    """Return one scene of a video."""
    random = np.random.default_rng([seed, 1, video, scene])
    height, width = (2 * int(side * MARGIN / 2) for side in size)
    photograph = background((height, width), random)
    first = 100 * scene
    walkers = tuple(_walkers(random, near=scene % 2 == 1, first=first))
    flights = tuple(_flights(random, first + 50))
    panel = replace(Panel.make(random), kind="post", tall=30.0) if scene % 2 == 0 else None
    frames = SCENES[scene % len(SCENES)]
    unrest = shake(frames + 2, float(RATE), random) * [0.004 * width, 0.003 * width, 0.3]
    drift = np.linspace(-0.5, 0.5, frames + 2) * random.uniform(-0.08, 0.08) * width
    views = [View(width / 2 + d + x, height / 2 + y, 1.0, r) for d, (x, y, r) in zip(drift, unrest, strict=True)]
    return Stage(photograph, from_photograph(photograph, random), walkers, flights, panel, views)


def _walkers(random: np.random.Generator, near: bool, first: int) -> Iterator[Walker]:
    """Choose who goes where: two who cross and leave, one who stays; or a close-up with somebody behind."""
    eye = random.uniform(0.3, 0.42)
    if near:
        ways = [
            [(0, 0.75, 0.95, 0.13), (0.5, 0.7, 0.95, 0.14), (1, 0.25, 0.9, 0.15)],
            [
                (0, -0.3, eye + 0.3, 0.4),
                (0.35, 0.42, eye + 0.25, 0.42),
                (0.7, 0.5, eye + 0.3, 0.5),
                (0.82, 0.5, eye + 0.3, 0.5),
                (1, 1.6, eye + 0.3, 0.5),
            ],
        ]
        ways[0] = [(share, x, eye + 0.08, head) for share, x, _, head in ways[0]]
        clowns = [random.random() < 0.4, random.random() < 0.7]
    else:
        ways = [
            [(0, 0.55, eye + 0.05, 0.09), (1, 0.62, eye + 0.05, 0.09)],
            [(0, -0.12, eye + 0.1, 0.14), (0.9, 1.15, eye + 0.1, 0.15), (1, 1.3, eye + 0.1, 0.15)],
            [(0, 1.1, eye + 0.14, 0.19), (0.15, 0.95, eye + 0.14, 0.19), (1, -0.25, eye + 0.14, 0.21)],
        ]
        clowns = [bool(flag) for flag in random.permutation([True, False, random.random() < 0.5])]
    mirror = random.random() < 0.5
    for place, (way, clown) in enumerate(zip(ways, clowns, strict=True)):
        points = np.array(way, float)
        if mirror:
            points[:, 1] = 1 - points[:, 1]
        ball = Ball.make(random) if random.random() < 0.35 else None
        pose = replace(Pose.make(random), arms=np.stack([random.uniform(0.1, 0.7, 2), random.uniform(0.1, 0.9, 2)], 1))
        turn = Turn(float(random.normal(0, 0.2)), float(random.normal(0, 0.08)), 0.0)
        act = Act(Person.make(random, clown), pose, turn, Expression.make(random), ball, int(random.choice([-1, 1])))
        act = replace(act, radius=float(random.uniform(0.15, 0.3)), expression=replace(act.expression, lids=1.0))
        yield Walker(act, first + 3 * place, points, float(random.uniform(1.2, 2.0)), float(random.uniform(0, 6)))


def _flights(random: np.random.Generator, first: int) -> Iterator[Flight]:
    for place in range(int(random.integers(1, 3))):
        x = random.uniform(-0.2, 0.4), random.uniform(0.6, 1.2)
        y = random.uniform(0.7, 1.1), random.uniform(0.05, 0.4)
        radius = float(random.uniform(0.02, 0.06))
        yield Flight(Ball.make(random), first + place, radius, float(random.uniform(0, 0.6)), x, (y[0], y[1] - y[0]))


def make_frame(seed: int, video: int, index: int, size: tuple[int, int]) -> MadeFrame:
    """Draw one frame.

    Args:
        seed: of the set.
        video: its number.
        index: of the frame.
        size: (height, width).
    """
    scene, inside = (0, index) if index < SCENES[0] else (1, index - SCENES[0])
    setting = stage(seed, video, scene, size)
    views = setting.views[inside : inside + 3]
    before, now, after = views
    exposure = shutter(before, now, after, size)
    behind = expose(setting.photograph, [view.matrix(size) for view in exposure], size)
    figures = _figures(setting, views, inside, (scene, size))
    shot = shoot(np.clip(behind, 0, 255), figures, setting.light)
    look = np.random.default_rng([seed, 2, video])
    random = np.random.default_rng([seed, 3, video, index])
    noise, grain = look.uniform(0.8, 2.5), look.uniform(0.1, 0.25)
    picture = sense(graded(shot.picture, look), random, noise=noise, grain=grain)
    seen = [Sighting(one.number, 0, 0, one.mask, one.area, CLASSES.index(one.name)) for one in shot.instances]
    objects = describe(index, float(index / RATE), seen, size)
    objects.cut = scene > 0 and inside == 0
    return MadeFrame(picture, objects)


def _figures(setting: Stage, views: list[View], inside: int, where: tuple[int, tuple[int, int]]) -> list[Placed]:
    """Return the figures of one moment, the farthest first; they stand in the scene, not in the picture."""
    scene, size = where
    height, width = size
    frames = SCENES[scene]
    middle = np.array(setting.photograph.shape[1::-1]) / 2 - 0.5

    def seen(x: float, y: float, scale: float, view: View, roll: float = 0.0) -> np.ndarray:
        """Place a unit in the scene at shares of the picture, and return where a view shows it."""
        at = matrix(middle[0] + (x - 0.5) * width, middle[1] + (y - 0.5) * height, scale * height, roll)
        return np.asarray(view.matrix(size) @ np.vstack([at, [0, 0, 1]]))

    def swung(before: np.ndarray, now: np.ndarray, after: np.ndarray) -> list[np.ndarray]:
        return swept(now, SHUTTER * (after[:, 2] - before[:, 2]) / 2)

    shares = [(inside + step) / (frames - 1) for step in (-1, 0, 1)]
    figures = []
    for walker in setting.walkers:
        time = inside / float(RATE)
        bob = 0.015 * abs(np.sin(np.pi * walker.step * time + walker.phase))
        places = [walker.place(share) for share in shares]
        at = [seen(x, y + bob * head, head, view) for (x, y, head), view in zip(places, views, strict=True)]
        numbers = walker.number, walker.number + 1, walker.number + 2
        figures.append((places[1][2], walker.moment(time).placed(swung(*at), numbers)))
    for flight in setting.flights:
        spots = [flight.place(share) for share in shares]
        at = [
            seen(x, y, flight.radius, view, 4 * share) for (x, y), view, share in zip(spots, views, shares, strict=True)
        ]
        extent = (-1.5, -1.5, 1.5, 1.5)
        figures.append((3 * flight.radius, Placed(flight.ball.draw, extent, swung(*at), {INSTANCE: flight.number})))
    if setting.panel is not None:
        at = [
            seen(0.5 + 1.6 * (0.35 - share * 0.1), 0.5, 0.03, view) for share, view in zip(shares, views, strict=True)
        ]
        figures.append((0.17, Placed(setting.panel.draw, setting.panel.extent, swung(*at), {})))
    return [figure for _, figure in sorted(figures, key=lambda pair: pair[0])]


def header(size: tuple[int, int], name: str) -> Header:
    """Return the first line of a video's truth file."""
    return Header(width=size[1], height=size[0], classes=CLASSES, source=name)


def draw_frame(job: tuple[int, int, int, tuple[int, int]]) -> tuple[np.ndarray, FrameObjects]:
    """Draw the frame (seed, video, index, size), for a pool of processes."""
    cv2.setNumThreads(1)
    frame = make_frame(*job)
    return frame.picture, frame.objects
