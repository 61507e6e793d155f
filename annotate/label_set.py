"""Labelled pictures in memory: one type, whatever format they came from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv

from annotate.faults import Fault
from annotate.pictures import PictureFacts

SEGMENTATION, DIFFICULT, TRUNCATED, CROWD, LINE = "segmentation", "difficult", "truncated", "crowd", "line"


@dataclass(frozen=True)
class LabelledImage:
    """A picture and what is in it.

    Attributes:
        picture: the file and its size.
        source: the label file; None where the picture is a negative, that is, known to show nothing.
        objects: xyxy (N, 4) float32 pixels of the picture as shown, inside it, far edges exclusive; class_id places in
            `LabelSet.classes`; data: "segmentation" (COCO polygons as lists, run lengths as {"size", "counts"}, or
            None), "difficult", "truncated", "crowd" (N,) bool, "line" (N,) int.
        group: pictures of one group (frames of one clip) are never split up.
    """

    picture: PictureFacts
    source: Path | None
    objects: sv.Detections
    group: str

    @property
    def path(self) -> Path:
        """The picture's file."""
        return self.picture.path

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) pixels as shown."""
        return self.picture.size


@dataclass(frozen=True)
class LabelSet:
    """A set of labelled pictures.

    Attributes:
        classes: names, without a background; ids count from 0.
        images: by path of the picture.
        faults: what was found wrong; what it concerns was mended or left out, as `faults.KINDS` says.
        source: folder or file the labels came from.
        kind: name of the format.
        root: folder that all its pictures lie in, or in folders below.
        unlabelled: pictures without labels that were left out.
    """

    classes: tuple[str, ...]
    images: tuple[LabelledImage, ...]
    faults: tuple[Fault, ...]
    source: Path
    kind: str
    root: Path
    unlabelled: tuple[Path, ...] = field(default=())

    @property
    def counts(self) -> dict[str, int]:
        """Objects of each class."""
        found = Counter(self.classes[number] for image in self.images for number in class_ids(image.objects))
        return {name: found[name] for name in self.classes}


def class_ids(objects: sv.Detections) -> list[int]:
    """Class ids of objects as plain numbers."""
    return [] if objects.class_id is None else [int(number) for number in objects.class_id]


def objects_of(rows: list[dict[str, Any]], classes: tuple[str, ...]) -> sv.Detections:
    """Build the objects of a picture from rows with "box", "name" and the data fields."""
    segmentations = np.empty(len(rows), object)
    for place, row in enumerate(rows):
        segmentations[place] = row[SEGMENTATION]
    return sv.Detections(
        xyxy=np.array([row["box"] for row in rows], np.float32).reshape(-1, 4),
        class_id=np.array([classes.index(row["name"]) for row in rows], int),
        data={
            SEGMENTATION: segmentations,
            DIFFICULT: np.array([row[DIFFICULT] for row in rows], bool),
            TRUNCATED: np.array([row[TRUNCATED] for row in rows], bool),
            CROWD: np.array([row[CROWD] for row in rows], bool),
            LINE: np.array([row[LINE] for row in rows], int),
        },
    )
