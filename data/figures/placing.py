"""Who stands where: a cast is chosen, sized and put into a picture.

People stand on the ground before a camera at eye level: the nearer, the larger, and all heads near one horizon. Some
float in a frame of their own, as cut-outs on posters and in video effects do, so that place alone tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data.figures.ball import INSTANCE, Ball
from data.figures.body import Pose
from data.figures.canvas import Canvas
from data.figures.face import Expression
from data.figures.head import Turn
from data.figures.person import BODY, HEAD_AT, Person
from data.figures.prop import Bear, Panel
from data.figures.scene import Placed


def make_turn(random: np.random.Generator) -> Turn:
    """Choose how a head is held."""
    return Turn(*(float(np.clip(random.normal(0, s), -1.7 * s, 1.7 * s)) for s in (0.42, 0.16, 0.13)))


def matrix(x: float, y: float, scale: float, roll: float = 0.0) -> np.ndarray:
    """Return (2, 3) from units to picture pixels: the unit point (0, 0) lands on (x, y)."""
    c, s = np.cos(roll) * scale, np.sin(roll) * scale
    return np.array([[c, -s, x], [s, c, y]])


@dataclass(frozen=True)
class Act:
    """A person in a pose, with what it holds: draws both.

    Attributes:
        person: who.
        pose: of the body.
        turn: of the head.
        expression: of the face.
        ball: in a hand, or None.
        side: -1 or 1, of the hand that holds it.
        radius: of the ball, units.
        bounce: how far above the hand it is, units.
    """

    person: Person
    pose: Pose
    turn: Turn
    expression: Expression
    ball: Ball | None = None
    side: int = 1
    radius: float = 0.3
    bounce: float = 0.0

    def draw(self, canvas: Canvas) -> None:
        """Draw the person, then the ball before it."""
        self.person.draw(canvas, self.pose, self.turn, self.expression)
        if self.ball is not None:
            x, y = self.person.body.hand(self.pose, self.side)
            self.ball.draw(canvas, float(x), float(y) - self.bounce, self.radius)

    def placed(self, matrices: list[np.ndarray], numbers: tuple[int, int, int], blur: float = 0.0) -> Placed:
        """Return it as a figure; `numbers` are those of person, head and ball."""
        names = {BODY: numbers[0], self.person.head_class: numbers[1]}
        apart: tuple[str, ...] = ()
        if self.ball is not None:
            names[INSTANCE] = numbers[2]
            apart = (INSTANCE,)
        x1, y1, x2, y2 = self.person.extent()
        ground = (0.0, 2.25 + self.person.body.legs, 0.9, 0.16)
        return Placed(self.draw, (x1, y1, x2, y2), matrices, names, BODY, apart, blur, ground)


def cast(size: tuple[int, int], random: np.random.Generator) -> list[Placed]:
    """Choose the figures of one picture, the farthest first."""
    height, width = size
    horizon = height * random.uniform(0.25, 0.5)
    figures: list[tuple[float, Placed]] = []
    numbers = iter(range(1000))
    for _ in range(int(random.choice([0, 1, 2, 3, 4, 5], p=[0.06, 0.34, 0.32, 0.16, 0.08, 0.04]))):
        figures += _person(size, horizon, numbers, random)
    for _ in range(int(random.choice([0, 1, 2, 4], p=[0.5, 0.27, 0.15, 0.08]))):
        radius = float(height * np.exp(random.uniform(np.log(0.014), np.log(0.13))))
        place = matrix(random.uniform(0, width), random.uniform(0, height), radius, random.uniform(-0.4, 0.4))
        figures.append((radius * random.uniform(1, 6), _ball(Ball.make(random), place, next(numbers), random)))
    if random.random() < 0.1:
        head = float(height * random.uniform(0.08, 0.3))
        at = matrix(random.uniform(0.1, 0.9) * width, random.uniform(0.3, 0.8) * height, head, random.normal(0, 0.1))
        figures.append((head * random.uniform(0.7, 1.3), Placed(Bear.make(random).draw, Bear.extent, [at], {})))
    if random.random() < 0.2:
        figures.append(_screen(size, random))
    return [figure for _, figure in sorted(figures, key=lambda pair: pair[0])]


def _person(
    size: tuple[int, int], horizon: float, numbers: Iterator[int], random: np.random.Generator
) -> list[tuple[float, Placed]]:
    """Return a person with a nearness to sort by, and now and then a ball near its face."""
    height, width = size
    person = Person.make(random, clown=random.random() < 0.5)
    head = float(height * np.exp(random.uniform(np.log(0.06), np.log(0.46))))
    x = float(random.uniform(0.05, 0.95) * width)
    y = float(horizon + head * random.normal(0.62, 0.35))
    if random.random() < 0.2:
        y = float(random.uniform(0.12, 0.95) * height)
    holds = Ball.make(random) if random.random() < 0.16 else None
    side = int(random.choice([-1, 1]))
    radius, bounce = float(random.uniform(0.12, 0.4)), float(random.choice([0.1, random.uniform(0.2, 1.2)]))
    act = Act(person, Pose.make(random), make_turn(random), Expression.make(random), holds, side, radius, bounce)
    roll = float(random.normal(0, 0.06) if random.random() < 0.9 else random.normal(0, 0.4))
    at = matrix(x, y, head, roll)
    blur = float(random.choice([0, random.uniform(0.4, 2.2)], p=[0.85, 0.15])) * height / 480
    ids = next(numbers), next(numbers), next(numbers)
    figures = [(head, act.placed(moved(at, random), ids, blur))]
    if random.random() < (0.08 if person.clown else 0.16):
        middle = at[:, :2] @ (HEAD_AT + random.uniform(-0.9, 0.9, 2)) + at[:, 2]
        small = Ball.make(random)
        near = matrix(float(middle[0]), float(middle[1]), head * random.uniform(0.06, 0.25))
        figures.append((head * 1.001, _ball(small, near, next(numbers), random)))
    return figures


def _ball(ball: Ball, place: np.ndarray, number: int, random: np.random.Generator) -> Placed:
    return Placed(lambda canvas: ball.draw(canvas), (-1.5, -1.5, 1.5, 1.5), moved(place, random), {INSTANCE: number})


def _screen(size: tuple[int, int], random: np.random.Generator) -> tuple[float, Placed]:
    """Return something that hides part of the figures, nearer than most of them."""
    height, width = size
    panel = Panel.make(random)
    if panel.kind == "post":
        half = width * random.uniform(0.01, 0.045)
        at = matrix(random.uniform(0.1, 0.9) * width, 0.5 * height, half, random.normal(0, 0.05))
    else:
        half = width * random.uniform(0.08, 0.3)
        at = matrix(random.uniform(0, 1) * width, height * random.uniform(0.75, 1.05), half, random.normal(0, 0.04))
    blur = float(random.choice([0.0, random.uniform(0.5, 3)])) * height / 480
    return height * random.uniform(0.15, 0.6), Placed(panel.draw, panel.extent, [at], {}, blur=blur)


def moved(place: np.ndarray, random: np.random.Generator) -> list[np.ndarray]:
    """Return the places of a figure during the exposure: now and then it moves."""
    if random.random() > 0.14:
        return [place]
    way = random.normal(0, 5, 2)
    return swept(place, way)


def swept(place: np.ndarray, way: np.ndarray) -> list[np.ndarray]:
    """Return the places of a figure that moves by `way` pixels during the exposure."""
    steps = int(np.clip(np.ceil(np.abs(way).max() / 1.3), 1, 16))
    shares = (np.arange(steps) + 0.5) / steps - 0.5
    return [place + np.array([[0, 0, share * way[0]], [0, 0, share * way[1]]]) for share in shares]
