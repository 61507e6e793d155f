"""What every detector is: a callable from RGB pictures to objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import supervision as sv


class Detector(Protocol):
    """A callable from a batch of RGB pictures to `supervision.Detections`, one a picture.

    Attributes:
        name: as given to `--detector`.
        classes: class names; `class_id` in the detections is the place in this tuple.
        device: where it runs, in words for one line on stderr.
        floor: lowest score that it returns. Weak sightings are kept on purpose: linking over the clip decides.
        sure: score from which one sighting alone is believed.
    """

    name: str
    classes: tuple[str, ...]
    device: str
    floor: float
    sure: float

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[sv.Detections]:
        """Find objects.

        Args:
            pictures: each (H, W, 3) uint8 RGB, upright; sizes may differ.

        Returns:
            One `Detections` a picture: xyxy float32 pixels, confidence, class_id; mask where the detector has masks.
        """
        ...
