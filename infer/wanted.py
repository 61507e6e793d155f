"""A detector that speaks of the wanted classes only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import supervision as sv

from common.detectors.detector import Detector
from common.errors import UserError
from infer.checked import checked


class Wanted:
    """`detector`, less the classes that are not to be hidden; `class_id` is the place in `classes`.

    Args:
        detector: finds more classes, or the same.
        classes: names of the wanted ones.

    Raises:
        UserError: the detector does not know one of the classes.
    """

    def __init__(self, detector: Detector, classes: Sequence[str]):
        unknown = [name for name in classes if name not in detector.classes]
        if unknown:
            raise UserError(
                f"{detector.name} does not find {', '.join(unknown)}; it finds {', '.join(detector.classes)}"
            )
        self._detector = detector
        self._place = np.array([classes.index(name) if name in classes else -1 for name in detector.classes])
        self.name, self.device = detector.name, detector.device
        self.floor, self.sure = detector.floor, detector.sure
        self.classes = tuple(classes)

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[sv.Detections]:
        """Find the wanted objects; see `common.detectors.detector.Detector`."""
        known = len(self._detector.classes)
        return [
            self._reduced(checked(found, known, picture.shape[:2]))
            for picture, found in zip(pictures, self._detector(pictures), strict=True)
        ]

    def _reduced(self, found: sv.Detections) -> sv.Detections:
        if not len(found):
            return found
        places = self._place[np.asarray(found.class_id)]
        kept: sv.Detections = found[places >= 0]  # type: ignore[assignment]
        kept.class_id = places[places >= 0]
        return kept
