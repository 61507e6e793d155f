"""A label set written in a format of others, pictures beside it; what the format cannot hold is said.

| format | boxes | outlines | masks | difficult, truncated | crowds |
|---|---|---|---|---|---|
| voc | yes | yes (RectLabel's way) | boxes only | yes | as objects |
| labelme | yes | yes | yes | as flags | as flags |
| coco | yes | yes | yes | as extra fields | yes |
| yolo | yes | the largest part | its outline | no | as objects |
"""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from annotate import segmentation
from annotate.label_set import CROWD, DIFFICULT, SEGMENTATION, TRUNCATED, LabelledImage, LabelSet, class_ids
from annotate.pictures import read_pixels
from common.errors import UserError
from common.image import read_image, write_image
from common.voc import LabelledBox, voc_xml


def write(folder: Path, labels: LabelSet, kind: str) -> None:
    """Write a set into an empty folder: images/ and, except for COCO, labels/, each with the folders of the pictures.

    Args:
        folder: exists and is empty.
        labels: the set.
        kind: key of `WRITERS`.
    """
    pictures = folder / "images"
    pictures.mkdir()
    names = dict(zip((image.path for image in labels.images), unique_names(labels, folders=True), strict=True))
    for image in labels.images:
        target = pictures / names[image.path]
        target.parent.mkdir(parents=True, exist_ok=True)
        copy(image, target)
    if kind == "coco":
        content = coco_of(labels, list(range(len(labels.images))), names)
        (folder / "labels.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        return
    (folder / "labels").mkdir()
    if kind == "yolo":
        (folder / "classes.txt").write_text("".join(f"{name}\n" for name in labels.classes), encoding="utf-8")
    suffix, text = WRITERS[kind]
    for image in labels.images:
        target = folder / "labels" / Path(names[image.path]).with_suffix(suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text(image, labels.classes, names[image.path]))


def unique_names(labels: LabelSet, *, folders: bool) -> Iterator[str]:
    """Names of the pictures; of two that differ at most in case or suffix, one gets a number.

    Args:
        labels: the set.
        folders: keep those below `labels.root`, with "/" between them; otherwise the names are of one folder.
    """
    taken: set[str] = set()
    for image in labels.images:
        place = image.path.relative_to(labels.root) if folders else Path(image.path.name)
        name, number = place.with_suffix(""), 1
        while name.as_posix().lower() in taken:
            number += 1
            name = place.with_name(f"{place.stem}-{number}")
        taken.add(name.as_posix().lower())
        yield name.as_posix() + place.suffix


def copy(image: LabelledImage, target: Path) -> None:
    """Copy a picture; one that is stored turned is written upright, since not every reader turns it."""
    if image.picture.orientation == 1:
        shutil.copyfile(image.path, target)
        return
    try:
        picture = read_image(image.path)
    except UserError:  # colours that it promises to write back, and cannot
        write_image(target, read_pixels(image.path))
    else:
        write_image(target, picture.pixels, picture)


def rows(image: LabelledImage) -> Iterator[tuple[int, np.ndarray, Any, dict[str, bool]]]:
    """(class id, box, segmentation or None, marks) of each object."""
    data = image.objects.data
    for place, class_id in enumerate(class_ids(image.objects)):
        marks = {name: bool(data[name][place]) for name in (DIFFICULT, TRUNCATED, CROWD)}
        yield class_id, image.objects.xyxy[place], data[SEGMENTATION][place], marks


def coco_of(labels: LabelSet, places: list[int], names: dict[Path, str]) -> dict[str, Any]:
    """COCO's JSON of some pictures of a set; objects without an outline have that of their box."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, place in enumerate(places, start=1):
        image = labels.images[place]
        height, width = image.size
        images.append(
            {"id": number, "file_name": names[image.path], "height": height, "width": width, "group": image.group}
        )
        for class_id, box, drawn, marks in rows(image):
            left, top, right, bottom = (float(side) for side in box)
            outline = drawn or segmentation.of_box(box)
            area, _ = segmentation.area_and_box(outline, image.size)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": class_id + 1,
                    "bbox": [left, top, right - left, bottom - top],
                    "area": area or (right - left) * (bottom - top),
                    # COCO demands run lengths of crowds.
                    "segmentation": segmentation.runs_of(outline, image.size) if marks[CROWD] else outline,
                    "iscrowd": int(marks[CROWD]),
                    DIFFICULT: marks[DIFFICULT],
                    TRUNCATED: marks[TRUNCATED],
                }
            )
    categories = [{"id": place, "name": name} for place, name in enumerate(labels.classes, start=1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _voc(image: LabelledImage, classes: tuple[str, ...], name: str) -> bytes:
    objects = [
        LabelledBox(
            name=classes[class_id],
            box=(float(box[0]), float(box[1]), float(box[2]), float(box[3])),
            difficult=marks[DIFFICULT],
            truncated=marks[TRUNCATED],
            polygons=drawn if isinstance(drawn, list) else (),
        )
        for class_id, box, drawn, marks in rows(image)
    ]
    place = Path("images", name)
    path = place.as_posix()
    return voc_xml(place.name, image.size, objects, folder=place.parent.name, path=path, exact=True)


def _labelme(image: LabelledImage, classes: tuple[str, ...], name: str) -> bytes:
    shapes = []
    for number, (class_id, box, drawn, marks) in enumerate(rows(image)):
        parts: list[tuple[str, list[list[float]], dict[str, Any]]] = []
        if isinstance(drawn, dict):
            corner, mask = _png(drawn, image.size)
            parts.append(("mask", corner, {"mask": mask}))
        for outline in drawn if isinstance(drawn, list) else ():
            parts.append(("polygon", np.reshape(outline, (-1, 2)).tolist(), {}))
        parts = parts or [("rectangle", np.reshape(box, (2, 2)).astype(float).tolist(), {})]
        shapes += [
            {
                "label": classes[class_id],
                "points": points,
                "group_id": number if len(parts) > 1 else None,
                "shape_type": shape,
                "flags": {name: value for name, value in marks.items() if value},
                **extra,
            }
            for shape, points, extra in parts
        ]
    content: dict[str, Any] = {
        "version": "5.4.1",
        "flags": {},
        "shapes": shapes,
        "imagePath": "../" * (1 + name.count("/")) + f"images/{name}",
        "imageData": None,
        "imageHeight": image.size[0],
        "imageWidth": image.size[1],
    }
    return json.dumps(content, indent=1, ensure_ascii=False).encode()


def _png(drawn: dict[str, Any], size: tuple[int, int]) -> tuple[list[list[float]], str]:
    """Corners of a mask's box, last pixel included as labelme has it, and its part of the picture as PNG in base64."""
    _, (left, top, right, bottom) = segmentation.area_and_box(drawn, size)
    x1, y1, x2, y2 = int(left), int(top), int(right), int(bottom)
    buffer = io.BytesIO()
    Image.fromarray(segmentation.mask_of(drawn, size)[y1:y2, x1:x2]).save(buffer, "PNG")
    return [[x1, y1], [x2 - 1, y2 - 1]], base64.b64encode(buffer.getvalue()).decode()


def _yolo(image: LabelledImage, classes: tuple[str, ...], name: str) -> bytes:
    lines = []
    for class_id, box, drawn, _ in rows(image):
        outlines = _traced(drawn, image.size) if isinstance(drawn, dict) else drawn
        parts = [np.reshape(outline, (-1, 2)) for outline in outlines or ()]
        if parts:
            largest = max(parts, key=lambda part: cv2.contourArea(part.astype(np.float32)))
            numbers = (largest / (image.size[1], image.size[0])).ravel()
            lines.append(" ".join([str(class_id), *(f"{number:.9f}" for number in numbers)]))
        else:
            lines.append(_yolo_box(class_id, box, image.size))
    return "".join(f"{line}\n" for line in lines).encode()


def _traced(drawn: dict[str, Any], size: tuple[int, int]) -> list[np.ndarray]:
    """Outlines (P, 2) of a mask's parts along the edges of its pixels.

    OpenCV goes from middle to middle of the outermost pixels and so loses half of each. On a mask twice as large the
    middles are a quarter of a pixel from the edges, and rounding puts them there.
    """
    _, (left, top, right, bottom) = segmentation.area_and_box(drawn, size)
    piece = segmentation.mask_of(drawn, size)[int(top) : int(bottom), int(left) : int(right)]
    twice = piece.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    found, _ = cv2.findContours(twice, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [np.round((outline[:, 0] + 0.5) / 2) + np.array([left, top]) for outline in found]


def _yolo_box(class_id: int, box: np.ndarray, size: tuple[int, int]) -> str:
    left, top, right, bottom = (float(side) for side in box)
    height, width = size
    # Nine digits: supervision's five lose a tenth of a pixel in large pictures.
    numbers = ((left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height)
    return " ".join([str(class_id), *(f"{number:.9f}" for number in numbers)])


WRITERS: dict[str, tuple[str, Callable[[LabelledImage, tuple[str, ...], str], bytes]]] = {
    "voc": (".xml", _voc),
    "labelme": (".json", _labelme),
    "yolo": (".txt", _yolo),
}
EXPORTS = (*WRITERS, "coco")
