"""A dataset folder, as `annotate convert` writes it, behind the original's `Dataset`.

dataset.json     class names, splits
train.json ...   COCO: boxes, masks, categories
images/          pictures
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import supervision as sv
from pycocotools import mask as coco_mask

from common import rle
from common.errors import DamagedSourceError, UserError
from common.image import read_image
from mrcnn import moved_objects
from mrcnn.dataset import Dataset

SOURCE = "folder"


class FolderDataset(Dataset):
    """One split of a dataset folder, prepared.

    Class ids are places in dataset.json's `class_names`, counted from 1; crowds have them negative, as in the
    original's COCO sample.

    Args:
        folder: the dataset folder.
        split: name of one of its splits.
        classes: only these count, in this order; None: all. Objects of others are left out.

    Attributes:
        folder: where it lies.
        split: its name.
        about: what dataset.json holds.

    Raises:
        UserError: no dataset folder, no such split or class, or a file of it that cannot be read.
    """

    def __init__(self, folder: str | Path, split: str, classes: Sequence[str] | None = None) -> None:
        super().__init__()
        self.folder, self.split = Path(folder), split
        self.about = read_about(self.folder)
        if split not in self.about["splits"]:
            raise UserError(f"{self.folder}: no split {split!r}; it has {', '.join(self.about['splits'])}")
        self._own = _chosen(self.about["class_names"], classes, self.folder)
        for name, place in self._own.items():
            self.add_class(SOURCE, place, name)
        content = _json(self.folder / f"{split}.json")
        try:
            self._list(content)
        except (KeyError, TypeError) as error:
            raise UserError(
                f"{self.folder / split}.json: {error} is missing in it; convert the labels again"
            ) from error
        self.prepare()

    def _list(self, content: Any) -> None:
        known = set(self.about["class_names"])
        names = {category["id"]: category["name"] for category in content["categories"] if category["name"] in known}
        entries: dict[Any, list[dict[str, Any]]] = {image["id"]: [] for image in content["images"]}
        for entry in content["annotations"]:
            name = names[entry["category_id"]]
            if name in self._own:
                entries[entry["image_id"]].append({**entry, "class_id": self._own[name]})
        for image in content["images"]:
            self.add_image(
                SOURCE,
                image["id"],
                str(self.folder / "images" / image["file_name"]),
                height=image["height"],
                width=image["width"],
                group=image.get("group", image["file_name"]),
                annotations=entries[image["id"]],
            )

    def image_reference(self, image_id: int) -> str:
        """Path of the picture."""
        return str(self.image_info[image_id]["path"])

    def load_image(self, image_id: int) -> np.ndarray:
        """Read a picture: (H, W, 3) uint8 RGB.

        Raises:
            UserError: missing, unreadable, or of another size than its labels.
        """
        info = self.image_info[image_id]
        # OpenCV decodes JPEG twice as fast as Pillow; the pictures of a dataset folder are upright.
        data = cv2.imread(info["path"], cv2.IMREAD_COLOR_RGB)
        if data is None:
            data = _by_pillow(Path(info["path"]))
        if data.shape[:2] != (info["height"], info["width"]):
            raise UserError(
                f"{info['path']} has {data.shape[1]}x{data.shape[0]} pixels, its labels {info['width']}x"
                f"{info['height']}; convert the labels again"
            )
        return data

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Decode all masks of a picture.

        Returns:
            (H, W, N) bool and class ids (N,) int32, negative for crowds.
        """
        info = self.image_info[image_id]
        size = (info["width"], info["height"])
        masks = [sv.rle_to_mask(_runs(entry["segmentation"], info).tolist(), size) for entry in info["annotations"]]
        class_ids = [-entry["class_id"] if entry.get("iscrowd") else entry["class_id"] for entry in info["annotations"]]
        stacked = np.array(masks, bool).reshape(-1, info["height"], info["width"])
        return np.ascontiguousarray(stacked.transpose(1, 2, 0)), np.array(class_ids, np.int32)

    def load_crops(self, image_id: int) -> tuple[list[moved_objects.Crop], np.ndarray]:
        """Cut the masks of a picture out of their run lengths: the fast path of training.

        Returns:
            N crops and class ids (N,) int32, negative for crowds; objects without a pixel are left out.
        """
        info = self.image_info[image_id]
        size = (info["height"], info["width"])
        crops, class_ids = [], []
        for entry in info["annotations"]:
            crop = moved_objects.crop_of(_runs(entry["segmentation"], info), size)
            if crop is not None:
                crops.append(crop)
                class_ids.append(-entry["class_id"] if entry.get("iscrowd") else entry["class_id"])
        return crops, np.array(class_ids, np.int32)

    @property
    def ids_with_objects(self) -> np.ndarray:
        """Numbers of the pictures that hold an object which is no crowd."""
        return np.array(
            [
                image_id
                for image_id, info in enumerate(self.image_info)
                if any(not entry.get("iscrowd") for entry in info["annotations"])
            ],
            int,
        )

    def load_objects(self, image_id: int) -> sv.Detections:
        """The truth of a picture as detections, masks compact: the fast path, nothing of the size of the picture.

        Returns:
            xyxy (N, 4) float32 pixels, class_id (N,) int counted from 1, mask CompactMask; data "crowd", "difficult"
            (N,) bool.
        """
        info = self.image_info[image_id]
        entries = info["annotations"]
        boxes = np.array([entry["bbox"] for entry in entries], np.float32).reshape(-1, 4)
        size = (info["height"], info["width"])
        runs = [_runs(entry["segmentation"], info).tolist() for entry in entries]
        return sv.Detections(
            xyxy=np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1),
            class_id=np.array([entry["class_id"] for entry in entries], int),
            mask=rle.compact_mask(runs, size) if runs else None,
            data={
                name: np.array([bool(entry.get(key)) for entry in entries], bool)
                for name, key in (("crowd", "iscrowd"), ("difficult", "difficult"))
            },
        )

    @cached_property
    def groups(self) -> list[str]:
        """Clip of each picture."""
        return [str(info["group"]) for info in self.image_info]


