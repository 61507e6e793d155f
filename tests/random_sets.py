"""Random truth and detections, near enough to each other that every kind of pair comes up."""

from __future__ import annotations

import numpy as np
import supervision as sv
from pycocotools import mask as coco_mask

SIZE = (160, 200)


def pictures(
    seed: int, count: int = 12, classes: int = 2, ties: bool = True, marks: bool = False
) -> tuple[list[sv.Detections], list[sv.Detections]]:
    """Return truth and detections of `count` pictures; masks are ellipses as run lengths in data "rle".

    Args:
        seed: of everything.
        count: of pictures.
        classes: ids 1 ... classes.
        ties: scores have one digit, so that several are equal.
        marks: some objects are crowds.
    """
    dice = np.random.default_rng(seed)
    truth, found = [], []
    for _ in range(count):
        boxes = _boxes(dice, int(dice.integers(0, 5)))
        class_ids = dice.integers(1, classes + 1, len(boxes))
        crowd = dice.random(len(boxes)) < (0.3 if marks else 0)
        truth.append(_objects(boxes, class_ids, {"crowd": crowd}))
        again = np.concatenate([boxes, boxes[:1], _boxes(dice, int(dice.integers(0, 4)))])
        again = np.clip(again + dice.integers(-6, 7, again.shape), 0, [SIZE[1], SIZE[0]] * 2)
        again[:, 2:] = np.maximum(again[:, 2:], again[:, :2] + 2)
        ids = np.concatenate([class_ids, dice.integers(1, classes + 1, len(again) - len(boxes))])
        scores = dice.random(len(again)).round(1 if ties else 6)
        order = np.argsort(-scores, kind="stable")
        found.append(_objects(again[order], ids[order], {}, scores[order]))
    return truth, found


def _boxes(dice: np.random.Generator, count: int) -> np.ndarray:
    sides = dice.choice([12, 25, 40, 90, 130], (count, 2)) + dice.integers(0, 9, (count, 2))
    corners = dice.integers(0, 60, (count, 2))
    return np.concatenate([corners, corners + sides], axis=1)


def _objects(
    boxes: np.ndarray, class_ids: np.ndarray, data: dict[str, np.ndarray], scores: np.ndarray | None = None
) -> sv.Detections:
    runs = np.empty(len(boxes), object)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    for place, (left, top, right, bottom) in enumerate(boxes):
        across, down = (columns - (left + right) / 2) / (right - left), (rows - (top + bottom) / 2) / (bottom - top)
        runs[place] = coco_mask.encode(np.asfortranarray((across**2 + down**2 <= 0.25).astype(np.uint8)))
    return sv.Detections(
        xyxy=boxes.astype(np.float32).reshape(-1, 4),
        class_id=class_ids.astype(int),
        confidence=None if scores is None else scores.astype(np.float32),
        data={"rle": runs, **data},
    )
