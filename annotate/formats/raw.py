"""What a label file says, word for word, before its picture is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from annotate.faults import Fault


@dataclass(frozen=True)
class RawObject:
    """One object as the file has it.

    Attributes:
        name: class name, stripped; "" where there is none.
        box: (x1, y1, x2, y2) pixels, floats, the far edge exclusive, counted from 0; may be reversed or outside.
        polygons: outlines, each (P, 2) float (x, y) pixels; several parts are one object.
        runs: COCO run lengths over the whole picture, background first down the columns; None without a mask.
        difficult: marked as hard to see.
        truncated: marked as cut off by the edge.
        crowd: a group that is not told apart.
        relative: box and polygons are shares of the picture's width and height instead of pixels.
        line: in the file, from 1; 0 where it is not known.
    """

    name: str
    box: tuple[float, float, float, float]
    polygons: tuple[np.ndarray, ...] = ()
    runs: tuple[int, ...] | None = None
    difficult: bool = False
    truncated: bool = False
    crowd: bool = False
    relative: bool = False
    line: int = 0


@dataclass(frozen=True)
class RawLabels:
    """One picture's labels as a file has them.

    Attributes:
        source: the label file.
        picture: name of the picture as written there; may hold folders that exist nowhere, or be empty.
        size: (height, width) as written there; None where it is not.
        objects: in the file's order.
        faults: what could not be read; the objects concerned are not among `objects`.
        alone: the file is about this picture only, and usually named like it.
        readable: False where nothing of the file could be read.
        group: name of the clip that the picture is from; "" where the file does not say.
    """

    source: Path
    picture: str
    size: tuple[int, int] | None
    objects: tuple[RawObject, ...]
    faults: tuple[Fault, ...] = field(default=())
    alone: bool = True
    readable: bool = True
    group: str = ""


def unreadable(source: Path, line: int, reason: str) -> RawLabels:
    """A file of which nothing can be read, and why."""
    return RawLabels(source, "", None, (), (Fault(source, line, "unreadable-labels", reason),), readable=False)
