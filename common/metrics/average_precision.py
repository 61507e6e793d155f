"""Average precision as COCO defines it, computed by pycocotools, for boxes and masks.

Legend: T overlap thresholds, K classes, A area ranges, R recall levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import supervision as sv

from common.metrics.coco_evaluation import AREAS, KINDS, OVERLAPS, CocoEvaluation

Numbers = Mapping[str, float | None]


@dataclass(frozen=True)
class PrecisionSummary:
    """Average precision and recall of a set.

    Keys, for each kind ("box", "mask"): `box_ap` (mean over overlaps 0.50 ... 0.95), `box_ap50`, `box_ap75`,
    `box_ap_small`, `box_ap_medium`, `box_ap_large`, and `box_recall50`, the share of objects that any detection
    overlaps by half, whatever its score. A number is None where the truth holds no such object.

    Attributes:
        overall: mean over the classes that the truth holds.
        by_class: class name -> its own numbers; every class has an entry.
    """

    overall: Numbers
    by_class: Mapping[str, Numbers]


def summarize(
    truth: Sequence[sv.Detections],
    predicted: Sequence[sv.Detections],
    class_names: Sequence[str],
    kinds: Sequence[str] = KINDS,
) -> PrecisionSummary:
    """Compare detections with the truth of a set of pictures.

    Args:
        truth: one a picture, as `FolderDataset.load_objects` gives them; data "crowd" and "difficult" mark what is
            neither hit nor miss.
        predicted: one a picture in the same order, with `confidence`, best a hundred a picture and class count. Give
            them with a low score floor: what is cut off cannot be found.
        class_names: background first; class ids of truth and detections are places in it.
        kinds: "box", "mask" or both; masks are needed for the latter only.

    Raises:
        ValueError: see `CocoEvaluation`.
    """
    overall: dict[str, float | None] = {}
    by_class: dict[str, dict[str, float | None]] = {name: {} for name in class_names[1:]}
    for kind in kinds:
        compared = CocoEvaluation(truth, predicted, range(1, len(class_names)), kind).run()
        overall |= numbers_of(compared)
        for place, name in enumerate(class_names[1:]):
            by_class[name] |= numbers_of(compared, place)
    return PrecisionSummary(overall, by_class)


def numbers_of(compared: CocoEvaluation, place: int | None = None) -> dict[str, float | None]:
    """Read the numbers of `PrecisionSummary` off a comparison that ran.

    Args:
        compared: of one kind.
        place: of a class in `params.catIds`; None: mean over classes.
    """
    chosen = slice(None) if place is None else slice(place, place + 1)
    precision, recall = compared.precision[:, :, chosen], compared.recall[:, chosen]
    at = {name: int(np.flatnonzero(np.isclose(OVERLAPS, overlap))[0]) for name, overlap in (("50", 0.5), ("75", 0.75))}
    numbers = {
        "ap": _mean(precision[..., 0]),
        "ap50": _mean(precision[at["50"], ..., 0]),
        "ap75": _mean(precision[at["75"], ..., 0]),
        **{f"ap_{name}": _mean(precision[..., area]) for area, name in enumerate(AREAS) if area},
        "recall50": _mean(recall[at["50"], ..., 0]),
    }
    return {f"{compared.kind}_{name}": number for name, number in numbers.items()}


def _mean(values: np.ndarray) -> float | None:
    """Mean over what is defined; COCO marks what is not by -1."""
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else None
