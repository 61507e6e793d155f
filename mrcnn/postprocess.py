"""From the network's answer back to the picture: boxes in its pixels, masks pasted inside their boxes only.

Legend: H, W pixels of the original picture, K detections with padding, N real ones, M side of the network's masks,
C classes with background. Boxes are (y1, x1, y2, x2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import supervision as sv

from mrcnn import boxes as box_maths
from mrcnn import resample

THRESHOLD = 0.5


def boxes_in_picture(
    detections: np.ndarray, window: Sequence[int], molded_size: tuple[int, int], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Undo molding for boxes.

    Args:
        detections: (K, 6) (y1, x1, y2, x2, class, score), normalised on the molded picture; class 0 ends the list.
        window: (y1, x1, y2, x2) pixels of the molded picture that are not padding.
        molded_size: (height, width) of the molded picture.
        size: (H, W).

    Returns:
        Boxes (N, 4) int32 pixels of the original, and their places (N,) int in the K; boxes without an area are left
        out.

    Source: original `MaskRCNN.unmold_detections`.
    """
    ends = np.flatnonzero(detections[:, 4] == 0)
    count = int(ends[0]) if len(ends) else len(detections)
    edges = box_maths.normalize(np.asarray(window), molded_size)
    top, left, bottom, right = edges
    shift = np.array([top, left, top, left])
    scale = np.array([bottom - top, right - left, bottom - top, right - left])
    boxes = box_maths.denormalize((detections[:count, :4] - shift) / scale, size)
    places = np.flatnonzero(box_maths.areas(boxes) > 0)
    return boxes[places], places


def own_masks(masks: np.ndarray, class_ids: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Pick from (K, M, M, C) masks the (N, M, M) ones of each detection's own class."""
    return masks[places, :, :, class_ids]


def box_masks(
    masks: np.ndarray,
    boxes: np.ndarray,
    size: tuple[int, int],
    border: str = "edge",
    threshold: float = THRESHOLD,
) -> Iterator[tuple[np.ndarray, int, int]]:
    """Enlarge every mask to its box.

    Args:
        masks: (N, M, M) float probabilities.
        boxes: (N, 4) int pixels; parts outside the picture are cut off.
        size: (H, W).
        border: see `resample`; "constant" gives the original's masks to the pixel.
        threshold: probability from which a pixel belongs to the object; lower gives a larger mask.

    Yields:
        The part of the picture under the box, (box width, box height) bool, transposed so that its memory runs down the
        columns of the picture, and its top and left.

    Source: arXiv 1703.06870 section 3.1 "Inference"; original `utils.unmold_mask`.
    """
    for mask, (top, left, bottom, right) in zip(masks, np.asarray(boxes).tolist(), strict=True):
        if bottom <= top or right <= left:
            yield np.zeros((0, 0), bool), 0, 0
            continue
        filled = resample.resize(np.ascontiguousarray(mask.T), (right - left, bottom - top), border) >= threshold
        inside = filled[max(-left, 0) : size[1] - left, max(-top, 0) : size[0] - top]
        yield inside, max(top, 0), max(left, 0)


def full_masks(masks: np.ndarray, boxes: np.ndarray, size: tuple[int, int], border: str = "edge") -> np.ndarray:
    """Paste masks into full frames: (H, W, N) bool, the original's form. Needs H * W * N bytes: see `compact_masks`."""
    frames = np.zeros((len(masks), *size), bool)
    for frame, (inside, top, left) in zip(frames, box_masks(masks, boxes, size, border), strict=True):
        frame[top : top + inside.shape[1], left : left + inside.shape[0]] = inside.T
    return frames.transpose(1, 2, 0)


def compact_masks(
    masks: np.ndarray,
    boxes: np.ndarray,
    size: tuple[int, int],
    border: str = "edge",
    threshold: float = THRESHOLD,
) -> sv.CompactMask:
    """Turn masks into run lengths without ever making a frame.

    Args:
        masks: (N, M, M) float probabilities.
        boxes: (N, 4) int pixels.
        size: (H, W).
        border: see `resample`.
        threshold: see `box_masks`.

    Returns:
        N compact masks of frames of `size`.
    """
    return compacted(box_masks(masks, boxes, size, border, threshold), size)


def compacted(parts: Iterable[tuple[np.ndarray, int, int]], size: tuple[int, int]) -> sv.CompactMask:
    """Turn parts of a picture into compact masks.

    Args:
        parts: as `box_masks` yields them: (width, height) bool, transposed, and the top and left in the picture.
        size: (H, W) of the picture.
    """
    runs, shapes, offsets = [], [], []
    for inside, top, left in parts:
        part = inside if inside.size else np.zeros((1, 1), bool)
        runs.append(_run_lengths(part.ravel()))
        shapes.append(part.shape[::-1])
        offsets.append((min(left, size[1] - 1), min(top, size[0] - 1)))
    return sv.CompactMask(
        runs, np.array(shapes, np.int32).reshape(-1, 2), np.array(offsets, np.int32).reshape(-1, 2), size
    )


def _run_lengths(values: np.ndarray) -> np.ndarray:
    """(n,) bool -> int32 lengths of runs, off first (0 long where the first value is on)."""
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    edges = np.concatenate([[0], changes, [len(values)]])
    runs = np.diff(edges)
    return np.concatenate([[0], runs] if values[0] else [runs]).astype(np.int32)
