"""Carries boxes from frame to frame where nothing was detected.

A box follows the flow inside it, set right by looking for its own picture nearby (flow alone drifts), while there is
something that still looks like the object. Once there is not (an occluder,
blur, a turned head), the flow belongs to something else: the box then coasts with the camera and its own last speed,
so that it is found again on the other side of a pole.

Legend: N boxes under way, in proxy pixels; S * S samples of a patch.
"""

from __future__ import annotations

import numpy as np

from infer.tracking.appearance import SIDE, patches, search
from infer.tracking.flow import FlowField, move_boxes

SUPPORTED = 0.6  # likeness from which the picture is believed to still show the object
_SPEED_MEMORY = 0.8
_SPEED_DECAY = 0.93  # a frame, while coasting


class Carrier:
    """Boxes under way.

    Attributes:
        keys: (N,) int, whose box it is.
        boxes: (N, 4).
        ages: (N,) frames since the box was set.
        lost: (N,) frames since the picture last supported the box.
        likeness: (N,) of the patch under the box to the one where it was set.
        shifts: (N, 2) how far the last step moved each box.
    """

    def __init__(self) -> None:
        self.keys = np.zeros(0, int)
        self.boxes = np.zeros((0, 4))
        self.ages = np.zeros(0, int)
        self.lost = np.zeros(0, int)
        self.likeness = np.zeros(0)
        self.shifts = np.zeros((0, 2))
        self._speeds = np.zeros((0, 2))
        self._patches = np.zeros((0, SIDE, SIDE), np.float32)

    def __len__(self) -> int:
        return len(self.keys)

    def step(self, field: FlowField, proxy: np.ndarray) -> None:
        """Carry every box into the neighbouring frame.

        Args:
            field: movement into that frame.
            proxy: (h, w) uint8, that frame.
        """
        if not len(self):
            return
        before = self.boxes
        moved, shifts = move_boxes(field, before)
        better, self.likeness = search(proxy, moved, self._patches)
        moved, shifts = moved + np.tile(better, 2), shifts + better
        coasts = self.likeness < SUPPORTED
        own = shifts - field.camera
        self._speeds = np.where(
            coasts[:, None], self._speeds * _SPEED_DECAY, _SPEED_MEMORY * self._speeds + (1 - _SPEED_MEMORY) * own
        )
        coasted = field.camera + self._speeds
        self.shifts = np.where(coasts[:, None], coasted, shifts)
        self.boxes = np.where(coasts[:, None], before + np.tile(coasted, 2), moved)
        self.lost = np.where(coasts, self.lost + 1, 0)
        self.ages = self.ages + 1

    def put(self, keys: list[int], boxes: np.ndarray, proxy: np.ndarray) -> None:
        """Set boxes where they were seen; keys not yet under way are added.

        Args:
            keys: whose boxes.
            boxes: (M, 4).
            proxy: (h, w) uint8, the frame they were seen in.
        """
        if not keys:
            return
        rows = {int(key): row for row, key in enumerate(self.keys)}
        fresh = [key for key in keys if key not in rows]
        self._extend(fresh)
        rows.update({key: len(rows) + number for number, key in enumerate(fresh)})
        places = np.array([rows[key] for key in keys])
        self.boxes[places] = boxes
        self._patches[places] = patches(proxy, boxes)
        self.ages[places] = 0
        self.lost[places] = 0
        self.likeness[places] = 1.0

    def keep(self, wanted: np.ndarray) -> None:
        """Drop all boxes but those of the (N,) bool selection."""
        if wanted.all():
            return
        for name in ("keys", "boxes", "ages", "lost", "likeness", "shifts", "_speeds", "_patches"):
            setattr(self, name, getattr(self, name)[wanted])

    def _extend(self, fresh: list[int]) -> None:
        count = len(fresh)
        if not count:
            return
        self.keys = np.concatenate([self.keys, np.array(fresh, int)])
        self.boxes = np.concatenate([self.boxes, np.zeros((count, 4))])
        self.ages = np.concatenate([self.ages, np.zeros(count, int)])
        self.lost = np.concatenate([self.lost, np.zeros(count, int)])
        self.likeness = np.concatenate([self.likeness, np.ones(count)])
        self.shifts = np.concatenate([self.shifts, np.zeros((count, 2))])
        self._speeds = np.concatenate([self._speeds, np.zeros((count, 2))])
        self._patches = np.concatenate([self._patches, np.zeros((count, SIDE, SIDE), np.float32)])


def inside_share(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the share, (N,), of each (N, 4) box that lies in a picture of `size` (h, w)."""
    low = np.clip(boxes[:, :2], 0, None)
    high = np.minimum(boxes[:, 2:], (size[1], size[0]))
    areas = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-9)
    return np.clip(high - low, 0, None).prod(axis=1) / areas
