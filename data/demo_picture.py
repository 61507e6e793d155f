"""One picture of the made set: drawn, sensed, compressed, and described by its labels.

What is labelled: what can be seen of an object, at least a fifth of the whole object and 8 pixels a side; of people
near the camera, whose body is mostly outside, a part that fills 3 % of the picture. What is smaller or more hidden
keeps its mask and is marked as a crowd (`iscrowd` 1), which COCO's measures and Mask R-CNN's training count neither as
right nor as wrong; the VOC files leave it out, as somebody who labels by hand would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from common.rle import encode_masks
from common.voc import LabelledBox, voc_xml
from data.camera import sense
from data.figures.background import background
from data.figures.develop import graded
from data.figures.light import from_photograph
from data.figures.placing import cast
from data.figures.scene import Instance, shoot

CLASSES = ("clown", "nface", "color", "person")
LEAST_SHARE = 0.2  # of an object that must be visible for a label
LEAST_SIDE = 8  # pixels of its box
LARGE_PERSON = 0.03  # share of the picture that a person fills whose body may be mostly outside
DIFFICULT_SHARE = 0.4  # below, the VOC label says "difficult"


@dataclass(frozen=True)
class MadePicture:
    """One finished picture and what is in it, as it will be written.

    Attributes:
        name: of its file.
        jpeg: the file.
        xml: its PASCAL VOC labels.
        records: its COCO annotations, without `id` and `image_id`.
    """

    name: str
    jpeg: bytes
    xml: bytes
    records: list[dict[str, Any]]


def make_picture(index: int, seed: int, size: tuple[int, int]) -> MadePicture:
    """Make one picture of a set; the same for the same arguments, in any process.

    Args:
        index: of the picture.
        seed: of the set.
        size: (height, width).
    """
    random = np.random.default_rng([seed, 0, index])
    photograph = background(size, random)
    light = from_photograph(photograph, random)
    shot = shoot(photograph, cast(size, random), light)
    pixels = sense(graded(shot.picture, random), random, noise=random.uniform(0.6, 4.0), grain=random.uniform(0.1, 0.4))
    name = f"demo_{index:06d}.jpg"
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(68, 96))]
    jpeg = cv2.imencode(".jpg", pixels[..., ::-1], quality)[1].tobytes()
    records = [_record(instance, size) for instance in shot.instances]
    return MadePicture(name, jpeg, voc_xml(name, size, labels(records)), records)


def labels(records: list[dict[str, Any]]) -> list[LabelledBox]:
    """Return what somebody who labels by hand would draw: all that is not marked as a crowd."""
    return [
        LabelledBox(
            CLASSES[record["category_id"] - 1],
            _edges(record["bbox"]),
            truncated=record["truncated"],
            difficult=record["difficult"],
        )
        for record in records
        if not record["iscrowd"]
    ]


def is_labelled(instance: Instance) -> bool:
    """Return whether enough of it can be seen."""
    x1, y1, x2, y2 = instance.box()
    return min(x2 - x1, y2 - y1) >= LEAST_SIDE and _shows(instance, LEAST_SHARE)


def _shows(instance: Instance, share: float) -> bool:
    large = instance.name == "person" and float(instance.mask.mean()) >= LARGE_PERSON
    return large or instance.share() >= share


def _edges(box: list[float]) -> tuple[float, float, float, float]:
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def _record(instance: Instance, size: tuple[int, int]) -> dict[str, Any]:
    x1, y1, x2, y2 = instance.box()
    return {
        "category_id": CLASSES.index(instance.name) + 1,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": int(instance.mask.sum()),
        "segmentation": encode_masks(instance.mask[None], size)[0],
        "iscrowd": int(not is_labelled(instance)),
        "visible": round(instance.share(), 3),
        "truncated": instance.truncated,
        "difficult": not _shows(instance, DIFFICULT_SHARE),
    }
