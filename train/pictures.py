"""The pictures of a training: splits of a dataset folder, and whether each picture and label can be used."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv
from PIL import Image

from common.errors import UserError
from mrcnn.dataset_folder import FolderDataset, read_about

MOST_NAMED = 20
TRAIN, VAL = "train", "val"


@dataclass(frozen=True)
class Pictures:
    """One split, or part of it.

    Attributes:
        dataset: the split.
        ids: the numbers of its pictures that count.
    """

    dataset: FolderDataset
    ids: np.ndarray

    @property
    def showing(self) -> np.ndarray:
        """The numbers of the pictures that show something to learn."""
        return np.array([number for number in self.ids if self._entries(number)], int)

    @property
    def with_objects(self) -> int:
        """How many pictures show something to learn."""
        return len(self.showing)

    def counts(self) -> dict[str, int]:
        """Return how many objects of each class there are, crowds left out."""
        names = self.dataset.class_names
        found = dict.fromkeys(names[1:], 0)
        for number in self.ids:
            for entry in self._entries(number):
                found[names[entry["class_id"]]] += 1
        return found

    def _entries(self, number: int) -> list[dict[str, Any]]:
        entries = self.dataset.image_info[int(number)]["annotations"]
        return [entry for entry in entries if not entry.get("iscrowd")]

    def first(self, count: int) -> Pictures:
        """Return the first pictures that show something."""
        return Pictures(self.dataset, self.showing[:count])

    def spread(self, most: int) -> Pictures:
        """Return so many pictures at most, from all over the split."""
        if len(self.ids) <= most:
            return self
        return Pictures(self.dataset, self.ids[np.linspace(0, len(self.ids) - 1, most).astype(int)])


def open_pictures(
    folder: Path, classes: Sequence[str] | None = None, overfit: int | None = None
) -> tuple[Pictures, Pictures | None]:
    """Open what is learnt and what it is validated on.

    Args:
        folder: the dataset folder.
        classes: only these count.
        overfit: so many pictures alone, for both.

    Returns:
        Pictures to learn, and those to validate on, None where there is no split for it.

    Raises:
        UserError: no dataset folder, or nothing to learn in it.
    """
    about = read_about(folder)
    if TRAIN not in about["splits"]:
        raise UserError(
            f"{folder}: has no split {TRAIN!r}, only {', '.join(about['splits'])}; convert the labels again"
        )
    data = FolderDataset(folder, TRAIN, classes)
    learnt = Pictures(data, np.asarray(data.image_ids))
    if not learnt.with_objects:
        raise UserError(f"{folder}: no picture of {TRAIN} shows any of {', '.join(data.class_names[1:])}")
    if overfit is not None:
        few = learnt.first(overfit)
        return few, few
    if VAL not in about["splits"]:
        return learnt, None
    other = FolderDataset(folder, VAL, classes)
    return learnt, Pictures(other, np.asarray(other.image_ids)) if len(other.image_ids) else None


@dataclass(frozen=True)
class Look:
    """What came of looking at pictures.

    Attributes:
        faults: what cannot be used, a line each.
        bare: objects with a box whose masks have no pixel, named by picture and place; crowds left out.
    """

    faults: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()

    @property
    def warnings(self) -> list[str]:
        """What is no fault, but will show in the result."""
        if not self.bare:
            return []
        return [
            f"{len(self.bare)} objects have a box and a mask without a pixel, the first is {self.bare[0]}: they are "
            "not learnt; `python -m annotate convert` makes a dataset in which their boxes are their masks"
        ]


def look(*sets: Pictures | None) -> Look:
    """Decode every picture and its labels, many at once."""
    asked = {(id(each.dataset), int(number)): each.dataset for each in sets if each for number in each.ids}
    with ThreadPoolExecutor(min(8, 2 * (os.cpu_count() or 1))) as pool:
        looks = list(pool.map(lambda key_and_set: _look(key_and_set[1], key_and_set[0][1]), asked.items()))
    found = [fault for each in looks for fault in each.faults]
    more = len(found) - MOST_NAMED
    if more > 0:
        found = [*found[:MOST_NAMED], f"and {more} more pictures; `python -m annotate check` names all"]
    return Look(tuple(found), tuple(name for each in looks for name in each.bare))


def _look(dataset: FolderDataset, number: int) -> Look:
    path = dataset.image_reference(number)
    if fault := _picture_fault(dataset, number):
        return Look((f"{path}: {fault}",))
    try:
        objects = dataset.load_objects(number)
    except Exception as error:  # noqa: BLE001 (pycocotools raises that very class)
        return Look((f"{path}: its labels cannot be read ({type(error).__name__}: {error}); convert them again",))
    if not isinstance(objects.mask, sv.CompactMask):  # there are none
        return Look()
    flat = np.flatnonzero((objects.xyxy[:, 2:] <= objects.xyxy[:, :2]).any(axis=1))
    if len(flat):
        return Look((f"{path}: object {flat[0] + 1} has no area; convert the labels again",))
    bare = (np.asarray(objects.mask.area) == 0) & ~np.asarray(objects.data["crowd"], bool)
    return Look(bare=tuple(f"object {place + 1} of {path}" for place in np.flatnonzero(bare)))


def _picture_fault(dataset: FolderDataset, number: int) -> str:
    info = dataset.image_info[number]
    try:
        with Image.open(info["path"]) as picture:
            size = picture.size
            # At an eighth of its size a JPEG decodes eight times as fast, and a missing end is noticed all the same.
            picture.draft("RGB", (size[0] // 8, size[1] // 8))
            picture.load()
    except FileNotFoundError:
        return "missing; convert the labels again"
    except (OSError, SyntaxError, ValueError) as error:
        return f"cannot be decoded ({error}); convert the labels again"
    if size != (info["width"], info["height"]):
        return f"has {size[0]}x{size[1]} pixels, its labels {info['width']}x{info['height']}; convert them again"
    return ""


def warnings(learnt: Pictures, validated: Pictures | None, negatives: bool = False) -> list[str]:
    """Return what is no fault, but will show in the result."""
    found = [f"no picture of {TRAIN} shows {name}: it cannot be learnt" for name, n in learnt.counts().items() if not n]
    if validated is None:
        found.append(
            f"there is no split {VAL!r}: nothing is validated, and the best epoch is the one of the least loss"
        )
    else:
        missing = [name for name, number in validated.counts().items() if not number]
        found += [f"no picture of {VAL} shows {name}: how well it is found stays unknown" for name in missing]
    empty = len(learnt.ids) - learnt.with_objects
    if empty and not negatives:
        found.append(f"{empty} pictures of {TRAIN} show nothing and are left out; --negatives learns from them, too")
    return found
