"""YOLO's text: one file a picture, one line an object, numbers as shares of the picture's width and height.

A line is read by supervision, one at a time, so that a faulty one does not take the others with it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from supervision.dataset.formats.yolo import yolo_annotations_to_detections

from annotate.faults import Fault
from annotate.formats.raw import RawLabels, RawObject, unreadable
from common.errors import UserError

SUFFIX = ".txt"
CLASS_FILES = ("data.yaml", "dataset.yaml", "data.yml", "classes.txt", "obj.names")
LINE = re.compile(r"\s*\d+(\s+[-+.\deE]+){4,}\s*")
BOX = 5  # a class, the middle, width and height
POLYGON_LEAST = 7  # a class and three corners


def is_yolo(path: Path) -> bool:
    """Whether the first line that is not empty reads like one of YOLO's; an empty file does."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = next((line for line in file if line.strip()), "")
    except (OSError, UnicodeDecodeError):
        return False
    return not first or LINE.fullmatch(first) is not None


def read_classes(path: Path) -> list[str]:
    """Read class names in their order: from data.yaml (`names:` as list or mapping) or a text file, one a line.

    Raises:
        UserError: no names in it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: class names cannot be read ({error}); give a text file, one name a line") from error
    if path.suffix.lower() not in (".yaml", ".yml"):
        # An empty line in between has its number too.
        return [line.strip() for line in text.rstrip().splitlines()]
    import yaml  # comes with supervision

    try:
        names = (yaml.safe_load(text) or {}).get("names")
    except (yaml.YAMLError, AttributeError) as error:
        raise UserError(f"{path}: not YAML with `names:` ({' '.join(str(error).split())})") from error
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        raise UserError(f"{path}: `names:` must list the class names, or map 0, 1, 2 ... to them")
    return [str(name).strip() for name in names]


def has_keypoints(path: Path) -> bool:
    """Whether data.yaml says that what follows a box is the points of a pose and no outline."""
    if path.suffix.lower() not in (".yaml", ".yml"):
        return False
    import yaml

    return "kpt_shape" in yaml.safe_load(path.read_text(encoding="utf-8-sig"))


def find_classes(folder: Path) -> Path | None:
    """The file with class names that belongs to a folder of labels: in it or in one of the two folders above."""
    for place in (folder, folder.parent, folder.parent.parent):
        for name in CLASS_FILES:
            if (place / name).is_file():
                return place / name
    return None


def read(path: Path, classes: Sequence[str], keypoints: bool = False) -> RawLabels:
    """Read one file; an empty one says that the picture shows nothing.

    Args:
        path: the .txt file; its picture has the same name before the suffix.
        classes: names in the order of their numbers.
        keypoints: the points of a pose follow each box; they are passed over.

    Returns:
        What it says; faults are values, nothing is raised for them.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return unreadable(path, 0, str(error))
    objects, faults = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if keypoints:
            line = " ".join(line.split()[:BOX])
        try:
            found = yolo_annotations_to_detections([line], (1, 1), with_masks=False)
        except ValueError as error:
            faults.append(Fault(path, number, "bad-number", " ".join(str(error).split())))
            continue
        place = -1 if found.class_id is None else int(found.class_id[0])
        if not 0 <= place < len(classes):
            reason = f"class number {place}, but there are {len(classes)} names ({', '.join(classes[:5])} ...)"
            faults.append(Fault(path, number, "no-class", reason))
            continue
        if not classes[place]:
            faults.append(Fault(path, number, "no-class", f"the name of class number {place} is empty"))
            continue
        left, top, right, bottom = (float(side) for side in found.xyxy[0])
        polygons = _polygon(line)
        objects.append(RawObject(classes[place], (left, top, right, bottom), polygons, relative=True, line=number))
    return RawLabels(path, path.stem, None, tuple(objects), tuple(faults))


def _polygon(line: str) -> tuple[np.ndarray, ...]:
    values = line.split()
    if len(values) < POLYGON_LEAST:
        return ()
    numbers = [float(value) for value in values[1:]]
    return (np.array(numbers[: len(numbers) // 2 * 2], np.float64).reshape(-1, 2),)
