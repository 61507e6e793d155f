"""A whole person: a body with a head on it, a clown or a plain one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.figures import colour as colours
from data.figures.body import Body, Pose
from data.figures.canvas import Canvas
from data.figures.face import Expression, Face
from data.figures.hat import Hat
from data.figures.head import Head, Turn
from data.figures.makeup import Makeup
from data.figures.wig import Wig

HEAD_AT = np.array([0.0, -0.62])  # of the head's middle above the neck's foot
BODY = "person"


@dataclass(frozen=True)
class Person:
    """Somebody.

    Attributes:
        clown: whether it is one.
        head: its head.
        body: its body in clothes.
    """

    clown: bool
    head: Head
    body: Body

    @property
    def head_class(self) -> str:
        """The class of its head."""
        return "clown" if self.clown else "nface"

    @staticmethod
    def make(random: np.random.Generator, clown: bool) -> Person:
        """Choose one."""
        face = Face.make(random, Makeup.make(random) if clown else None)
        wig = Wig.clown(random) if clown or random.random() < 0.07 else Wig.plain(random)
        nose = colours.bright(random, 0.92) if clown and random.random() < 0.88 else None
        head = Head(face, wig, nose, random.uniform(0.065, 0.1), Hat.clown(random) if clown else Hat.plain(random))
        body = Body.clown(random, face.skin) if clown else Body.plain(random, face.skin)
        return Person(clown, head, body)

    def extent(self) -> tuple[float, float, float, float]:
        """Return a box (x1, y1, x2, y2) in units that holds it in any pose."""
        return -2.8, -1.9, 2.8, 2.6 + self.body.legs

    def draw(self, canvas: Canvas, pose: Pose, turn: Turn, expression: Expression) -> None:
        """Draw it; the neck's foot is the canvas' unit point (0, 0)."""
        self.body.draw(canvas, pose, BODY)
        self.head.draw(canvas, HEAD_AT, turn, expression, self.head_class)
