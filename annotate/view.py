"""A contact sheet: pictures with their boxes and masks drawn, so that a person sees what was labelled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import supervision as sv
from PIL import Image, ImageDraw, ImageFont

from annotate import segmentation
from annotate.label_set import CROWD, DIFFICULT, SEGMENTATION, LabelledImage, LabelSet, class_ids
from annotate.pictures import read_pixels

WIDTH, MOST_HEIGHT = 400, 400  # of a picture on the sheet
CAPTION = 22
GAP = 6
PAPER, INK = 245, (40, 40, 40)
TEXT = 12  # pixels
FONT = str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))  # Latin, Greek, Cyrillic, Arabic


def sheet(labels: LabelSet, places: Sequence[int], columns: int = 4) -> np.ndarray:
    """Draw pictures side by side.

    Args:
        labels: the set.
        places: which of its pictures.
        columns: pictures in a row.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    rows = [places[start : start + columns] for start in range(0, len(places), columns)]
    page_width = GAP + len(rows[0]) * (WIDTH + GAP)
    page = [_strip([labels.images[place] for place in row], labels.classes, page_width) for row in rows]
    return np.concatenate([np.full((GAP, page_width, 3), PAPER, np.uint8), *page])


def choose(labels: LabelSet, count: int, seed: int) -> list[int]:
    """Places of pictures to show: drawn at random, in their order."""
    number = len(labels.images)
    return sorted(int(place) for place in np.random.default_rng(seed).permutation(number)[:count])


def _strip(images: Sequence[LabelledImage], classes: Sequence[str], width: int) -> np.ndarray:
    """One row of the sheet, as high as its tallest picture."""
    tallest = round(max(min(image.size[0] * WIDTH / image.size[1], MOST_HEIGHT) for image in images))
    strip = np.full((max(tallest, 1) + CAPTION + GAP, width, 3), PAPER, np.uint8)
    for number, image in enumerate(images):
        cell, left = _cell(image, classes, max(tallest, 1)), GAP + number * (WIDTH + GAP)
        strip[: cell.shape[0], left : left + WIDTH] = cell
    return strip


def _cell(image: LabelledImage, classes: Sequence[str], height: int) -> np.ndarray:
    pixels = read_pixels(image.path)
    scale = min(height / pixels.shape[0], WIDTH / pixels.shape[1])
    size = (max(round(pixels.shape[1] * scale), 1), max(round(pixels.shape[0] * scale), 1))
    # supervision draws with blue first.
    small: Any = np.ascontiguousarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)[..., ::-1])
    masks = [_small_mask(image, place, size) for place in range(len(image.objects))]
    drawn = sv.Detections(
        xyxy=image.objects.xyxy * scale,
        class_id=image.objects.class_id,
        mask=np.array(masks, bool).reshape(-1, size[1], size[0]) if masks else None,
    )
    look: Any = {"color": sv.ColorPalette.from_matplotlib("Set1", 9), "color_lookup": sv.ColorLookup.CLASS}
    small = sv.MaskAnnotator(opacity=0.45, **look).annotate(small, drawn)
    small = sv.BoxAnnotator(thickness=1, **look).annotate(small, drawn)
    # OpenCV's own letters are ASCII.
    text = sv.RichLabelAnnotator(font_path=FONT, font_size=TEXT, text_padding=2, smart_position=True, **look)
    small = text.annotate(small, drawn, texts(image, classes))[..., ::-1]
    cell = np.full((height + CAPTION, WIDTH, 3), 255, np.uint8)
    cell[: small.shape[0], : small.shape[1]] = small
    caption = f"{image.path.name}  {image.size[1]}x{image.size[0]}  {len(image.objects)}"
    lettered = Image.fromarray(cell)
    ImageDraw.Draw(lettered).text((4, height + 4), caption, INK, ImageFont.truetype(FONT, TEXT))
    return np.array(lettered)


def texts(image: LabelledImage, classes: Sequence[str]) -> list[str]:
    """Class of each object, and whether it is a special one."""
    data = image.objects.data
    found = []
    for place, class_id in enumerate(class_ids(image.objects)):
        marks = [name for name in (DIFFICULT, CROWD) if data[name][place]]
        found.append(classes[class_id] + (f" ({', '.join(marks)})" if marks else ""))
    return found


def _small_mask(image: LabelledImage, place: int, size: tuple[int, int]) -> np.ndarray:
    """(h, w) bool; nothing where an object has only its box."""
    drawn = image.objects.data[SEGMENTATION][place]
    if drawn is None:
        return np.zeros(size[::-1], bool)
    mask = segmentation.mask_of(drawn, image.size).astype(np.uint8)
    return cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 0
