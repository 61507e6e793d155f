"""Small pictures and label files for tests of `annotate`."""

import json

import numpy as np
from PIL import Image


def picture(path, size=(60, 80), seed=0, orientation=None):
    """Write a photograph-like picture of (height, width): smooth colours that differ by seed."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 255, (6, 8, 3), np.uint8)
    image = Image.fromarray(small).resize(size[::-1], Image.Resampling.BICUBIC)
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    image.save(path, exif=exif)
    return path


def voc(path, objects, size=(60, 80), filename=None, extra=""):
    """Write VOC XML; `objects` are (name, xmin, ymin, xmax, ymax) as texts or numbers, or ready XML."""
    height, width = size or (0, 0)
    lines = [
        "<annotation>",
        f"<filename>{path.stem + '.jpg' if filename is None else filename}</filename>",
        *([extra] if extra else []),
    ]
    if size:
        lines.append(f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>")
    for each in objects:
        if isinstance(each, str):
            lines.append(each)
            continue
        name, *sides = each
        corners = "".join(
            f"<{tag}>{side}</{tag}>" for tag, side in zip(("xmin", "ymin", "xmax", "ymax"), sides, strict=True)
        )
        lines.append(f"<object><name>{name}</name><bndbox>{corners}</bndbox></object>")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, "</annotation>"]), encoding="utf-8")
    return path


def labelled(folder, objects_of, size=(60, 80)):
    """Write pictures and VOC files under folder/images and folder/labels: stem -> objects."""
    for seed, (stem, objects) in enumerate(objects_of.items()):
        picture(folder / "images" / f"{stem}.jpg", size, seed)
        voc(folder / "labels" / f"{stem}.xml", objects, size)
    return folder / "labels"


def save_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path
