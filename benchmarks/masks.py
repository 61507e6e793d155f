"""How near masks made from boxes come to the exact ones of the made set, and what they cost.

python -m benchmarks masks MADE_SET [--pictures 100] [--weights RUN_OR_FILE]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv

from annotate import segmentation
from annotate.label_set import CROWD, SEGMENTATION, LabelledImage, class_ids
from annotate.masks import grabcut, model
from annotate.reading import read_labels
from common.errors import EXIT_OK, UserError
from common.image import read_image


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks masks", description=__doc__)
    parser.add_argument("made", type=Path, metavar="MADE_SET", help="folder that `python -m data demo` made")
    parser.add_argument("--pictures", type=int, default=100, help="how many of them (default %(default)s)")
    parser.add_argument("--weights", help="also --masks model with this checkpoint")
    return parser


def made_by(way: str, pixels: np.ndarray, objects: sv.Detections, detect: Any) -> tuple[list[Any], int]:
    """Masks of boxes alone, and how many of them are the box because the way found nothing."""
    bare = np.full(len(objects), None, object)
    boxes = sv.Detections(xyxy=objects.xyxy, class_id=objects.class_id, data={SEGMENTATION: bare})
    if way == "model":
        return model.masks(pixels, boxes, detect)
    if way == "box":
        return [segmentation.of_box(box) for box in objects.xyxy], 0
    cut = [grabcut.cut(pixels, box) for box in objects.xyxy]
    drawn = [
        segmentation.of_box(box) if mask is None else segmentation.of_mask(mask)
        for box, mask in zip(objects.xyxy, cut, strict=True)
    ]
    return drawn, sum(mask is None for mask in cut)


def measure(way: str, images: Sequence[LabelledImage], names: Sequence[str], detect: Any) -> dict[str, Any]:
    """Mean overlap by class, milliseconds an object, and the share of boxes that stayed boxes."""
    overlaps: dict[str, list[float]] = defaultdict(list)
    seconds, stayed = 0.0, 0
    for image in images:
        whole = ~np.asarray(image.objects.data[CROWD], bool)
        objects: Any = image.objects[whole]
        pixels = np.ascontiguousarray(read_image(image.path).pixels[..., :3])
        start = time.perf_counter()
        made, failed = made_by(way, pixels, objects, detect)
        seconds += time.perf_counter() - start
        stayed += failed
        truth = objects.data[SEGMENTATION]
        for class_id, mine, exact in zip(class_ids(objects), made, truth, strict=True):
            overlaps[names[class_id]].append(segmentation.overlap(mine, exact, image.size))
    count = sum(map(len, overlaps.values()))
    means = {name: float(np.mean(overlaps[name])) for name in names if overlaps[name]}
    every = float(np.mean([value for values in overlaps.values() for value in values]))
    return {"means": means, "all": every, "ms": 1000 * seconds / count, "stayed": stayed / count, "objects": count}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    arguments = _parser().parse_args(argv)
    if not (arguments.made / "masks.json").is_file():
        raise UserError(f"{arguments.made}: no masks.json in it; make the set with `python -m data demo`")
    labels = read_labels(arguments.made / "masks.json", arguments.made / "images")
    images = labels.images[: arguments.pictures]
    ways, detect = ["box", "grabcut"], None
    if arguments.weights:
        from mrcnn.detector import MaskRCNNDetector

        ways, detect = [*ways, "model"], MaskRCNNDetector(arguments.weights)
    print(f"mean overlap (IoU) with the exact mask, {len(images)} pictures", file=sys.stderr)
    print("| masks | " + " | ".join(labels.classes) + " | all | stays a box | ms an object |")
    print("|---|" + "---:|" * (len(labels.classes) + 3))
    for way in ways:
        found = measure(way, images, labels.classes, detect)
        cells = [f"{found['means'].get(name, float('nan')):.3f}" for name in labels.classes]
        print(
            f"| {way} | " + " | ".join(cells) + f" | {found['all']:.3f} | {found['stayed']:.1%} | {found['ms']:.1f} |"
        )
    return EXIT_OK
