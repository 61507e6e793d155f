"""A detector that speaks of the wanted classes only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import supervision as sv

from common.detectors.detector import Detector
from common.detectors.scores import bend
from common.errors import UserError
from infer.checked import checked


class Wanted:
    """`detector`, less the classes that are not to be hidden; `class_id` is the place in `classes`.

    Args:
        detector: finds more classes, or the same.
        classes: names of the wanted ones.
        scores: class name -> score from which it is believed, of those that have one of their own. Scores of these are
            bent so that this one comes to lie at `sure`: one number holds for all classes then.

    Raises:
        UserError: the detector does not know one of the classes.
    """

    def __init__(self, detector: Detector, classes: Sequence[str], scores: Mapping[str, float] | None = None):
        unknown = [name for name in classes if name not in detector.classes]
        if unknown:
            raise UserError(
                f"{detector.name} does not find {', '.join(unknown)}; it finds {', '.join(detector.classes)}"
            )
        self._detector = detector
        self._place = np.array([classes.index(name) if name in classes else -1 for name in detector.classes])
        self.name, self.device = detector.name, detector.device
        self.files: tuple[Path, ...] = getattr(detector, "files", ())  # of its model, for the report
        self.classes = tuple(classes)
        self.sure = detector.sure
        scores = scores or {}
        self._believed_at = np.array([scores.get(name, detector.sure) for name in classes])
        floors = bend(np.full(len(self.classes), detector.floor), self._believed_at, self.sure)
        self.floor = float(floors.min()) if scores else detector.floor
        self._bends = any(name in scores for name in classes)

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
        if self._bends and len(kept):
            scores, own = np.asarray(kept.confidence), self._believed_at[kept.class_id]
            kept.confidence = bend(scores, own, self.sure).astype(np.float32)
        return kept
