"""The dataset folder: pictures, one COCO file a split, and a file that explains them.

images/          pictures, upright, under the names they had
train.json ...   COCO: boxes, masks, categories
dataset.json     class names, seed, split rule, fingerprint, where it came from
faults.txt       what was wrong with the labels, if anything
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotate import segmentation
from annotate.faults import counts
from annotate.label_set import CROWD, DIFFICULT, TRUNCATED, LabelledImage, LabelSet, class_ids
from common.image import read_image, write_image

VERSION = 1
LEAST_AREA = 1.0  # pixels; a mask that is smaller was outside of its picture
DIFFICULT_WAYS = ("keep", "ignore", "drop")


@dataclass
class Contents:
    """What goes into a dataset folder.

    Attributes:
        labels: the set.
        masks: for each of its pictures the segmentations of its objects.
        splits: name to places in `labels.images`.
        how: settings that made it, for dataset.json.
        difficult: objects marked as difficult are kept, kept as crowds (neither a hit nor a miss), or dropped.
    """

    labels: LabelSet
    masks: Sequence[Sequence[Any]]
    splits: Mapping[str, Sequence[int]]
    how: Mapping[str, Any] = field(default_factory=dict)
    difficult: str = "keep"


def write(folder: Path, contents: Contents) -> dict[str, Any]:
    """Write a dataset into an empty folder.

    Args:
        folder: exists and is empty; the caller gives it its final name.
        contents: what to write.

    Returns:
        What dataset.json holds.
    """
    (folder / "images").mkdir()
    names = dict(zip((image.path for image in contents.labels.images), _names(contents.labels), strict=True))
    for image in contents.labels.images:
        target = folder / "images" / names[image.path]
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(image, target)
    summary: dict[str, Any] = {}
    digest = hashlib.sha256()
    for split_name, places in contents.splits.items():
        coco = _coco(contents, places, names)
        text = json.dumps(coco, ensure_ascii=False)
        (folder / f"{split_name}.json").write_text(text, encoding="utf-8")
        summary[split_name] = _numbers(coco)
        digest.update(f"{split_name}\n{text}\n".encode())
    for image in contents.labels.images:
        digest.update(f"{names[image.path]} {image.picture.sha256}\n".encode())
    about = {
        "version": VERSION,
        "class_names": list(contents.labels.classes),
        "splits": summary,
        **contents.how,
        "source": {"labels": str(contents.labels.source), "format": contents.labels.kind},
        "faults": counts(contents.labels.faults),
        "fingerprint": digest.hexdigest(),
    }
    (folder / "dataset.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if contents.labels.faults:
        lines = "".join(f"{fault}\n" for fault in contents.labels.faults)
        (folder / "faults.txt").write_text(lines, encoding="utf-8")
    return about


def _names(labels: LabelSet) -> Iterator[str]:
    """Names below images/: those the pictures had, with their folder where two have the same."""
    taken: set[str] = set()
    for image in labels.images:
        name = image.path.name
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{image.path.stem}-{number}{image.path.suffix}"
        taken.add(name.lower())
        yield name


def _copy(image: LabelledImage, target: Path) -> None:
    """Copy a picture; one that is stored turned is written upright, since not every reader turns it."""
    if image.picture.orientation == 1:
        shutil.copyfile(image.path, target)
        return
    picture = read_image(image.path)
    write_image(target, picture.pixels, picture)


def _coco(contents: Contents, places: Sequence[int], names: Mapping[Path, str]) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, place in enumerate(places, start=1):
        image = contents.labels.images[place]
        height, width = image.size
        images.append(
            {"id": number, "file_name": names[image.path], "height": height, "width": width, "group": image.group}
        )
        for entry in _annotations(image, contents.masks[place], contents.difficult):
            annotations.append({"id": len(annotations) + 1, "image_id": number, **entry})
    categories = [{"id": place, "name": name} for place, name in enumerate(contents.labels.classes, start=1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _annotations(image: LabelledImage, masks: Sequence[Any], difficult: str) -> Iterator[dict[str, Any]]:
    data = image.objects.data
    for place, (class_id, mask) in enumerate(zip(class_ids(image.objects), masks, strict=True)):
        hard = bool(data[DIFFICULT][place])
        if hard and difficult == "drop":
            continue
        # The box is the labeller's; the mask lies inside it, or is the outline that the labeller drew.
        left, top, right, bottom = (float(side) for side in image.objects.xyxy[place])
        area, _ = segmentation.area_and_box(mask, image.size)
        if area < LEAST_AREA:
            mask, area = segmentation.of_box(image.objects.xyxy[place]), (right - left) * (bottom - top)
        crowd = bool(data[CROWD][place]) or (hard and difficult == "ignore")
        yield {
            "category_id": class_id + 1,
            "bbox": [left, top, right - left, bottom - top],
            "area": area,
            # COCO demands run lengths of crowds.
            "segmentation": segmentation.runs_of(mask, image.size) if crowd else mask,
            "iscrowd": int(crowd),
            "difficult": hard,
            "truncated": bool(data[TRUNCATED][place]),
        }


def _numbers(coco: Mapping[str, Any]) -> dict[str, Any]:
    names = {category["id"]: category["name"] for category in coco["categories"]}
    objects = dict.fromkeys(names.values(), 0)
    for entry in coco["annotations"]:
        objects[names[entry["category_id"]]] += 1
    return {"images": len(coco["images"]), "objects": objects}
