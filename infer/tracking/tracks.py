"""A track: the sightings of one object, and where it was carried to in the frames in which nobody saw it.

Boxes are (4,) float64 (x1, y1, x2, y2) in proxy pixels; frames are indices of observations.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Sighting:
    """One raw detection.

    Attributes:
        frame: which frame.
        place: which of the frame's detections.
        box: proxy pixels.
        score: 0..1.
        class_id: the detector's class.
    """

    frame: int
    place: int
    box: np.ndarray
    score: float
    class_id: int


@dataclass(frozen=True)
class Carried:
    """Where flow took a box.

    Attributes:
        box: proxy pixels.
        likeness: of the patch in the box to the patch at the last sighting, -1..1.
        lost: frames since the picture last supported the box; it then moves with the camera and its own speed.
    """

    box: np.ndarray
    likeness: float
    lost: int


@dataclass
class Track:
    """One object's sightings in the order of time, and its carried boxes where there are none.

    Attributes:
        sightings: frames ascend, at most one a frame.
        forward: frame -> carried from the last sighting before it.
        backward: frame -> carried from the first sighting after it.
        shifts: frame -> (2,) how far flow moved the box from the frame before.
        best: highest score.
        votes: class -> sum of the scores it was seen with.
        inherited: number that an earlier window gave to the same object, or None.
    """

    sightings: list[Sighting]
    forward: dict[int, Carried] = field(default_factory=dict)
    backward: dict[int, Carried] = field(default_factory=dict)
    shifts: dict[int, np.ndarray] = field(default_factory=dict)
    best: float = 0.0
    votes: dict[int, float] = field(default_factory=dict)
    inherited: int | None = None

    @classmethod
    def begin(cls, sighting: Sighting) -> Track:
        """Return a track of one sighting."""
        track = cls([])
        track.add(sighting)
        return track

    @property
    def first(self) -> int:
        """Frame of the first sighting."""
        return self.sightings[0].frame

    @property
    def last(self) -> int:
        """Frame of the last sighting."""
        return self.sightings[-1].frame

    @property
    def class_id(self) -> int:
        """Class by a vote of all sightings, weighted by score; of equals the lower number."""
        return max(sorted(self.votes), key=self.votes.__getitem__)

    def add(self, sighting: Sighting) -> None:
        """Append a later sighting."""
        self.sightings.append(sighting)
        self.best = max(self.best, sighting.score)
        self.votes[sighting.class_id] = self.votes.get(sighting.class_id, 0.0) + sighting.score

    def absorb(self, later: Track) -> None:
        """Append a track that begins after this one ends: both are the same object."""
        last = self.last
        for sighting in later.sightings:
            self.add(sighting)
        self.forward = {**{f: c for f, c in self.forward.items() if f < later.first}, **later.forward}
        self.backward = {**self.backward, **{f: c for f, c in later.backward.items() if f > last}}
        self.shifts = {**self.shifts, **later.shifts}
