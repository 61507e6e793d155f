"""Masks by GrabCut: colours inside the box against colours around it.

Source: Rother et al. 2004, "GrabCut: interactive foreground extraction using iterated graph cuts"; OpenCV's grabCut.
"""

from __future__ import annotations

import cv2
import numpy as np

MARGIN = 0.3  # of the box's side: how much of the surroundings the background's colours are learnt from
LEAST_MARGIN = 8  # pixels
LARGEST = 160  # longest side that is cut; larger pieces are cut small and enlarged
ITERATIONS = 3
CORE = 0.5  # share of the box's sides of the ellipse in the middle that is taken as the object
LEAST_SHARE, MOST_SHARE = 0.1, 0.99  # of the box: outside of this nothing was found


def cut(image: np.ndarray, box: np.ndarray) -> np.ndarray | None:
    """Cut an object out of its box.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: (4,) (x1, y1, x2, y2) pixels inside the picture.

    Returns:
        (H, W) bool inside the box; None where colours do not tell object and surroundings apart.
    """
    height, width = image.shape[:2]
    left, top, right, bottom = _whole(box, height, width)
    across, down = (max(round(MARGIN * side), LEAST_MARGIN) for side in (right - left, bottom - top))
    x1, y1, x2, y2 = max(left - across, 0), max(top - down, 0), min(right + across, width), min(bottom + down, height)
    inner = (left - x1, top - y1, right - x1, bottom - y1)
    if inner == (0, 0, x2 - x1, y2 - y1):
        return None  # nothing around the box to compare with
    found = _cut_piece(image[y1:y2, x1:x2], inner)
    if found is None:
        return None
    mask = np.zeros((height, width), bool)
    mask[y1:y2, x1:x2] = found
    return mask


def _cut_piece(piece: np.ndarray, inner: tuple[int, int, int, int]) -> np.ndarray | None:
    """(h, w) bool of a piece whose box is `inner`, or None."""
    size = piece.shape[:2]
    scale = min(1.0, LARGEST / max(size))
    small = (max(round(size[1] * scale), 2), max(round(size[0] * scale), 2))
    labels: np.ndarray = np.full(size, cv2.GC_BGD, np.uint8)
    left, top, right, bottom = inner
    labels[top:bottom, left:right] = cv2.GC_PR_FGD
    centre = ((left + right) // 2, (top + bottom) // 2)
    axes = (int(CORE * (right - left) / 2), int(CORE * (bottom - top) / 2))
    if min(axes) > 0:
        cv2.ellipse(labels, centre, axes, 0, 0, 360, cv2.GC_FGD, -1)
    labels = cv2.resize(labels, small, interpolation=cv2.INTER_NEAREST)
    shrunk = cv2.resize(piece, small, interpolation=cv2.INTER_AREA)
    if (labels == cv2.GC_BGD).all() or not (labels == cv2.GC_BGD).any():
        return None
    cv2.setRNGSeed(0)  # its clusters begin at random; the same box gives the same mask
    try:
        background, foreground = np.zeros((1, 65)), np.zeros((1, 65))  # its colour models, which nobody reads
        cv2.grabCut(shrunk, labels, (0, 0, 1, 1), background, foreground, ITERATIONS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:
        return None  # fewer pixels than colours to learn
    found = _tidy(((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.uint8))
    mask = np.zeros(size, bool)
    enlarged = cv2.resize(found, size[::-1], interpolation=cv2.INTER_LINEAR) > 0
    mask[top:bottom, left:right] = enlarged[top:bottom, left:right]
    share = mask.sum() / ((bottom - top) * (right - left))
    return mask if LEAST_SHARE <= share <= MOST_SHARE else None


def _tidy(mask: np.ndarray) -> np.ndarray:
    """Fill holes, drop specks: what is left out of a mask is seen in the video."""
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max((cv2.contourArea(outline) for outline in outlines), default=0.0)
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, [each for each in outlines if cv2.contourArea(each) >= 0.1 * largest], -1, 1, cv2.FILLED)
    return filled


def _whole(box: np.ndarray, height: int, width: int) -> tuple[int, int, int, int]:
    left, top = int(np.floor(box[0])), int(np.floor(box[1]))
    right, bottom = int(np.ceil(box[2])), int(np.ceil(box[3]))
    return max(left, 0), max(top, 0), min(right, width), min(bottom, height)
