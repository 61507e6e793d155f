"""Several detectors as one: each looks at every picture, what they find comes together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv

from common.detections import make_detections
from common.detectors.detector import Detector
from common.detectors.scores import bend
from common.rle import compact_mask
from infer.tracking.crop import compacted


class Several:
    """A detector that asks others.

    Their scores are brought to the first one's scale, since linking knows one threshold: what one of them is just sure
    of gets the score from which the first is sure. Where only some have masks, an empty mask stands for none.

    Args:
        detectors: two or more; no class is found by two of them.
        at_once: pictures that all of them look at before the next ones: what they compute in common is at hand then.
            None: all that are given.

    Attributes:
        name, classes, device, floor, sure: see `common.detectors.detector.Detector`.
    """

    def __init__(self, detectors: Sequence[Detector], at_once: int | None = None) -> None:
        self._detectors = tuple(detectors)
        self._at_once = at_once
        self.name = " + ".join(each.name for each in detectors)
        self.device = ", ".join(dict.fromkeys(each.device for each in detectors))
        self.classes = tuple(name for each in detectors for name in each.classes)
        self.files: tuple[Path, ...] = tuple(file for each in detectors for file in getattr(each, "files", ()))
        self.sure = detectors[0].sure
        self.floor = min(float(bend(np.array([each.floor]), each.sure, self.sure)[0]) for each in detectors)

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[sv.Detections]:
        """Find objects; see `common.detectors.detector.Detector`."""
        step = self._at_once or max(len(pictures), 1)
        return [
            found for begin in range(0, len(pictures), step) for found in self._found(pictures[begin : begin + step])
        ]

    def _found(self, pictures: Sequence[np.ndarray]) -> list[sv.Detections]:
        answers = [detector(pictures) for detector in self._detectors]
        return [
            self._together(found, picture.shape[:2])
            for picture, found in zip(pictures, zip(*answers, strict=True), strict=True)
        ]

    def _together(self, found: Sequence[sv.Detections], size: tuple[int, int]) -> sv.Detections:
        first = 0
        scores, class_ids, seeing = [], [], []
        for detector, of_one in zip(self._detectors, found, strict=True):
            if len(of_one):
                scores.append(bend(np.asarray(of_one.confidence), detector.sure, self.sure))
                class_ids.append(np.asarray(of_one.class_id) + first)
                seeing.append(of_one)
            first += len(detector.classes)
        if not seeing:
            return make_detections(np.zeros((0, 4)), [], [])
        boxes = np.concatenate([of_one.xyxy for of_one in seeing])
        return make_detections(boxes, np.concatenate(scores), np.concatenate(class_ids), masks=_masks(seeing, size))


def _masks(found: Sequence[sv.Detections], size: tuple[int, int]) -> Any:
    if all(of_one.mask is None for of_one in found):
        return None
    nothing = [size[0] * size[1]]
    masks: list[Any] = [
        compact_mask([nothing] * len(of_one), size) if of_one.mask is None else compacted(of_one, size).mask
        for of_one in found
    ]
    return sv.CompactMask.merge(masks)
