"""Labels made on a picture as stored, brought to the picture as shown (EXIF orientation)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import supervision as sv

from annotate.formats.raw import RawObject

SWAPPED = frozenset({5, 6, 7, 8})  # orientations that exchange height and width


def turned(found: RawObject, orientation: int, stored_size: tuple[int, int]) -> RawObject:
    """Move an object from the stored picture to the shown one.

    Args:
        found: in pixels of the stored picture.
        orientation: EXIF orientation, 1 to 8.
        stored_size: (height, width).
    """
    left, top, right, bottom = found.box
    corners = turned_points(np.array([[left, top], [right, bottom]]), orientation, stored_size)
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return replace(
        found,
        box=(float(left), float(top), float(right), float(bottom)),
        polygons=tuple(turned_points(polygon, orientation, stored_size) for polygon in found.polygons),
        runs=None if found.runs is None else _turned_runs(found.runs, orientation, stored_size),
    )


def turned_points(points: np.ndarray, orientation: int, stored_size: tuple[int, int]) -> np.ndarray:
    """Move (P, 2) (x, y) points of the stored picture to the shown one.

    Source: EXIF 2.3, tag 0x0112.
    """
    height, width = stored_size
    x, y = points[:, 0], points[:, 1]
    moved = {
        1: (x, y),
        2: (width - x, y),
        3: (width - x, height - y),
        4: (x, height - y),
        5: (y, x),
        6: (height - y, x),
        7: (height - y, width - x),
        8: (y, width - x),
    }[orientation]
    return np.stack(moved, axis=1)


def _turned_runs(runs: tuple[int, ...], orientation: int, stored_size: tuple[int, int]) -> tuple[int, ...]:
    mask = sv.rle_to_mask(list(runs), stored_size[::-1])
    flipped = {
        1: mask,
        2: mask[:, ::-1],
        3: mask[::-1, ::-1],
        4: mask[::-1],
        5: mask.T,
        6: np.rot90(mask, -1),
        7: mask[::-1, ::-1].T,
        8: np.rot90(mask),
    }[orientation]
    return tuple(int(run) for run in sv.mask_to_rle(np.ascontiguousarray(flipped)))
