"""A dataset folder of small pictures: ellipses on noise, whose masks one can work out; every fourth is empty."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from common import rle
from mrcnn.dataset_folder import FolderDataset
from mrcnn.examples import Example, Resizing
from mrcnn.folder_examples import FolderLoader

HEIGHT, WIDTH = 48, 64
RESIZING = Resizing(min_dim=64, max_dim=64, mini_masks=(28, 28))


def ellipse(centre: tuple[float, float], half: tuple[float, float], size: tuple[int, int]) -> np.ndarray:
    """(height, width) bool; centre and halves of the axes are (y, x)."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    return ((rows - centre[0]) / half[0]) ** 2 + ((columns - centre[1]) / half[1]) ** 2 <= 1


def ellipses(number: int) -> list[np.ndarray]:
    """Masks of a picture."""
    if number % 4 == 3:
        return []
    dice = np.random.default_rng(number)
    return [
        ellipse(
            (dice.uniform(14, 34), dice.uniform(16, 48)), (dice.uniform(7, 11), dice.uniform(8, 13)), (HEIGHT, WIDTH)
        )
        for _ in range(1 + number % 2)
    ]


def write(folder: Path, count: int = 8) -> Path:
    """Write a dataset folder with the splits train and val."""
    (folder / "images").mkdir(parents=True)
    content: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}]}
    for number in range(count):
        picture = np.random.default_rng(number).integers(60, 90, (HEIGHT, WIDTH, 3), np.uint8)
        masks = ellipses(number)
        for mask in masks:
            picture[mask] = (20, 40, 240)
        name = f"{number}.png"
        cv2.imwrite(str(folder / "images" / name), picture)
        content["images"].append({"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH})
        for mask, encoded in zip(
            masks, rle.encode_masks(np.array(masks), (HEIGHT, WIDTH)) if masks else [], strict=True
        ):
            ys, xs = np.nonzero(mask)
            box = [xs.min(), ys.min(), xs.max() + 1 - xs.min(), ys.max() + 1 - ys.min()]
            entry = {"image_id": number, "category_id": 1, "segmentation": encoded, "bbox": [int(v) for v in box]}
            content["annotations"].append({"id": len(content["annotations"]), "area": int(mask.sum()), **entry})
    for split in ("train", "val"):
        (folder / f"{split}.json").write_text(json.dumps(content))
    (folder / "dataset.json").write_text(json.dumps({"class_names": ["a"], "splits": {"train": {}, "val": {}}}))
    return folder


class TroubleLoader(FolderLoader):
    """A loader that comes to grief at one picture: raises, dies or never returns."""

    def seeded(self, image_id: int, seed: int) -> Example:
        trouble = os.environ.get("TROUBLE")
        if image_id == 5 and trouble == "raises":
            raise KeyError("colour")
        if image_id == 5 and trouble == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if image_id == 5 and trouble == "sticks":
            time.sleep(600)
        return super().seeded(image_id, seed)


def loader(folder: Path, augmentation: Any = None, kind: type[FolderLoader] = FolderLoader) -> FolderLoader:
    return kind(FolderDataset(folder, "train"), RESIZING, 3, augmentation)
