"""What linking gets of a frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import supervision as sv


@dataclass
class Observation:
    """One frame as the first pass saw it.

    Attributes:
        index: place of the frame in what was read.
        time: seconds since the source's zero.
        detections: down to the detector's floor, boxes in display pixels of the whole frame, with `mask` where the
            detector has masks; None: not analysed on purpose.
        proxy: (h, w) uint8 gray, the whole frame at about 320 pixels on the longer side; one size for the whole clip.
        failed: why the frame could not be analysed, or None; such a frame is covered whole.
    """

    index: int
    time: float
    detections: sv.Detections | None
    proxy: np.ndarray
    failed: str | None = None
