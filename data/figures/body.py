"""A body in clothes: trunk, limbs, hands and shoes in a pose.

Legend: units are head heights; the neck's foot is (0, 0), y down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.figures import colour as colours
from data.figures.canvas import Canvas
from data.figures.fabric import Fabric
from data.figures.portrait import arc, capsule, ellipse, smooth, stroke


@dataclass(frozen=True)
class Pose:
    """Where the joints are: arms and legs as angles in radians, left and right; 0 hangs down, positive outwards.

    Attributes:
        arms: (2, 2) shoulder and elbow angle of each arm.
        legs: (2, 2) hip and knee angle.
        lean: of the trunk.
    """

    arms: np.ndarray
    legs: np.ndarray
    lean: float

    @staticmethod
    def make(random: np.random.Generator) -> Pose:
        """Choose one."""
        arms = np.stack([random.uniform(0.05, 1.1, 2), random.uniform(-0.4, 1.5, 2)], 1)
        for side in range(2):
            if random.random() < 0.2:
                arms[side] = random.uniform(1.6, 2.5), random.uniform(0, 0.6)
        legs = np.stack([random.uniform(0.0, 0.3, 2), random.uniform(-0.25, 0.05, 2)], 1)
        return Pose(arms, legs, float(random.normal(0, 0.06)))


@dataclass(frozen=True)
class Body:
    """A body and what it wears.

    Attributes:
        shirt: cloth of the trunk and sleeves.
        trousers: cloth of the legs.
        skin: (3,) RGB of the hands.
        glove: (3,) RGB, or None.
        shoe: (3,) RGB.
        shoe_length: units.
        opening: ("round", "vee" or "jacket", (3,) RGB inside, (3,) RGB of a tie), or None.
        collar: ruff's colour (3,) RGB, or None.
        buttons: (3,) RGB of large buttons or pompons, or None.
        width: of the shoulders, half, units.
        girth: of the belly, half, units.
        legs: length, units.
        loose: width of sleeves and trouser legs, factor.
    """

    shirt: Fabric
    trousers: Fabric
    skin: np.ndarray
    glove: np.ndarray | None
    shoe: np.ndarray
    shoe_length: float
    collar: np.ndarray | None
    buttons: np.ndarray | None
    width: float
    girth: float
    legs: float
    loose: float
    opening: tuple[str, np.ndarray, np.ndarray] | None = None

    @staticmethod
    def clown(random: np.random.Generator, skin: np.ndarray) -> Body:
        """Choose a costume."""
        shirt = Fabric.costume(random)
        return Body(
            shirt=shirt,
            trousers=shirt if random.random() < 0.45 else Fabric.costume(random),
            skin=skin,
            glove=np.array([236, 234, 230]) if random.random() < 0.6 else None,
            shoe=colours.bright(random, 0.4),
            shoe_length=random.uniform(0.45, 0.75),
            collar=(np.array([240, 238, 234]) if random.random() < 0.5 else colours.bright(random))
            if random.random() < 0.65
            else None,
            buttons=colours.bright(random, 0.4) if random.random() < 0.6 else None,
            width=random.uniform(0.72, 0.9),
            girth=random.uniform(0.6, 0.95),
            legs=random.uniform(2.3, 3.0),
            loose=random.uniform(1.2, 1.7),
        )

    @staticmethod
    def plain(random: np.random.Generator, skin: np.ndarray) -> Body:
        """Choose everyday clothes; now and then as colourful as a costume."""
        dressed_up = random.random() < 0.2
        return Body(
            shirt=Fabric.costume(random) if dressed_up else Fabric.everyday(random),
            trousers=Fabric.costume(random) if random.random() < 0.06 else Fabric.everyday(random),
            skin=skin,
            glove=np.array([236, 234, 230]) if random.random() < 0.04 else None,
            shoe=colours.dull(random),
            shoe_length=random.uniform(0.36, 0.45),
            collar=np.array([240, 238, 234]) if random.random() < 0.04 else None,
            buttons=colours.bright(random) if random.random() < 0.05 else None,
            width=random.uniform(0.72, 0.95),
            girth=random.uniform(0.5, 0.8),
            legs=random.uniform(2.8, 3.5),
            loose=random.uniform(0.85, 1.15),
            opening=Body._neckline(random, skin),
        )

    @staticmethod
    def _neckline(random: np.random.Generator, skin: np.ndarray) -> tuple[str, np.ndarray, np.ndarray] | None:
        kind = ("round", "vee", "jacket", "")[random.choice(4, p=(0.4, 0.2, 0.25, 0.15))]
        if not kind:
            return None
        shirt = np.array([232, 232, 228]) if random.random() < 0.6 else colours.dull(random)
        return kind, shirt if kind == "jacket" else skin * 0.93, colours.bright(random, 0.4) * 0.8

    def draw(self, canvas: Canvas, pose: Pose, instance: str) -> None:
        """Draw all but the head."""
        for side in (-1, 1):
            self._leg(canvas, pose, side, instance)
        self._trunk(canvas, instance)
        for side in (-1, 1):
            self._arm(canvas, pose, side, instance)
        if self.collar is not None:
            self._ruff(canvas, instance)

    def hand(self, pose: Pose, side: int) -> np.ndarray:
        """Return the unit point of a hand; side -1 is the picture's left."""
        return self._joints(pose, side)[2]

    def _joints(self, pose: Pose, side: int) -> np.ndarray:
        shoulder = np.array([side * (self.width - 0.12), 0.22])
        upper, lower = pose.arms[(side + 1) // 2]
        elbow = shoulder + 1.0 * np.array([side * np.sin(upper), np.cos(upper)])
        bend = upper + lower if upper > 1.5 else upper - lower
        wrist = elbow + 0.95 * np.array([side * np.sin(bend), np.cos(bend)])
        return np.array([shoulder, elbow, wrist])

    def _trunk(self, canvas: Canvas, instance: str) -> None:
        neck = canvas.part(
            smooth(np.array([(-0.16, -0.35), (0.16, -0.35), (0.17, 0.0), (0.24, 0.16), (-0.24, 0.16), (-0.17, 0.0)]), 6)
        )
        if neck is not None:
            lit = self.skin * 0.84 * canvas.light.shade(canvas.normals(neck, 0.17))
            canvas.lay(neck, lit, instance)
        w, g = self.width, self.girth
        half = np.array(
            [
                (0.17, 0.0),
                (0.34, 0.045),
                (0.72 * w, 0.12),
                (0.95 * w, 0.27),
                (0.93 * w, 0.6),
                (g, 1.3),
                (g, 1.9),
                (g * 0.75, 2.25),
            ]
        )
        outline = smooth(np.vstack([half, (half * (-1, 1))[::-1]]), 8)
        self._cloth(canvas, outline, self.shirt, 0.45, instance)
        if self.opening is not None:
            self._opening(canvas, instance)
        if self.buttons is not None:
            for y in (0.5, 0.95, 1.4):
                part = canvas.part(ellipse(0, y, 0.095, 0.095))
                if part is not None:
                    canvas.cast(part, 0.03, 0.4)
                    canvas.lay(part, self.buttons * canvas.light.shade(canvas.normals(part, 0.09)), instance)

    def _opening(self, canvas: Canvas, instance: str) -> None:
        """Draw skin or a shirt in the neck opening, with a tie or a jacket's edge."""
        if self.opening is None:
            return
        kind, colour, second = self.opening
        deep = {"round": 0.2, "vee": 0.42, "jacket": 1.5}[kind]
        wide = {"round": 0.26, "vee": 0.2, "jacket": 0.26}[kind]
        outline = (
            np.vstack([[(-wide, -0.02), (wide, -0.02)], arc(0, 0.0, wide, deep)[::-1]]) if kind == "round" else None
        )
        if outline is None:
            outline = np.array([(-wide, -0.04), (wide, -0.04), (0.02, deep), (-0.02, deep)])
        part = canvas.part(outline)
        if part is None:
            return
        canvas.lay(part, colour * canvas.light.shade(canvas.normals(part, 0.6)), instance)
        if kind == "jacket":
            tie = canvas.part(
                np.array(
                    [(-0.05, 0.06), (0.05, 0.06), (0.03, 0.14), (0.075, 0.75), (0, 0.86), (-0.075, 0.75), (-0.03, 0.14)]
                )
            )
            if tie is not None:
                canvas.cast(tie, 0.02, 0.3)
                canvas.lay(tie, second * canvas.light.shade(canvas.normals(tie, 0.06)), instance)
            for side in (-1, 1):
                lapel = canvas.part(
                    np.array([(side * 0.2, -0.03), (side * 0.42, 0.12), (side * 0.34, 0.5), (side * 0.02, 1.0)])
                )
                if lapel is not None:
                    canvas.cast(lapel, 0.02, 0.35)
                    canvas.lay(
                        lapel, 0.92 * self.shirt.colours[0] * canvas.light.shade(canvas.normals(lapel, 0.05)), instance
                    )

    def _cloth(self, canvas: Canvas, outline: np.ndarray, cloth: Fabric, roundness: float, instance: str) -> None:
        part = canvas.part(outline)
        if part is None:
            return
        canvas.cast(part, 0.05, 0.4)
        xs, ys = canvas.grid(part)
        colour, folds = cloth.cut(xs, ys)
        normals = canvas.normals(part, roundness, folds)
        canvas.lay(part, colour * canvas.light.shade(normals), instance)

    def _arm(self, canvas: Canvas, pose: Pose, side: int, instance: str) -> None:
        shoulder, elbow, wrist = self._joints(pose, side)
        width = 0.19 * self.loose
        self._hand(canvas, elbow, wrist, side, instance)
        path = _bent(shoulder, elbow, wrist)
        widths = np.interp(
            np.linspace(0, 1, len(path)), [0, 0.12, 0.5, 1], [width * 1.0, width * 1.15, width, width * 0.8]
        )
        self._cloth(canvas, capsule(path, widths), self.shirt, width, instance)
        towards = (wrist - elbow) / np.linalg.norm(wrist - elbow)
        cuff = canvas.part(stroke(np.array([wrist - 0.04 * towards, wrist, wrist + 0.06 * towards]), width * 0.86))
        if cuff is not None:
            tone = self.glove if self.glove is not None else self.shirt.colours[0] * 0.85
            canvas.lay(cuff, tone * canvas.light.shade(canvas.normals(cuff, width * 0.8)), instance)

    def _hand(self, canvas: Canvas, elbow: np.ndarray, wrist: np.ndarray, side: int, instance: str) -> None:
        """Draw palm, fingers and thumb."""
        along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
        across = np.array([-along[1], along[0]]) * side
        tone = self.glove if self.glove is not None else self.skin
        thick = 1.25 if self.glove is not None else 1.0
        shapes = [capsule(np.array([wrist, wrist + 0.2 * along]), 0.095 * thick)]
        for place, reach in zip((-0.075, -0.025, 0.025, 0.072), (0.37, 0.42, 0.41, 0.35), strict=True):
            spread = 1 + 0.5 * thick
            start = wrist + 0.2 * along + place * across
            end = wrist + reach * along + place * spread * across
            shapes.append(capsule(np.array([start, 0.5 * (start + end) + 0.008 * across, end]), 0.03 * thick))
        base = wrist + 0.08 * along - 0.07 * across
        shapes.insert(
            1,
            capsule(
                np.array([base, base + 0.09 * along - 0.07 * across, base + 0.17 * along - 0.09 * across]),
                0.034 * thick,
            ),
        )
        for shape in shapes:
            part = canvas.part(shape)
            if part is not None:
                canvas.cast(part, 0.012, 0.3)
                canvas.lay(part, tone * canvas.light.shade(canvas.normals(part, 0.06)), instance)

    def _leg(self, canvas: Canvas, pose: Pose, side: int, instance: str) -> None:
        hip = np.array([side * 0.32 * self.girth / 0.7, 2.0])
        upper, lower = pose.legs[(side + 1) // 2]
        knee = hip + 0.5 * self.legs * np.array([side * np.sin(upper), np.cos(upper)])
        bend = upper + lower
        ankle = knee + 0.5 * self.legs * np.array([side * np.sin(bend), np.cos(bend)])
        corners = (
            (-0.17, -0.12),
            (0.13, -0.12),
            (0.3, 0.0),
            (0.62, 0.04),
            (0.98, 0.1),
            (1.0, 0.22),
            (0.6, 0.27),
            (-0.2, 0.27),
        )
        shoe = canvas.part(
            smooth(
                np.array([(side * x * (1 if x < 0.2 else self.shoe_length / 0.8), y) for x, y in corners]) + ankle, 8
            )
        )
        if shoe is not None:
            normals = canvas.normals(shoe, 0.14)
            lit = self.shoe * canvas.light.shade(normals) + 90 * canvas.light.shine(normals, 20)[..., None]
            canvas.lay(shoe, lit, instance)
        path = _bent(hip, knee, ankle)
        widths = np.interp(np.linspace(0, 1, len(path)), [0, 0.5, 1], [0.32, 0.25 * self.loose, 0.2 * self.loose])
        self._cloth(canvas, capsule(path, widths), self.trousers, 0.26, instance)

    def _ruff(self, canvas: Canvas, instance: str) -> None:
        angles = np.linspace(0, 2 * np.pi, 180, endpoint=False)
        for share in (1.0, 0.72):
            wave = 1 + 0.07 * np.sin(angles * 18)
            outline = np.stack([0.62 * share * wave * np.cos(angles), 0.1 + 0.22 * share * wave * np.sin(angles)], 1)
            part = canvas.part(outline)
            if part is None:
                continue
            canvas.cast(part, 0.05, 0.4)
            xs, ys = canvas.grid(part)
            around = np.arctan2((ys - 0.1) / 0.22, xs / 0.62)
            normals = canvas.normals(part, 0.1, 0.02 * np.sin(around * 18).astype(np.float32))
            canvas.lay(part, self.collar * canvas.light.shade(normals), instance)


def _bent(a: np.ndarray, b: np.ndarray, c: np.ndarray, count: int = 15) -> np.ndarray:
    t = np.linspace(0, 1, count)[:, None]
    curve = (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c
    corner = np.where(t < 0.5, a + 2 * t * (b - a), b + (2 * t - 1) * (c - b))
    return np.asarray(0.45 * curve + 0.55 * corner)
