"""A contact sheet: pictures with their boxes and masks drawn, so that a person sees what was labelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import supervision as sv

from annotate import segmentation
from annotate.label_set import DIFFICULT, SEGMENTATION, LabelledImage, LabelSet, class_ids
from common.image import read_image

WIDTH, MOST_HEIGHT = 400, 400  # of a picture on the sheet
CAPTION = 22
GAP = 6
PAPER = 245


def sheet(labels: LabelSet, places: Sequence[int], columns: int = 4) -> np.ndarray:
    """Draw pictures side by side.

    Args:
        labels: the set.
        places: which of its pictures.
        columns: pictures in a row.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    sizes = [labels.images[place].size for place in places]
    tallest = max(min(height * WIDTH / width, MOST_HEIGHT) for height, width in sizes)
    cells = [_cell(labels.images[place], labels.classes, round(tallest)) for place in places]
    rows = -(-len(cells) // columns)
    height, width = cells[0].shape[0] + GAP, WIDTH + GAP
    page = np.full((rows * height + GAP, min(columns, len(cells)) * width + GAP, 3), PAPER, np.uint8)
    for number, cell in enumerate(cells):
        top, left = GAP + number // columns * height, GAP + number % columns * width
        page[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return page


def choose(labels: LabelSet, count: int, seed: int) -> list[int]:
    """Places of pictures to show: drawn at random, in their order."""
    number = len(labels.images)
    return sorted(int(place) for place in np.random.default_rng(seed).permutation(number)[:count])


def _cell(image: LabelledImage, classes: Sequence[str], height: int) -> np.ndarray:
    pixels = read_image(image.path).pixels[..., :3]
    scale = min(height / pixels.shape[0], WIDTH / pixels.shape[1])
    size = (max(round(pixels.shape[1] * scale), 1), max(round(pixels.shape[0] * scale), 1))
    small: Any = np.ascontiguousarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    masks = [_small_mask(image, place, size) for place in range(len(image.objects))]
    drawn = sv.Detections(
        xyxy=image.objects.xyxy * scale,
        class_id=image.objects.class_id,
        mask=np.array(masks, bool).reshape(-1, size[1], size[0]) if masks else None,
    )
    texts = [
        classes[class_id] + (" (difficult)" if hard else "")
        for class_id, hard in zip(class_ids(image.objects), image.objects.data[DIFFICULT], strict=True)
    ]
    by_class = sv.ColorLookup.CLASS
    small = sv.MaskAnnotator(opacity=0.45, color_lookup=by_class).annotate(small, drawn)
    small = sv.BoxAnnotator(thickness=1, color_lookup=by_class).annotate(small, drawn)
    small = sv.LabelAnnotator(text_scale=0.35, text_padding=2, color_lookup=by_class).annotate(small, drawn, texts)
    cell = np.full((height + CAPTION, WIDTH, 3), 255, np.uint8)
    cell[: small.shape[0], : small.shape[1]] = small
    caption = f"{image.path.name}  {image.size[1]}x{image.size[0]}  {len(image.objects)}"
    cv2.putText(cell, caption, (4, height + 15), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (40, 40, 40), 1, cv2.LINE_AA)
    return cell


def _small_mask(image: LabelledImage, place: int, size: tuple[int, int]) -> np.ndarray:
    """(h, w) bool; nothing where an object has only its box."""
    drawn = image.objects.data[SEGMENTATION][place]
    if drawn is None:
        return np.zeros(size[::-1], bool)
    mask = segmentation.mask_of(drawn, image.size).astype(np.uint8)
    return cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 0
