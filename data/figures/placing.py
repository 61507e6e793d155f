"""Who stands where: a cast is chosen, sized and put into a picture."""

from __future__ import annotations

import numpy as np

from data.figures.ball import INSTANCE, Ball
from data.figures.body import Pose
from data.figures.canvas import Canvas
from data.figures.face import Expression
from data.figures.head import Turn
from data.figures.person import Person
from data.figures.scene import Placed


def turn(random: np.random.Generator) -> Turn:
    """Choose how a head is held."""
    return Turn(*(float(np.clip(random.normal(0, s), -2 * s, 2 * s)) for s in (0.4, 0.16, 0.13)))


def matrix(x: float, y: float, scale: float, roll: float = 0.0, flip: bool = False) -> np.ndarray:
    """Return (2, 3) from units to picture pixels: the unit point (0, 0) lands on (x, y)."""
    c, s = np.cos(roll) * scale, np.sin(roll) * scale
    return np.array([[-c if flip else c, -s, x], [-s if flip else s, c, y]])


def cast(size: tuple[int, int], random: np.random.Generator) -> list[Placed]:
    """Choose the figures of one picture, the farthest first."""
    height, width = size
    figures = []
    count = int(random.choice([0, 1, 2, 3, 4], p=[0.06, 0.36, 0.34, 0.16, 0.08]))
    number = 0
    for _ in range(count):
        person = Person.make(random, clown=random.random() < 0.5)
        head = float(height * np.exp(random.uniform(np.log(0.07), np.log(0.42))))
        x = random.uniform(0.06, 0.94) * width
        y = (
            random.uniform(0.1, 0.75) * height + 0.62 * head
            if head > 0.14 * height
            else random.uniform(0.1, 0.7) * height
        )
        pose, held, expression = Pose.make(random), turn(random), Expression.make(random)

        def draw(canvas: Canvas, person=person, pose=pose, held=held, expression=expression) -> None:
            person.draw(canvas, pose, held, expression)

        m = matrix(x, y, head, float(random.normal(0, 0.06)))
        numbers = {"person": number, person.head_class: number + 1}
        number += 2
        figures.append((head, Placed(draw, person.extent(), _moved(m, random), numbers, whole="person")))
    for _ in range(int(random.choice([0, 1, 2, 4], p=[0.4, 0.3, 0.2, 0.1]))):
        ball = Ball.make(random)
        radius = float(height * np.exp(random.uniform(np.log(0.015), np.log(0.12))))
        m = matrix(random.uniform(0, width), random.uniform(0, height), radius)

        def draw_ball(canvas: Canvas, ball=ball) -> None:
            ball.draw(canvas)

        figures.append(
            (
                radius * random.uniform(0.5, 6),
                Placed(draw_ball, (-1.4, -1.4, 1.4, 1.4), _moved(m, random), {INSTANCE: number}),
            )
        )
        number += 1
    return [figure for _, figure in sorted(figures, key=lambda pair: pair[0])]


def _moved(m: np.ndarray, random: np.random.Generator) -> list[np.ndarray]:
    if random.random() > 0.15:
        return [m]
    way = random.normal(0, 5, 2)
    steps = int(np.clip(np.abs(way).max() / 1.2, 1, 12))
    moved = []
    for share in np.linspace(-0.5, 0.5, steps):
        one = m.copy()
        one[:, 2] += share * way
        moved.append(one)
    return moved
