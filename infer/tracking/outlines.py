"""The masks of shown objects in display pixels: as detected, or warped, and united with those of the frames around."""

from __future__ import annotations

import numpy as np
import supervision as sv

from infer.tracking.crop import Crop, crop_of, resized, united
from infer.tracking.gaps import Shown
from infer.tracking.scene import LinkedTrack

_INSIDE = 0.4  # share of a pixel from which it is covered: in doubt, cover


class Outlines:
    """Gives the masks of tracks.

    Attributes:
        detections: frame -> raw detections of the frames at hand.
        scale: (2,) proxy pixels a display pixel (x, y).
        smooth: unite with the neighbouring frames' masks, moved by the object's own movement.
    """

    def __init__(self, detections: dict[int, sv.Detections], scale: np.ndarray, smooth: bool):
        self.detections = detections
        self.scale = scale
        self.smooth = smooth

    def wanted(self, frame: int, rows: list[tuple[LinkedTrack, Shown]]) -> bool:
        """Tell whether any object of a frame has more than a box."""
        found = self.detections.get(frame)
        real = found is not None and found.mask is not None
        return any(shown.mask is not None or (real and shown.place >= 0) for _, shown in rows)

    def crop(self, one: LinkedTrack, shown: Shown, frame: int) -> Crop:
        """Return what is to be covered of a track in a frame, in display pixels, bool."""
        parts = [self._own(shown, frame)]
        for near, later, sign in ((frame - 1, frame, 1.0), (frame + 1, frame + 1, -1.0)) if self.smooth else ():
            if near in one.shown and (one.shown[near].mask is not None or near in self.detections):
                part = self._own(one.shown[near], near)
                shift = np.round(sign * one.track.shifts.get(later, np.zeros(2)) / self.scale).astype(int)
                parts.append(Crop(part.left + int(shift[0]), part.top + int(shift[1]), part.pixels))
        return united(parts)

    def _own(self, shown: Shown, frame: int) -> Crop:
        found = self.detections.get(frame)
        if shown.place >= 0 and found is not None:
            real = crop_of(found, shown.place)
            if real is not None:
                return real
        if shown.mask is not None:
            large = resized(shown.mask, 1 / self.scale)
            return Crop(large.left, large.top, large.pixels >= _INSIDE)
        # No mask: the renderer covers the box as it would if no other object of the frame had one.
        left, top = (int(number) for number in np.floor(shown.box[:2] / self.scale))
        return Crop(left, top, np.zeros((1, 1), bool))
