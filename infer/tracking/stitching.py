"""Joins tracks that are one object: where one ends, another begins, and one of the two carried boxes meets the other.

Tying goes forward in time and loses an object whose picture changes behind an occluder; carried backward from where
it comes out again it is often found. Offline, both are at hand.
"""

from __future__ import annotations

import numpy as np

from infer.tracking.assignment import assign, likeness
from infer.tracking.tracks import Track

_LEAST_LIKENESS = 0.25
_BUFFER, _BUFFER_A_FRAME, _LARGEST_BUFFER = 0.2, 0.02, 0.5


def stitch(tracks: list[Track], frames: int) -> list[Track]:
    """Join tracks across gaps.

    Args:
        tracks: with `forward` and `backward` filled.
        frames: longest gap.

    Returns:
        The joined tracks in the order of their first sighting; absorbed ones are gone.
    """
    if len(tracks) < 2:
        return tracks
    values = np.full((len(tracks), len(tracks)), -1.0)
    starts: dict[int, list[int]] = {}
    for number, track in enumerate(tracks):
        starts.setdefault(track.first, []).append(number)
    for row, earlier in enumerate(tracks):
        for first in range(earlier.last + 1, earlier.last + frames + 1):
            for column in starts.get(first, ()):
                values[row, column] = _meeting(earlier, tracks[column])
    follower = dict(assign(values, _LEAST_LIKENESS))
    followed = set(follower.values())
    joined = []
    for number, track in enumerate(tracks):
        if number in followed:
            continue
        while number in follower:
            number = follower[number]
            track.absorb(tracks[number])
        joined.append(track)
    return joined


def _meeting(earlier: Track, later: Track) -> float:
    """Return how well two tracks meet, by the better of the two ways to carry one to the other."""
    if earlier.class_id != later.class_id:
        return -1.0
    idle = later.first - earlier.last
    shares = np.array([min(_BUFFER + _BUFFER_A_FRAME * idle, _LARGEST_BUFFER)])
    meetings = [
        (earlier.forward.get(later.first), later.sightings[0].box),
        (later.backward.get(earlier.last), earlier.sightings[-1].box),
    ]
    return max(
        (
            float(likeness(carried.box[None], box[None], shares)[0, 0])
            for carried, box in meetings
            if carried and _near(carried.box, box)
        ),
        default=-1.0,
    )


def _near(first: np.ndarray, second: np.ndarray) -> bool:
    """Tell whether two (4,) boxes, each grown by the largest buffer, can touch: cheaper than to compare them."""
    reach = (1 + 2 * _LARGEST_BUFFER) / 2
    x1, y1, x2, y2 = first.tolist()
    u1, v1, u2, v2 = second.tolist()
    return abs(x1 + x2 - u1 - u2) / 2 < reach * (x2 - x1 + u2 - u1) and abs(y1 + y2 - v1 - v2) / 2 < reach * (
        y2 - y1 + v2 - v1
    )