def _chosen(known: Sequence[str], wanted: Sequence[str] | None, folder: Path) -> dict[str, int]:
    """Number the classes that count, from 1."""
    names = list(known) if wanted is None else list(wanted)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UserError(f"{folder}: has no class {', '.join(unknown)}; it has {', '.join(known)}")
    return {name: place for place, name in enumerate(names, start=1)}


def _by_pillow(path: Path) -> np.ndarray:
    """Read one of the formats that labels may belong to and OpenCV does not know, e.g. TGA or QOI."""
    try:
        return np.ascontiguousarray(read_image(path).pixels[..., :3])
    except (UserError, DamagedSourceError) as error:
        raise UserError(f"{path}: missing or no picture ({error}); convert the labels again") from error


def read_about(folder: Path) -> dict[str, Any]:
    """Read dataset.json.

    Raises:
        UserError: not there, or not one.
    """
    if not (folder / "dataset.json").is_file():
        raise UserError(f"{folder}: no dataset.json in it; make a dataset folder with `python -m annotate convert`")
    about = _json(folder / "dataset.json")
    names, splits = (about.get(key) for key in ("class_names", "splits")) if isinstance(about, dict) else (None, None)
    if not isinstance(names, list) or not isinstance(splits, dict):
        raise UserError(f"{folder / 'dataset.json'}: lacks class_names or splits; convert the labels again")
    return dict(about)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); convert the labels again") from error


def _runs(segmentation: Any, info: dict[str, Any]) -> np.ndarray:
    """Run lengths (R,) int64 of any COCO segmentation."""
    counts: Any = segmentation["counts"] if isinstance(segmentation, dict) else None
    if isinstance(counts, list):
        return np.array(counts, np.int64)
    if counts is None:
        parts = coco_mask.frPyObjects(segmentation, info["height"], info["width"])
        counts = coco_mask.merge(parts)["counts"].decode()
    return rle.decompress_array(counts)
