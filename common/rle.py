"""Masks as COCO run lengths, one object at a time: never a stack of whole-frame masks.

Legend: H, W frame height and width in pixels; runs alternate background, foreground, background, ... down the columns
of the frame, left to right (COCO's order), and sum to H * W.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import supervision as sv

FIVE_BITS, SIGN_BIT, MORE_BIT, ZERO_CHARACTER = 0x1F, 0x10, 0x20, 48
MOST_CHARACTERS = 12  # of one number: 60 bits


def encode_masks(masks: Any, size: tuple[int, int]) -> list[dict[str, Any]]:
    """Encode masks as COCO RLE objects that `json` can write.

    Args:
        masks: `supervision.CompactMask`, or (N, H, W) bool.
        size: (H, W) of the frame.

    Returns:
        N times {"size": [H, W], "counts": compressed text}, readable by pycocotools and supervision.

    Raises:
        ValueError: the masks have another size.
    """
    if tuple(masks.shape[1:]) != tuple(size):
        raise ValueError(f"masks of size {tuple(masks.shape[1:])} do not fit the frame of size {tuple(size)}")
    crops = (_crop(masks, index) for index in range(len(masks)))
    return [{"size": list(size), "counts": compress(_frame_runs(*crop, size))} for crop in crops]


def _crop(masks: Any, index: int) -> tuple[np.ndarray, int, int]:
    """Return the (h, w) bool part of one mask that holds its pixels, and its left and top."""
    if isinstance(masks, sv.CompactMask):
        left, top = (int(number) for number in masks.offsets[index])
        return masks.crop(index), left, top
    mask = np.asarray(masks[index], bool)
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return np.zeros((1, 1), bool), 0, 0
    left, top = int(columns[0]), int(rows[0])
    return mask[top : rows[-1] + 1, left : columns[-1] + 1], left, top


def _frame_runs(crop: np.ndarray, left: int, top: int, size: tuple[int, int]) -> list[int]:
    """Run lengths over the whole frame of a mask given by its crop; only the crop's columns are made dense."""
    height, width = size
    columns = np.zeros((height, crop.shape[1]), bool)
    columns[top : top + crop.shape[0]] = crop
    runs = [int(run) for run in sv.mask_to_rle(columns)]
    runs[0] += left * height
    rest = (width - left - crop.shape[1]) * height
    if len(runs) % 2:
        runs[-1] += rest
    elif rest:
        runs.append(rest)
    return runs


def compress(runs: Sequence[int]) -> str:
    """Write run lengths as COCO's text: differences to the run two before, five bits a character, low bits first."""
    characters = []
    for place, run in enumerate(runs):
        number = run - runs[place - 2] if place > 2 else run
        more = True
        while more:
            bits = number & FIVE_BITS
            number >>= 5
            more = number != (-1 if bits & SIGN_BIT else 0)
            characters.append(chr((bits | (MORE_BIT if more else 0)) + ZERO_CHARACTER))
    return "".join(characters)


def decompress(text: str) -> list[int]:
    """Read COCO's text back to run lengths.

    Raises:
        ValueError: not such a text.
    """
    runs: list[int] = decompress_array(text).tolist()
    return runs


def decompress_array(text: str) -> np.ndarray:
    """Read COCO's text back to run lengths (R,) int64, all numbers at once.

    Raises:
        ValueError: not such a text.
    """
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.int64) - ZERO_CHARACTER
    strange = np.flatnonzero((codes < 0) | (codes >= 2 * MORE_BIT))
    if len(strange):
        raise ValueError(f"the character {text[strange[0]]!r} does not belong in run lengths")
    if not len(codes):
        return codes
    if codes[-1] & MORE_BIT:
        raise ValueError("the run lengths end in the middle of a number")
    lasts = np.flatnonzero(codes < MORE_BIT)  # of each number's characters
    firsts = np.concatenate([[0], lasts[:-1] + 1])
    lengths = lasts - firsts + 1
    if lengths.max() > MOST_CHARACTERS:
        raise ValueError(f"a run length of {lengths.max()} characters is longer than any picture")
    shifts = 5 * (np.arange(len(codes)) - np.repeat(firsts, lengths))
    numbers = np.add.reduceat((codes & FIVE_BITS) << shifts, firsts)
    numbers -= np.where(codes[lasts] & SIGN_BIT, np.int64(1) << 5 * lengths, 0)
    # From the fourth on a number is the difference to the one two before.
    for start in (1, 2):
        numbers[start::2] = np.cumsum(numbers[start::2])
    return numbers


def check_runs(runs: Sequence[int], size: tuple[int, int]) -> None:
    """Raise ValueError unless the runs are whole, not negative, and fill the frame exactly."""
    if any(isinstance(run, bool) or not isinstance(run, int) or run < 0 for run in runs):
        raise ValueError("run lengths must be whole numbers, none below 0")
    if sum(runs) != size[0] * size[1]:
        raise ValueError(f"the run lengths sum to {sum(runs)}, a {size[1]}x{size[0]} frame has {size[0] * size[1]}")


def compact_mask(runs: Sequence[Sequence[int]], size: tuple[int, int]) -> sv.CompactMask:
    """Build the compact masks of one frame from run lengths over the whole frame.

    Crops follow the masks themselves, not the objects' boxes: a box drawn smaller by hand must not clip its mask.

    Args:
        runs: one list of run lengths an object, checked by `check_runs`.
        size: (H, W) of the frame.
    """
    bounds = np.array([_bounds(np.asarray(of_one, np.int64), size[0]) for of_one in runs], float).reshape(-1, 4)
    encoded = [{"size": list(size), "counts": list(of_one)} for of_one in runs]
    return sv.CompactMask.from_coco_rle(encoded, bounds, size)


def _bounds(runs: np.ndarray, height: int) -> tuple[int, int, int, int]:
    """First and last column and row (inclusive) that hold foreground, as (x1, y1, x2, y2)."""
    ends = np.cumsum(runs)
    starts, stops = ends[0:-1:2], ends[1::2]
    filled = stops > starts
    starts, stops = starts[filled], stops[filled] - 1
    if not len(starts):
        return 0, 0, 0, 0
    left, right = int(starts[0] // height), int(stops[-1] // height)
    if np.any(starts // height != stops // height):
        # A run that goes over the end of a column touches the last row and the first.
        return left, 0, right, height - 1
    return left, int((starts % height).min()), right, int((stops % height).max())
