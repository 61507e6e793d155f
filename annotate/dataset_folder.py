"""The dataset folder: pictures, one COCO file a split, and a file that explains them.

images/          pictures, upright, under the names they had
train.json ...   COCO: boxes, masks, categories
dataset.json     class names, seed, split rule, fingerprint, where it came from
faults.txt       what was wrong with the labels, if anything
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import supervision as sv

from annotate import segmentation
from annotate.faults import counts
from annotate.label_set import CROWD, DIFFICULT, SEGMENTATION, LabelSet
from annotate.writing import coco_of, copy, unique_names

VERSION = 1
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
    labels = _with_masks(contents)
    (folder / "images").mkdir()
    names = dict(zip((image.path for image in labels.images), unique_names(labels, folders=False), strict=True))
    for image in labels.images:
        copy(image, folder / "images" / names[image.path])
    summary: dict[str, Any] = {}
    digest = hashlib.sha256()
    for split_name, places in contents.splits.items():
        coco = coco_of(labels, list(places), names)
        text = json.dumps(coco, ensure_ascii=False)
        (folder / f"{split_name}.json").write_text(text, encoding="utf-8")
        summary[split_name] = _numbers(coco)
        digest.update(f"{split_name}\n{text}\n".encode())
    for image in labels.images:
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


def _with_masks(contents: Contents) -> LabelSet:
    """The set with its masks in place of missing outlines, and difficult objects as asked."""
    images = []
    for image, masks in zip(contents.labels.images, contents.masks, strict=True):
        objects = image.objects
        segmentations = np.empty(len(objects), object)
        for place, mask in enumerate(masks):
            inside = segmentation.area_and_box(mask, image.size)[0] >= segmentation.LEAST_AREA
            segmentations[place] = mask if inside else segmentation.of_box(objects.xyxy[place])
        hard, crowd = (np.asarray(objects.data[name], bool) for name in (DIFFICULT, CROWD))
        if contents.difficult == "ignore":
            crowd = crowd | hard
        data = {**objects.data, SEGMENTATION: segmentations, CROWD: crowd}
        kept = sv.Detections(xyxy=objects.xyxy, class_id=objects.class_id, data=data)
        if contents.difficult == "drop":
            kept = cast(sv.Detections, kept[~hard])
        images.append(replace(image, objects=kept))
    return replace(contents.labels, images=tuple(images))


def _numbers(coco: Mapping[str, Any]) -> dict[str, Any]:
    names = {category["id"]: category["name"] for category in coco["categories"]}
    objects = dict.fromkeys(names.values(), 0)
    for entry in coco["annotations"]:
        objects[names[entry["category_id"]]] += 1
    return {"images": len(coco["images"]), "objects": objects}
