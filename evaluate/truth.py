"""The truth of one split, ready to be compared: objects a picture, with names, groups and run lengths."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv
from pycocotools import mask as coco_mask

from common.errors import UserError
from common.metrics.coco_evaluation import CROWD, DIFFICULT, RUNS
from mrcnn.class_names import BACKGROUND
from mrcnn.dataset_folder import FolderDataset

IGNORE, COUNT = "ignore", "count"


@dataclass(frozen=True)
class Truth:
    """What is in the pictures of a split. F pictures, all lists in their order.

    Attributes:
        dataset: reads the pictures.
        class_names: background first; class ids of truth and detections are places in it.
        pictures: objects of each: xyxy (N, 4) float32 pixels, class_id (N,), data "rle" (N,) COCO's run lengths,
            "crowd" and "difficult" (N,) bool.
    """

    dataset: FolderDataset
    class_names: tuple[str, ...]
    pictures: list[sv.Detections] = field(repr=False)

    @property
    def split(self) -> str:
        """Name of the split."""
        return self.dataset.split

    @property
    def fingerprint(self) -> str:
        """Of the dataset; "" when it has none."""
        return str(self.dataset.about.get("fingerprint") or "")

    @property
    def groups(self) -> list[str]:
        """Clip of each picture."""
        return self.dataset.groups

    @cached_property
    def paths(self) -> list[Path]:
        """File of each picture."""
        return [Path(info["path"]) for info in self.dataset.image_info]

    @cached_property
    def names(self) -> list[str]:
        """File of each picture as the dataset names it: below its images/, with "/" where there are folders."""
        images = self.dataset.folder / "images"
        return [(path.relative_to(images) if path.is_relative_to(images) else path).as_posix() for path in self.paths]

    @cached_property
    def sizes(self) -> list[tuple[int, int]]:
        """(H, W) of each picture."""
        return [(int(info["height"]), int(info["width"])) for info in self.dataset.image_info]

    @cached_property
    def pictures_key(self) -> str:
        """Tells pictures apart: a hash of the dataset's fingerprint, and of the names and sizes of their files."""
        digest = hashlib.sha256(f"{self.fingerprint}\n{self.split}\n".encode())
        for path in self.paths:
            digest.update(f"{path.name} {path.stat().st_size if path.is_file() else 'missing'}\n".encode())
        return digest.hexdigest()

    def classes_without_objects(self) -> list[str]:
        """Names of the classes that no picture of the split shows."""
        shown = {int(each) for objects in self.pictures for each in np.unique(np.asarray(objects.class_id))}
        return [name for place, name in enumerate(self.class_names) if place and place not in shown]


def read_truth(dataset: str | Path, split: str, only: Sequence[str] | None = None, difficult: str = IGNORE) -> Truth:
    """Read the truth of a split.

    Args:
        dataset: the dataset folder.
        split: name of the split.
        only: classes to look at; None: all.
        difficult: "ignore": objects marked difficult are neither hit nor miss; "count": they are ordinary objects.

    Raises:
        UserError: no such dataset, split or class, or no picture in it.
    """
    folder = FolderDataset(dataset, split)
    own = tuple(folder.about["class_names"])
    unknown = [name for name in only or () if name not in own]
    if unknown:
        raise UserError(f"{dataset}: has no class {', '.join(unknown)}; it has {', '.join(own)}")
    if not folder.num_images:
        raise UserError(f"{dataset}: its split {split} holds no picture; evaluate another one")
    names = tuple(name for name in own if only is None or name in only)
    places = {own.index(name) + 1: place for place, name in enumerate(names, start=1)}
    pictures = [_objects(info, places, difficult == IGNORE) for info in folder.image_info]
    return Truth(folder, (BACKGROUND, *names), pictures)


def _objects(info: dict[str, Any], places: dict[int, int], ignore_difficult: bool) -> sv.Detections:
    entries = [entry for entry in info["annotations"] if entry["class_id"] in places]
    boxes = np.array([entry["bbox"] for entry in entries], np.float32).reshape(-1, 4)
    runs = np.empty(len(entries), object)
    for place, entry in enumerate(entries):
        runs[place] = _run_lengths(entry["segmentation"], info)
    return sv.Detections(
        xyxy=np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1),
        class_id=np.array([places[entry["class_id"]] for entry in entries], int),
        data={
            RUNS: runs,
            CROWD: np.array([bool(entry.get("iscrowd")) for entry in entries], bool),
            DIFFICULT: np.array([ignore_difficult and bool(entry.get("difficult")) for entry in entries], bool),
        },
    )


def _run_lengths(segmentation: Any, info: dict[str, Any]) -> dict[str, Any]:
    """Any COCO segmentation as compressed run lengths."""
    if isinstance(segmentation, dict) and not isinstance(segmentation["counts"], list):
        return segmentation
    made = coco_mask.frPyObjects(segmentation, info["height"], info["width"])
    return dict(made if isinstance(made, dict) else coco_mask.merge(made))
