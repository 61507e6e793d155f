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
from infer.tracking.tracks import Carried

SUPPORTED = 0.6  # likeness from which the picture is believed to still show the object
_TRUST = 0.7  # of the way to the best place: it is found on a grid of samples and trembles
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
        self._coasted = np.zeros((0, 4))
        self._patches = np.zeros((0, SIDE, SIDE), np.float32)

    def __len__(self) -> int:
        return len(self.keys)

    def move(self, field: FlowField) -> None:
        """Carry every box into the neighbouring frame: by the flow inside it, or, once it is lost, with the camera.

        Args:
            field: movement into that frame.
        """
        if not len(self):
            return
        moved, shifts = move_boxes(field, self.boxes)
        lost = self.lost > 0
        own = _SPEED_MEMORY * self._speeds + (1 - _SPEED_MEMORY) * (shifts - field.camera)
        self._speeds = np.where(lost[:, None], self._speeds * _SPEED_DECAY, own)
        self._coasted = self.boxes + np.tile(field.camera + self._speeds, 2)
        self.boxes = np.where(lost[:, None], self._coasted, moved)
        self.shifts = np.where(lost[:, None], field.camera + self._speeds, shifts)
        self.ages = self.ages + 1

    def check(self, rows: np.ndarray, proxy: np.ndarray) -> None:
        """Look whether the picture supports boxes that were moved but not seen, and set them right.

        Args:
            rows: (M,) int, which of the boxes.
            proxy: (h, w) uint8, the frame they were moved into.
        """
        if not len(rows):
            return
        better, likeness = search(proxy, self.boxes[rows], self._patches[rows])
        better *= _TRUST
        found = likeness >= SUPPORTED
        self.likeness[rows] = likeness
        self.boxes[rows] = np.where(found[:, None], self.boxes[rows] + np.tile(better, 2), self._coasted[rows])
        self.shifts[rows] += np.where(found[:, None], better, 0)
        self.lost[rows] = np.where(found, 0, self.lost[rows] + 1)

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

    def carried(self, row: int) -> Carried:
        """Return where one of the boxes is by now."""
        return Carried(self.boxes[row].copy(), float(self.likeness[row]), int(self.lost[row]))

    def keep(self, wanted: np.ndarray) -> None:
        """Drop all boxes but those of the (N,) bool selection."""
        if wanted.all():
            return
        for name in ("keys", "boxes", "ages", "lost", "likeness", "shifts", "_speeds", "_coasted", "_patches"):
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
        self._coasted = np.concatenate([self._coasted, np.zeros((count, 4))])
        self._patches = np.concatenate([self._patches, np.zeros((count, SIDE, SIDE), np.float32)])
