"""A detector for tests, and readers of what a run wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import supervision as sv
from media import read_number

from common.detections import make_detections

BOX = (30.0, 20.0, 60.0, 44.0)  # where the detector always sees its object, pixels


class Steady:
    """Sees one face at `BOX` in every picture, but for what `rule(frame number)` says instead.

    The number is read from the picture itself. A rule may return boxes, or raise.
    """

    name, classes, device, floor, sure = "steady", ("face",), "here", 0.1, 0.5

    def __init__(self, rule: Callable[[int], Sequence[Sequence[float]]] | None = None):
        self.rule = rule or (lambda number: [BOX])
        self.calls = 0

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[sv.Detections]:
        self.calls += len(pictures)
        found = [self.rule(read_number(picture[..., 1])) for picture in pictures]
        return [
            make_detections(np.array(boxes).reshape(-1, 4), [0.9] * len(boxes), [0] * len(boxes)) for boxes in found
        ]


def lumas(path: Path) -> list[np.ndarray]:
    """Luma plane of every frame, (H, W) uint8."""
    with av.open(f"file:{path}") as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def names(folder: Path) -> set[str]:
    """Names of the files in a folder, hidden ones too."""
    return {path.name for path in folder.iterdir()}


def difference(first: np.ndarray, second: np.ndarray) -> float:
    """Mean absolute difference of two pictures."""
    return float(np.abs(first.astype(np.int16) - second).mean())
