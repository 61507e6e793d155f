"""Fills the frames in which a track was not seen: between two sightings from both sides, and beyond the outer ones.

Boxes are (4,) float64 (x1, y1, x2, y2) in proxy pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from common.detections import DETECTED, PROPAGATED
from infer.tracking.assignment import overlaps
from infer.tracking.crop import Crop
from infer.tracking.tracks import Carried, Track

SCORE_DECAY = 0.97  # a frame of extension
_LOST_WEIGHT = 0.05  # of a side that no longer sees the object, against one that does
_DISAGREEMENT = 0.4  # overlap of the two sides below which both are covered ...
_LARGEST_UNION = 3.0  # ... unless that takes more than so many times the larger box


@dataclass
class Shown:
    """A track's box in one frame.

    Attributes:
        box: proxy pixels.
        score: of the sighting; in a gap the lower of its neighbours' scores; beyond the outer sightings theirs times
            `SCORE_DECAY` a frame.
        origin: `DETECTED` or `PROPAGATED`.
        place: of the raw detection in its frame, or -1.
        mask: bool, proxy pixels, of a propagated object whose sightings have masks.
    """

    box: np.ndarray
    score: float
    origin: str
    place: int = -1
    mask: Crop | None = None


def seen_only(track: Track) -> dict[int, Shown]:
    """Return the sightings alone, by frame."""
    return {s.frame: Shown(s.box, s.score, DETECTED, s.place) for s in track.sightings}


def fill(track: Track, shown: dict[int, Shown]) -> None:
    """Add the frames between sightings.

    Carried boxes of both sides are blended, the nearer counting more, so that neither drifts; a side under which the
    picture has changed hardly counts. Where the two disagree, both places are covered.
    """
    for earlier, later in pairwise(track.sightings):
        for frame in range(earlier.frame + 1, later.frame):
            part = (frame - earlier.frame) / (later.frame - earlier.frame)
            box = _between(track.forward.get(frame), track.backward.get(frame), part)
            if box is None:
                box = (1 - part) * earlier.box + part * later.box
            shown[frame] = Shown(box, min(earlier.score, later.score), PROPAGATED)


def _between(before: Carried | None, after: Carried | None, part: float) -> np.ndarray | None:
    """Blend what was carried from before (weight 1 - part) and from after (weight part)."""
    if before is None or after is None:
        one = before or after
        return one.box if one else None
    weights = np.array([1 - part, part]) * [_LOST_WEIGHT if c.lost else 1.0 for c in (before, after)]
    weights /= weights.sum()
    blend = weights[0] * before.box + weights[1] * after.box
    if overlaps(before.box, after.box) >= _DISAGREEMENT:
        return blend
    union = np.concatenate([np.minimum(before.box[:2], after.box[:2]), np.maximum(before.box[2:], after.box[2:])])
    largest = max(_area(before.box), _area(after.box))
    return union if _area(union) <= _LARGEST_UNION * largest else blend


def _area(box: np.ndarray) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def extend(track: Track, shown: dict[int, Shown], segment: range, frames: int, hold: int) -> None:
    """Add frames before the first and after the last sighting, while the picture supports it.

    Args:
        track: the track.
        shown: its boxes so far; extended.
        segment: frames between two cuts.
        frames: most frames on each side.
        hold: frames more that are covered after the picture stopped to support the box.
    """
    sides = (
        (range(track.last + 1, segment.stop), track.forward, track.sightings[-1].score),
        (range(track.first - 1, segment.start - 1, -1), track.backward, track.sightings[0].score),
    )
    for way, carried, score in sides:
        for distance, frame in enumerate(way[:frames], start=1):
            step = carried.get(frame)
            if step is None or step.lost > hold:
                break
            shown[frame] = Shown(step.box, score * SCORE_DECAY**distance, PROPAGATED)
