"""Hair: what grew, and wigs in all colours. Locks are laid on the head as one relief, smooth hair as a cap."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from data.figures import colour as colours
from data.figures.canvas import Canvas, Part, normals_of
from data.figures.portrait import smooth

if TYPE_CHECKING:
    from data.figures.head import Place

CURLY = ("afro", "tufts", "crown", "curls")
TEMPLATE = 64  # pixels a side of a lock's template
FAR = -1e6


@dataclass(frozen=True)
class Wig:
    """Hair on a head.

    Attributes:
        kind: "afro", "tufts" (two, at the sides), "crown" (bald on top), "curls", "short", "long" or "bald".
        colours: (N, 3) RGB, mixed from lock to lock.
        size: how far it stands off, units.
        seed: of the locks.
    """

    kind: str
    colours: np.ndarray
    size: float
    seed: int

    @staticmethod
    def clown(random: np.random.Generator) -> Wig:
        """Choose a clown's wig."""
        kind = ("afro", "tufts", "crown", "bald", "long", "short")[
            random.choice(6, p=(0.44, 0.24, 0.14, 0.05, 0.07, 0.06))
        ]
        base = colours.bright(random, 0.3)
        count = 1 if random.random() < 0.75 else int(random.integers(3, 6))
        palette = np.array([base if i == 0 else colours.bright(random) for i in range(count)])
        return Wig(kind, palette, float(random.uniform(0.12, 0.3)), int(random.integers(1 << 30)))

    @staticmethod
    def plain(random: np.random.Generator) -> Wig:
        """Choose hair that grew."""
        kind = ("short", "long", "bald", "curls", "crown", "afro")[
            random.choice(6, p=(0.42, 0.28, 0.08, 0.12, 0.05, 0.05))
        ]
        size = random.uniform(0.03, 0.08) if kind != "afro" else random.uniform(0.08, 0.2)
        return Wig(kind, colours.hair(random)[None], float(size), int(random.integers(1 << 30)))

    def draw(self, canvas: Canvas, place: Place, instance: str, behind: bool) -> None:
        """Draw what is behind the head, or what is before it."""
        if self.kind in CURLY:
            self._locks(canvas, place, instance, behind)
        elif self.kind != "bald":
            if behind and self.kind == "long":
                self._mane(canvas, place, instance)
            if not behind:
                self._cap(canvas, place, instance)

    def _locks(self, canvas: Canvas, place: Place, instance: str, behind: bool) -> None:
        """Lay all locks of one side into a relief, and shade that."""
        random = np.random.default_rng(self.seed)
        reach = 0.55 + 0.5 * (2.6 * self.size + 0.35)
        corners = np.array([(-reach, -reach), (reach, -reach), (reach, reach), (-reach, reach)]) + place.at
        frame = canvas.part(corners)
        if frame is None:
            return
        height = np.full(frame.alpha.shape, FAR, np.float32)
        tone = np.zeros((*height.shape, 3), np.float32)
        cover = np.zeros(height.shape, np.float32)
        locks = self._places(random)
        points, depths = place.project(locks.directions, locks.lifts[:, None])
        spots = canvas.pixels(place.roll(points)) - (frame.left, frame.top)
        for one in np.flatnonzero((depths < 0.1) == behind):
            half = max(1.5, float(locks.radii[one]) * canvas.scale)
            base = float(depths[one] * locks.lifts[one]) * 0.4 * canvas.scale
            _stamp((height, tone, cover), spots[one], half, base, (locks.tones[one], int(locks.templates[one])))
        if not cover.any():
            return
        part = Part(frame.left, frame.top, cover)
        canvas.cast(part, 0.03, 0.35)
        low = np.where(height > FAR / 2, height, -0.4 * canvas.scale).astype(np.float32)
        sunk = cv2.GaussianBlur(low, (0, 0), max(0.05 * canvas.scale, 0.8)) - low
        hollow = np.clip(1 - 0.9 * sunk / (0.12 * canvas.scale), 0.35, 1.1)
        normals = normals_of(cv2.GaussianBlur(low, (0, 0), max(0.006 * canvas.scale, 0.4)))
        lit = tone * canvas.light.shade(normals) * hollow[..., None]
        lit += 55 * (canvas.light.shine(normals, 9) * hollow)[..., None] * canvas.light.key * (0.3 + tone / 255)
        canvas.lay(part, lit, instance)

    def _places(self, random: np.random.Generator) -> _Locks:
        """Choose where the locks are."""
        count = {"afro": 420, "tufts": 260, "crown": 230, "curls": 330}[self.kind]
        directions = random.standard_normal((8 * count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        x, y, z = np.abs(directions[:, 0]), directions[:, 1], directions[:, 2]
        if self.kind == "tufts":
            fits = (x > 0.5) & (z < 0.6) & (y > -0.65) & (y < 0.5)
        elif self.kind == "crown":
            fits = (y > -0.6) & (y < 0.5) & (z < 0.55) & ((z < 0.2) | (x > 0.6))
        else:
            line = np.where(z > 0, -0.45 + 1.1 * np.clip(x - 0.5, 0, 1), 0.6 - 0.9 * np.clip(z + 0.3, 0, 1))
            fits = y < line
        chosen = directions[fits][:count]
        total = len(chosen)
        spread = {"afro": 2.2, "tufts": 2.8, "crown": 1.8, "curls": 1.2}[self.kind]
        lifts = 1.0 + spread * self.size * random.random(total) ** 0.8
        radii = random.uniform(0.035, 0.075, total) * (0.6 + 0.75 * (lifts - 0.5))
        picks = random.integers(0, len(self.colours), total)
        tones = self.colours[picks] * random.uniform(0.8, 1.12, (total, 1))
        return _Locks(chosen, lifts, radii, tones, random.integers(0, 12, total))

    def _cap(self, canvas: Canvas, place: Place, instance: str) -> None:
        """Draw hair that lies on the head: a slightly larger head, cut at the hairline."""
        from data.figures.head import solid

        lift = 1.05 + 0.7 * min(self.size, 0.15)
        part, directions, towards = solid(canvas, place, lift)
        if part is None:
            return
        random = np.random.default_rng(self.seed)
        streaks = self._streaks(random, directions)
        x, y, z = np.abs(directions[..., 0]), directions[..., 1], directions[..., 2]
        parting = random.uniform(-0.5, 0.5)
        fringe = -0.5 + 0.16 * np.sin(3 * directions[..., 0] + 6 * parting) + 1.0 * np.clip(x - 0.58, 0, 1)
        line = np.where(z > 0.0, fringe, 0.55 if self.kind == "short" else 0.9)
        line = np.where((z > -0.15) & (z < 0.35) & (x > 0.8), 0.12 if self.kind == "short" else 0.5, line)
        inside = np.clip((line - y + 0.07 * streaks) / max(0.06, 3 / canvas.scale), 0, 1)
        rim = np.clip((1 - part.alpha) * 4, 0, 1) * 0
        alpha = (part.alpha * inside * (1 - rim)).astype(np.float32)
        hair = Part(part.left, part.top, alpha)
        canvas.cast(hair, 0.025, 0.4)
        normals = normals_of((0.37 * towards + 0.012 * streaks) * canvas.scale)
        base = self._mixed(directions[..., 0], directions[..., 1])
        lit = base * (1 + 0.16 * streaks[..., None]) * canvas.light.shade(normals)
        band = np.exp(-(((y + 0.62 - 0.1 * streaks) / 0.13) ** 2))
        lit += (70 * band * canvas.light.shine(normals, 3))[..., None] * (0.25 + base / 255) * canvas.light.key
        canvas.lay(hair, lit, instance)

    def _mixed(self, across: np.ndarray, down: np.ndarray) -> np.ndarray:
        """Return (h, w, 3) the colours side by side in bands."""
        place = ((np.arctan2(across, -down + 1.2) * 2.2 + 3) * len(self.colours) / 2).astype(int) % len(self.colours)
        return np.asarray(self.colours[place], np.float32)

    def _streaks(self, random: np.random.Generator, directions: np.ndarray) -> np.ndarray:
        """Return (h, w) float32 about -1..1, strands that run from the crown downwards."""
        around = np.arctan2(directions[..., 0], directions[..., 2] + 0.35)
        fall = directions[..., 1]
        strip = _strip(int(random.integers(4)))
        u = (around / (2 * np.pi) + 0.5 + 0.015 * np.sin(6 * fall)) * (strip.shape[1] - 1)
        v = (fall * 0.5 + 0.5) * (strip.shape[0] - 1)
        return cv2.remap(
            strip, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )

    def _mane(self, canvas: Canvas, place: Place, instance: str) -> None:
        """Draw the hair that hangs behind the head."""
        random = np.random.default_rng(self.seed + 1)
        long = random.uniform(0.55, 1.05)
        half = np.array(
            [
                (0.0, -0.54),
                (0.3, -0.46),
                (0.44, -0.15),
                (0.46, 0.25),
                (0.47, long - 0.15),
                (0.34, long),
                (0, long - 0.05),
            ]
        )
        wave = random.uniform(-0.03, 0.03, (len(half), 2))
        outline = smooth(np.vstack([half + wave, ((half - wave) * (-1, 1))[-2:0:-1]]), 8)
        part = canvas.part(place.roll(outline))
        if part is None:
            return
        xs, ys = canvas.grid(part)
        x, y = place.upright(xs, ys)
        strip = _strip(int(random.integers(4)))
        u = ((x * (1.0 - 0.15 * y) + 0.02 * np.sin(7 * y)) / 1.4 + 0.5) * (strip.shape[1] - 1)
        streaks = cv2.remap(
            strip,
            u.astype(np.float32),
            ((y + 0.6) / 2 * strip.shape[0]).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        normals = canvas.normals(part, 0.25, 0.014 * streaks)
        base = self._mixed(x, y - 1)
        lit = base * (0.82 + 0.16 * streaks[..., None]) * canvas.light.shade(normals)
        lit += 40 * canvas.light.shine(normals, 8)[..., None] * (base / 255) * canvas.light.key
        canvas.lay(part, lit, instance)


@dataclass(frozen=True)
class _Locks:
    """N locks: (N, 3) unit directions of the head's own, (N,) lift and radius, (N, 3) colour, (N,) template."""

    directions: np.ndarray
    lifts: np.ndarray
    radii: np.ndarray
    tones: np.ndarray
    templates: np.ndarray


@cache
def _strip(number: int) -> np.ndarray:
    """Return (128, 1024) float32 about -1..1: strands side by side."""
    random = np.random.default_rng([77, number])
    noise = random.standard_normal((128, 1024)).astype(np.float32)
    fine = cv2.GaussianBlur(noise, (0, 0), sigmaX=1.2, sigmaY=24)
    broad = cv2.GaussianBlur(noise, (0, 0), sigmaX=7, sigmaY=40)
    return np.asarray(np.clip(0.6 * fine / fine.std() + 0.6 * broad / broad.std(), -2, 2) * 0.6, np.float32)


@cache
def _template(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a lock's height and cover, (64, 64) float32 0..1: a dome with curled strands and a ragged edge."""
    random = np.random.default_rng([78, number])
    axis = (np.arange(TEMPLATE, dtype=np.float32) + 0.5) / TEMPLATE * 2 - 1
    x, y = np.meshgrid(axis, axis)
    angle, away = np.arctan2(y, x), np.sqrt(x * x + y * y)
    ragged = 1 + 0.1 * np.sin(angle * random.integers(3, 6) + random.uniform(0, 6)) + 0.06 * np.sin(angle * 11 + number)
    away = away / ragged * 1.1
    spiral = np.sin(random.uniform(11, 16) * away + random.choice([-1, 1]) * angle * random.integers(1, 3) + number)
    dome = np.sqrt(np.clip(1 - away * away, 0, 1))
    return (dome + 0.11 * spiral * (dome > 0)).astype(np.float32), np.clip((1 - away) * 12, 0, 1).astype(np.float32)


@lru_cache(maxsize=600)
def _sized(number: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a template of `side` pixels."""
    dome, edge = (cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in _template(number))
    return dome, edge


def _stamp(
    layers: tuple[np.ndarray, np.ndarray, np.ndarray],
    at: np.ndarray,
    half: float,
    base: float,
    look: tuple[np.ndarray, int],
) -> None:
    """Lay a lock into (height, tone, cover) where it is higher than what is there."""
    height, tone, cover = layers
    colour, number = look
    side = max(3, round(2 * half))
    left, top = round(float(at[0]) - half), round(float(at[1]) - half)
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(left + side, height.shape[1]), min(top + side, height.shape[0])
    if x2 <= x1 or y2 <= y1:
        return
    dome, edge = _sized(number, side)
    crop = slice(y1 - top, y2 - top), slice(x1 - left, x2 - left)
    window = slice(y1, y2), slice(x1, x2)
    raised = np.where(edge[crop] > 0.5, base + half * dome[crop], FAR)
    nearer = (raised > height[window]) & (edge[crop] > 0.5)
    height[window][nearer] = raised[nearer]
    unclaimed = nearer | ((edge[crop] > 0) & (cover[window] == 0))
    tone[window][unclaimed] = colour
    np.maximum(cover[window], edge[crop], out=cover[window])
