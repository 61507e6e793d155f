"""A dataset folder for tests: pictures of 64 x 64 pixels with bright squares and dark discs, masks exact."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask
from tiny_learner import Shapes, shapes

CLASSES = ("square", "disc")


def write_folder(folder: Path, train: int = 8, val: int = 4, names: Sequence[str] = CLASSES) -> Path:
    """Write a dataset folder as `annotate convert` lays it out; return it. Squares and discs take turns at names."""
    (folder / "images").mkdir(parents=True)
    digest = hashlib.sha256()
    splits = {}
    for split, count, first in (("train", train, 0), ("val", val, 1)):
        content = _coco(folder, split, shapes(count, first), names)
        text = json.dumps(content)
        digest.update(text.encode())
        (folder / f"{split}.json").write_text(text)
        objects = [names[entry["category_id"] - 1] for entry in content["annotations"]]
        splits[split] = {"images": count, "objects": {name: objects.count(name) for name in names}}
    about = {"version": 1, "class_names": list(names), "splits": splits, "fingerprint": digest.hexdigest()}
    (folder / "dataset.json").write_text(json.dumps(about))
    return folder


def _coco(folder: Path, split: str, data: Shapes, names: Sequence[str]) -> dict:
    images, annotations = [], []
    for number in data.image_ids:
        name = f"{split}_{number}.png"
        picture, (masks, kinds) = data.load_image(number), data.load_mask(number)
        Image.fromarray(picture).save(folder / "images" / name)
        images.append({"id": int(number), "file_name": name, "height": 64, "width": 64})
        for place, kind in enumerate(kinds):
            encoded = coco_mask.encode(np.asfortranarray(masks[..., place].astype(np.uint8)))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": int(number),
                    "category_id": int(kind) if len(names) == 2 else len(annotations) % len(names) + 1,
                    "bbox": [float(value) for value in coco_mask.toBbox(encoded)],
                    "area": float(coco_mask.area(encoded)),
                    "segmentation": {"size": encoded["size"], "counts": encoded["counts"].decode()},
                    "iscrowd": 0,
                }
            )
    categories = [{"id": place, "name": name} for place, name in enumerate(names, start=1)]
    return {"images": images, "annotations": annotations, "categories": categories}
