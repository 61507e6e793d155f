"""A run, a dataset and what was found in it, all written by hand: evaluation without a network.

The dataset knows dogs and cats. Pictures are 100 x 100 pixels, objects are boxes whose masks are the boxes themselves.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import supervision as sv
from painted_pets import checkpoint_file

from evaluate.prediction_file import PredictionWriter
from evaluate.predictions import FOLDER, Predictions, PredictSettings
from evaluate.runs import find_run
from evaluate.truth import read_truth

SIDE = 100
CLASSES = ("dog", "cat")
Box = tuple[float, float, float, float]


def mask_of(box: Box) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    left, top, right, bottom = (round(edge) for edge in box)
    mask[top:bottom, left:right] = True
    return mask


def objects(*rows: Sequence[Any]) -> sv.Detections:
    """Truth: (class id, box) or (class id, box, "crowd" or "difficult"); class ids count from 1."""
    boxes = np.array([row[1] for row in rows], np.float32).reshape(-1, 4)
    return sv.Detections(
        xyxy=boxes,
        class_id=np.array([row[0] for row in rows], int),
        mask=np.array([mask_of(row[1]) for row in rows], bool).reshape(-1, SIDE, SIDE),
        data={
            name: np.array([len(row) > 2 and row[2] == name for row in rows], bool) for name in ("crowd", "difficult")
        },
    )


def found(*rows: tuple[int, Box, float]) -> sv.Detections:
    """Detections: (class id, box, score); class ids count from 1."""
    made = objects(*rows)
    return sv.Detections(
        xyxy=made.xyxy,
        class_id=made.class_id,
        mask=made.mask,
        confidence=np.array([row[2] for row in rows], np.float32),
    )


def dataset(
    folder: Path,
    pictures: Sequence[sv.Detections],
    split: str = "val",
    groups: Sequence[str] | None = None,
    names: Sequence[str] = CLASSES,
    fingerprint: str = "f1",
) -> Path:
    """Write a dataset folder with one split; a second call adds another split."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for place, truth in enumerate(pictures):
        name = f"{split}{place}.png"
        cv2.imwrite(str(folder / "images" / name), np.zeros((SIDE, SIDE, 3), np.uint8))
        images.append({"id": place + 1, "file_name": name, "width": SIDE, "height": SIDE})
        if groups is not None:
            images[-1]["group"] = groups[place]
        for index in range(len(truth)):
            left, top, right, bottom = (float(edge) for edge in truth.xyxy[index])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": place + 1,
                    "category_id": int(truth.class_id[index]),
                    "bbox": [left, top, right - left, bottom - top],
                    "area": (right - left) * (bottom - top),
                    "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
                    "iscrowd": int(truth.data["crowd"][index]),
                    "difficult": bool(truth.data["difficult"][index]),
                }
            )
    categories = [{"id": number, "name": name} for number, name in enumerate(names, start=1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / f"{split}.json").write_text(json.dumps(content))
    about_file = folder / "dataset.json"
    about = json.loads(about_file.read_text()) if about_file.is_file() else {"splits": {}}
    about |= {"class_names": list(names), "fingerprint": fingerprint}
    about["splits"][split] = {}
    about_file.write_text(json.dumps(about))
    return folder


def run_folder(folder: Path, data: Path | None, epochs: Sequence[int] = (1, 2), **settings: Any) -> Path:
    """Write a run folder whose checkpoints differ in nothing that counts but their bytes."""
    for epoch in epochs:
        checkpoint_file(folder / "checkpoints" / f"epoch_{epoch:04d}.h5", LEARNING_RATE=0.001 * epoch, **settings)
    if data is not None:
        about = {"dataset": {"path": str(data), "fingerprint": "f1", "class_names": list(CLASSES)}}
        (folder / "settings.json").write_text(json.dumps(about))
    return folder


def predict(run: Path, data: Path, by_epoch: dict[int, Sequence[sv.Detections]], split: str = "val") -> None:
    """Write what the epochs found, as if a network had."""
    truth = read_truth(data, split)
    predictions = Predictions(run / "eval" / FOLDER, truth, PredictSettings())
    predictions.folder.mkdir(parents=True, exist_ok=True)
    for checkpoint in find_run(run).checkpoints:
        if checkpoint.epoch in by_epoch:
            path, names = predictions.path_of(checkpoint), [each.name for each in truth.paths]
            with PredictionWriter(path, {"key": {}, "classes": list(CLASSES)}, names) as writer:
                for each in by_epoch[checkpoint.epoch]:
                    writer.write((SIDE, SIDE), each, truth.class_names)
