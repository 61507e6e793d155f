"""A rendered frame together with what is really in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.detections import MANUAL, FrameObjects, make_detections


@dataclass
class MadeFrame:
    """A rendered frame and what is known about it.

    Attributes:
        picture: (H, W, 3) uint8 RGB.
        objects: what is really there, as detections with masks of the visible pixels; the confidence is the share of
            the whole object that is visible, the track is the object's number.
    """

    picture: np.ndarray
    objects: FrameObjects


@dataclass
class Sighting:
    """An object as one frame shows it.

    Attributes:
        number: of the object, the same in all frames.
        left: picture column at which `mask` starts.
        top: picture row at which `mask` starts.
        mask: (h, w) bool, its visible pixels.
        area: pixels that it would have if nothing hid it and the picture had no end.
        class_id: place in the clip's classes.
    """

    number: int
    left: int
    top: int
    mask: np.ndarray
    area: float
    class_id: int = 0

    def share(self) -> float:
        """Return the visible share of the object, 0..1."""
        return min(1.0, float(self.mask.sum()) / self.area) if self.area > 0 else 0.0


def describe(index: int, time: float, sightings: Sequence[Sighting], size: tuple[int, int]) -> FrameObjects:
    """Put what one frame shows into the form in which stages pass objects; what is invisible is left out.

    Args:
        index: of the frame.
        time: in seconds.
        sightings: of the objects.
        size: (height, width) of the picture.
    """
    seen = [sighting for sighting in sightings if sighting.mask.any()]
    boxes, masks = np.zeros((len(seen), 4), np.float32), np.zeros((len(seen), *size), bool)
    for place, sighting in enumerate(seen):
        height, width = sighting.mask.shape
        masks[place, sighting.top : sighting.top + height, sighting.left : sighting.left + width] = sighting.mask
        rows, columns = np.flatnonzero(sighting.mask.any(axis=1)), np.flatnonzero(sighting.mask.any(axis=0))
        boxes[place] = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        boxes[place] += (sighting.left, sighting.top, sighting.left, sighting.top)
    detections = make_detections(
        boxes,
        [sighting.share() for sighting in seen],
        [sighting.class_id for sighting in seen],
        tracks=np.array([sighting.number for sighting in seen], int),
        origins=[MANUAL] * len(seen),
        masks=masks if seen else None,
    )
    return FrameObjects(index, time, detections)
