"""The masks of a set: outlines that the labels bring are taken as they are, boxes are turned into masks as asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import supervision as sv

from annotate import segmentation
from annotate.label_set import SEGMENTATION, LabelledImage
from annotate.masks import grabcut
from annotate.pictures import read_pixels

WAYS = ("box", "grabcut", "model")
Detect = Callable[[Sequence[np.ndarray]], list[sv.Detections]]


def make(
    images: Sequence[LabelledImage], way: str, detect: Detect | None = None, workers: int = 0
) -> Iterator[tuple[list[Any], int]]:
    """Make the segmentations of pictures.

    Args:
        images: labelled pictures.
        way: one of `WAYS`.
        detect: for "model": a detector with masks.
        workers: threads for "grabcut"; 0 takes all cores.

    Yields:
        For each picture the segmentations of its objects, and how many of them are boxes because the way found nothing.
    """
    if way == "grabcut":
        # OpenCV computes outside of Python's lock: threads do as well as processes, and start at once.
        with ThreadPoolExecutor(workers or len(os.sched_getaffinity(0))) as pool:
            yield from pool.map(_by_grabcut, images)
        return
    for image in images:
        if way == "model" and detect is not None and any(each is None for each in image.objects.data[SEGMENTATION]):
            from annotate.masks import model

            yield model.masks(read_pixels(image.path), image.objects, detect)
        else:
            yield [each or segmentation.of_box(box) for box, each in _pairs(image.objects)], 0


def _pairs(objects: sv.Detections) -> Iterator[tuple[np.ndarray, Any]]:
    return zip(objects.xyxy, objects.data[SEGMENTATION], strict=True)


def _by_grabcut(image: LabelledImage) -> tuple[list[Any], int]:
    known = list(image.objects.data[SEGMENTATION])
    if all(each is not None for each in known):
        return known, 0
    pixels = read_pixels(image.path)
    made, failed = [], 0
    for box, given in _pairs(image.objects):
        mask = grabcut.cut(pixels, box) if given is None else None
        failed += given is None and mask is None
        made.append(given or (segmentation.of_box(box) if mask is None else segmentation.of_mask(mask)))
    return made, failed
