"""Haar cascades (Viola and Jones, 2001), as OpenCV ships them: frontal faces, and profiles to either side.

An old and weak detector, kept because it needs no weights and no runtime. CenterFace is better at everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import supervision as sv

from common.detections import make_detections
from common.detectors.centerface import OVERLAP, suppress
from common.detectors.pictures import check_pictures
from common.errors import UserError

FLOOR = 0.12
SURE = 0.5

_FRONTAL, _PROFILE = "haarcascade_frontalface_default.xml", "haarcascade_profileface.xml"
# A window's weight is how far the sum of the last stage's votes lies above that stage's threshold. On the measured
# clips faces lie at 0.3 to 7.5, half of them above 3, and the three false alarms at 1 to 2; the curve puts 2 at half.
_HALF_WEIGHT = 2.0
_WEIGHT_SPREAD = 1.5


def weight_to_score(weights: np.ndarray) -> np.ndarray:
    """Map cascade level weights (N,) to (N,) float32 in 0..1: 0.5 at a weight of 2, 0.12 at -1, 0.95 at 6.4.

    The number orders sightings and fits a threshold; it is no probability.
    """
    return (1 / (1 + np.exp(-(np.asarray(weights, float) - _HALF_WEIGHT) / _WEIGHT_SPREAD))).astype(np.float32)


def load_cascade(name: str) -> cv2.CascadeClassifier:
    """Return one of OpenCV's cascades.

    Raises:
        UserError: this OpenCV has no cascades (version 5 dropped them), or the file is broken.
    """
    folder = getattr(getattr(cv2, "data", None), "haarcascades", None)
    path = Path(folder or "") / name
    if not hasattr(cv2, "CascadeClassifier") or folder is None or not path.is_file():
        raise UserError(
            f"OpenCV {cv2.__version__} has no cascade {name}: run `pip install 'opencv-python<5'`, or use centerface"
        )
    try:
        cascade = cv2.CascadeClassifier(str(path))
    except (cv2.error, SystemError) as error:
        raise UserError(f"the cascade {path} cannot be read: reinstall opencv-python") from error
    if cascade.empty():
        raise UserError(f"the cascade {path} cannot be read: reinstall opencv-python")
    return cascade


class Haar:
    """Finds faces with three cascades at the picture's full resolution.

    Attributes:
        name: "haar".
        classes: ("face",).
        device: "CPU": there is no other.
        floor: lowest score that it returns.
        sure: score from which one sighting alone is believed.
    """

    name = "haar"
    classes = ("face",)
    device = "CPU (OpenCV)"
    sure = SURE

    def __init__(
        self,
        *,
        device: str = "auto",
        floor: float = FLOOR,
        scale_factor: float = 1.2,
        min_neighbors: int = 5,
        min_size: int = 20,
        profile: bool = True,
        nms: float = OVERLAP,
    ) -> None:
        """Load the cascades.

        Args:
            device: "auto" or "cpu".
            floor: lowest score to return; see `weight_to_score`.
            scale_factor: step from one searched size to the next, above 1.
            min_neighbors: how many windows must agree on a face.
            min_size: smallest face in pixels; below 20 the cascades cannot see.
            profile: also search for faces turned to the left and to the right.
            nms: intersection over union above which two cascades' boxes are one face.

        Raises:
            UserError: cascades missing, another device, or a number out of range.
        """
        if device not in ("auto", "cpu"):
            raise UserError(f"haar runs on the CPU only, not on {device!r}: leave --device at auto, or use centerface")
        if not 0 <= floor < 1 or not 0 < nms < 1:
            raise UserError(f"floor and nms are shares between 0 and 1, got {floor} and {nms}")
        if scale_factor <= 1 or min_neighbors < 0 or min_size < 1:
            raise UserError(
                "haar takes scale_factor above 1, min_neighbors from 0 and min_size from 1, "
                f"got {scale_factor}, {min_neighbors} and {min_size}"
            )
        self.floor = floor
        self._nms = nms
        self._scale_factor = scale_factor
        self._min_neighbors = min_neighbors
        self._min_size = (min_size, min_size)
        self._frontal = load_cascade(_FRONTAL)
        self._profile = load_cascade(_PROFILE) if profile else None

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[sv.Detections]:
        """Find faces.

        Args:
            pictures: each (H, W, 3) uint8 RGB, upright; sizes may differ.

        Returns:
            One `Detections` a picture, best score first.

        Raises:
            ValueError: a picture has another type or shape.
        """
        check_pictures(pictures)
        return [self._find(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)) for picture in pictures]

    def _find(self, gray: np.ndarray) -> sv.Detections:
        searches = [self._run(self._frontal, gray)]
        if self._profile is not None:
            boxes, scores = self._run(self._profile, np.ascontiguousarray(gray[:, ::-1]))
            boxes[:, [0, 2]] = gray.shape[1] - boxes[:, [2, 0]]
            searches += [self._run(self._profile, gray), (boxes, scores)]
        boxes = np.concatenate([found for found, _ in searches])
        scores = np.concatenate([found for _, found in searches])
        strong = scores >= self.floor
        boxes, scores = boxes[strong], scores[strong]
        kept = suppress(boxes, scores, self._nms)
        return make_detections(boxes[kept], scores[kept], np.zeros(len(kept), int))

    def _run(self, cascade: cv2.CascadeClassifier, gray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (N, 4) float32 boxes (x1, y1, x2, y2) and (N,) scores of one cascade."""
        found, _, weights = cascade.detectMultiScale3(
            gray,
            scaleFactor=self._scale_factor,
            minNeighbors=self._min_neighbors,
            minSize=self._min_size,
            outputRejectLevels=True,
        )
        boxes = np.asarray(found, np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        return boxes, weight_to_score(np.asarray(weights).reshape(-1))
