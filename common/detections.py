"""Detections as data: one line of JSON a frame.

The first line is the header: {"format": "hide-in-video detections", "version": 1, "width", "height" (display picture),
"classes": [names], "source": name, "settings": {...}}. Every further line is a frame:
{"frame": index, "time": seconds, "whole": reason or null, "objects": [{"class", "score", "box": [x1, y1, x2, y2]
pixels, "track": number or null, "origin", "mask": COCO RLE {"size": [h, w], "counts": text} or absent}]}.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv

from common.errors import UserError

FORMAT = "hide-in-video detections"
DETECTED, PROPAGATED, MANUAL = "detected", "propagated", "manual"
ORIGINS = (DETECTED, PROPAGATED, MANUAL)


@dataclass
class FrameObjects:
    """What is to be hidden in one frame.

    Attributes:
        index: place of the frame in what was read.
        time: seconds since the source's zero.
        detections: boxes in display pixels. `class_id`, `confidence`, `tracker_id` (-1: none) are always set,
            `data["origin"]` is an array of "detected", "propagated" or "manual".
        whole: why the frame is covered whole, or None.
    """

    index: int
    time: float
    detections: sv.Detections
    whole: str | None = None


@dataclass
class Header:
    """First line of a detections file."""

    width: int
    height: int
    classes: tuple[str, ...]
    source: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


def make_detections(
    boxes: np.ndarray,
    scores: np.ndarray | Sequence[float],
    class_ids: np.ndarray | Sequence[int],
    tracks: np.ndarray | Sequence[int] | None = None,
    origins: Sequence[str] | np.ndarray | None = None,
    masks: Any = None,
) -> sv.Detections:
    """Build `Detections` that carry everything `FrameObjects` promises.

    Args:
        boxes: (N, 4) (x1, y1, x2, y2) pixels.
        scores: (N,) in 0..1.
        class_ids: (N,).
        tracks: (N,) track numbers, -1 for none; default none.
        origins: (N,) of `ORIGINS`; default detected.
        masks: (N, H, W) bool, `supervision.CompactMask` or None.
    """
    count = len(boxes)
    return sv.Detections(
        xyxy=np.asarray(boxes, np.float32).reshape(count, 4),
        confidence=np.asarray(scores, np.float32).reshape(count),
        class_id=np.asarray(class_ids, int).reshape(count),
        tracker_id=np.full(count, -1) if tracks is None else np.asarray(tracks, int).reshape(count),
        mask=masks,
        data={"origin": np.array([DETECTED] * count if origins is None else origins, dtype="<U10")},
    )
