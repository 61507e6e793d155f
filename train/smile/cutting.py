"""From pictures to face crops of one size: as they are, or found and cut out by a detector."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.detectors.detector import Detector
from common.errors import UserError
from common.face_crop import crop_face, middle_square
from common.image import read_image
from common.staging import temporary_folder
from train.smile.listing import FacePicture

Progress = Callable[[Iterable[FacePicture], int], Iterable[FacePicture]]


@dataclass(frozen=True)
class Crops:
    """Faces of one size.

    Attributes:
        pixels: (N, S, S, 3) uint8 RGB, in a file: what is not used stays out of memory.
        pictures: N, where they come from.
        faults: pictures without a crop, and why, a line each.
    """

    pixels: np.ndarray
    pictures: list[FacePicture]
    faults: list[str]

    @property
    def class_ids(self) -> np.ndarray:
        """(N,) int32."""
        return np.array([picture.class_id for picture in self.pictures], np.int32)


@contextmanager
def cut(
    pictures: Sequence[FacePicture],
    size: int,
    folder: Path,
    detector: Detector | None = None,
    margin: float = 0.0,
    progress: Progress = lambda items, number: items,
) -> Iterator[Crops]:
    """Cut the faces of pictures; the crops live until the block ends.

    Args:
        pictures: see `listing`.
        size: S.
        folder: where the crops are kept meanwhile.
        detector: finds the faces: the largest that it is sure of counts. None: each picture is a face, and its largest
            middle square is taken.
        margin: see `face_crop.crop_face`; for a detector's faces.
        progress: passes the pictures through and counts them.

    Raises:
        UserError: the folder cannot be written.
    """
    with temporary_folder(folder) as place:
        try:
            pixels = np.lib.format.open_memmap(
                place / "crops.npy", mode="w+", dtype=np.uint8, shape=(max(len(pictures), 1), size, size, 3)
            )
        except OSError as error:
            raise UserError(f"{folder}: the crops cannot be written ({error}); free some space") from error
        kept: list[FacePicture] = []
        faults: list[str] = []
        with ThreadPoolExecutor() as threads:
            made: Iterable[np.ndarray | str]
            if detector is None:
                made = threads.map(lambda picture: _whole(picture.path, size), pictures)
            else:
                # One whole photograph at a time is in memory; the detector takes longer than reading.
                made = (_found(_read(picture.path), detector, margin, size) for picture in pictures)
            for picture, crop in zip(progress(pictures, len(pictures)), made, strict=True):
                if isinstance(crop, str):
                    faults.append(f"{picture.path}: {crop}")
                else:
                    pixels[len(kept)] = crop
                    kept.append(picture)
        yield Crops(pixels[: len(kept)], kept, faults)


def _read(path: Path) -> np.ndarray | str:
    """(H, W, 3) uint8 RGB, or why not."""
    try:
        return read_image(path).pixels[..., :3]
    except UserError as error:
        return str(error).removeprefix(f"{path} ")


def _whole(path: Path, size: int) -> np.ndarray | str:
    picture = _read(path)
    return picture if isinstance(picture, str) else middle_square(picture, size)


def _found(picture: np.ndarray | str, detector: Detector, margin: float, size: int) -> np.ndarray | str:
    if isinstance(picture, str):
        return picture
    found = detector([np.ascontiguousarray(picture)])[0]
    sure = np.asarray(found.confidence) >= detector.sure
    if not np.any(sure):
        return f"{detector.name} found no face; left out"
    boxes = found.xyxy[sure]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return crop_face(picture, boxes[int(areas.argmax())].tolist(), margin, size)
