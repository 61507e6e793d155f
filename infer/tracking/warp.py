"""Warps the masks of sightings into the frames in which their object was not seen.

The way back to the sighting is added up from frame to frame as a field of displacements, and the mask is looked up
once at its end: it stays as sharp as it was seen, however long the way.

Legend: h, w size of a crop; crops are in proxy pixels here.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from infer.tracking.crop import Crop
from infer.tracking.flow import FlowStore
from infer.tracking.gaps import Shown
from infer.tracking.tracks import Sighting, Track

_MARGIN = 3  # proxy pixels around a mask that are followed with it
_INSIDE = 0.4  # share of a pixel from which it is covered: in doubt, cover


def warp_masks(
    track: Track, shown: dict[int, Shown], flows: FlowStore, seen: Callable[[Sighting], Crop | None]
) -> None:
    """Give every propagated box of a track the mask of the sighting that is nearest in time.

    Args:
        track: the track.
        shown: its boxes, in place.
        flows: proxies and flow.
        seen: returns the mask of a sighting in proxy pixels, or None.
    """
    frames = [sighting.frame for sighting in track.sightings]
    for place, sighting in enumerate(track.sightings):
        earliest = (frames[place - 1] + sighting.frame) // 2 + 1 if place else min(shown)
        latest = (sighting.frame + frames[place + 1]) // 2 if place + 1 < len(frames) else max(shown)
        back, on = range(sighting.frame - 1, earliest - 1, -1), range(sighting.frame + 1, latest + 1)
        mask = seen(sighting) if len(back) or len(on) else None
        if mask is None:
            continue
        for way, carried in ((back, track.backward), (on, track.forward)):
            follower = _Follower(mask, sighting)
            for frame in way:
                if frame not in shown:
                    break
                step = carried.get(frame)
                follower.step(flows, frame, shown[frame].box, step is None or step.lost > 0)
                shown[frame].mask = follower.mask()


class _Follower:
    """A mask on its way from a sighting, frame by frame."""

    def __init__(self, mask: Crop, sighting: Sighting):
        self._source = mask
        self._origin = sighting.box
        self._box = sighting.box
        self._frame = sighting.frame
        height, width = mask.pixels.shape
        self._left, self._top = mask.left - _MARGIN, mask.top - _MARGIN
        self._way = np.zeros((height + 2 * _MARGIN, width + 2 * _MARGIN, 2), np.float32)  # to where it was seen
        self._offset = np.zeros(2)

    def step(self, flows: FlowStore, frame: int, box: np.ndarray, lost: bool) -> None:
        """Go on to a neighbouring frame, in which the object's box is known."""
        proxy = flows.proxies[frame]
        centre, before = _centre(box), _centre(self._box)
        shift = np.round(centre - before).astype(int)
        zoom = max(1.0, float(((box[2:] - box[:2]) / np.maximum(self._box[2:] - self._box[:2], 1e-6)).max()))
        height, width = self._way.shape[:2]
        extra = min(int(np.ceil((zoom - 1) * max(height, width) / 2)), max(proxy.shape))
        left, top = self._left + int(shift[0]) - extra, self._top + int(shift[1]) - extra
        columns, rows = np.meshgrid(
            np.arange(left, left + width + 2 * extra, dtype=np.float32),
            np.arange(top, top + height + 2 * extra, dtype=np.float32),
        )
        points = np.stack([columns, rows], axis=2)
        if lost:
            back = np.broadcast_to((before - centre).astype(np.float32), points.shape)
        else:
            back = flows.field(frame, self._frame).at(points)
        there = points + back - np.array([self._left, self._top], np.float32)
        rest = cv2.remap(
            self._way,
            np.ascontiguousarray(there[..., 0]),
            np.ascontiguousarray(there[..., 1]),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        self._way, self._left, self._top = back + rest, left, top
        self._box, self._frame = box, frame
        # The box was set right by its picture on the way, flow was not: let the middle of the mask go with the box.
        low = np.maximum(np.floor(box[:2]).astype(int) - [left, top], 0)
        high = np.ceil(box[2:]).astype(int) - [left, top]
        inside = self._way[low[1] : high[1], low[0] : high[0]].reshape(-1, 2)
        self._offset = (_centre(self._origin) - centre) - (np.median(inside, axis=0) if len(inside) else 0.0)

    def mask(self) -> Crop:
        """Return the mask where it is by now."""
        height, width = self._way.shape[:2]
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        places = self._way + np.stack([columns, rows], axis=2)
        places += np.array([self._left - self._source.left, self._top - self._source.top]) + self._offset
        values = cv2.remap(
            self._source.pixels.astype(np.float32),
            np.ascontiguousarray(places[..., 0], np.float32),
            np.ascontiguousarray(places[..., 1], np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
        )
        return Crop(self._left, self._top, values >= _INSIDE)


def _centre(box: np.ndarray) -> np.ndarray:
    return (box[:2] + box[2:]) / 2
