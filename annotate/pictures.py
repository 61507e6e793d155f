"""The pictures of a set: found by whatever name the labels give, opened once, measured."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from annotate.listing import files_below
from common.errors import UserError
from common.image import READ_ERRORS, SUFFIXES, read_image, register_heif
from common.perceptual_hash import perceptual_hash

# Control characters, and bytes of names that are no UTF-8: neither XML nor JSON holds them.
UNWRITABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
ORIENTATION = 0x0112  # EXIF tag
HEIF = (".heic", ".heif")
WORKERS = 4


@dataclass(frozen=True)
class PictureFacts:
    """What opening a picture tells.

    Attributes:
        path: its file.
        size: (height, width) pixels as shown, upright; (0, 0) where it could not be opened.
        stored_size: (height, width) pixels as stored, before the EXIF orientation is applied.
        orientation: EXIF orientation, 1 to 8.
        sha256: of the file.
        perceptual: 64-bit perceptual hash of the picture as shown.
        problem: why it could not be opened; "" where it could.
    """

    path: Path
    size: tuple[int, int]
    stored_size: tuple[int, int] = (0, 0)
    orientation: int = 1
    sha256: str = ""
    perceptual: int = 0
    problem: str = ""


class PictureIndex:
    """Finds the picture that belongs to labels.

    Args:
        folder: pictures, in folders below it too.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = [path for path in files_below(folder) if path.suffix.lower() in SUFFIXES]
        self._by_place = {path.relative_to(folder).as_posix().lower(): path for path in self.paths}
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        for path in self.paths:
            self._by_name[path.name.lower()].append(path)
            self._by_stem[path.stem.lower()].append(path)

    def named(self, name: str, places: Sequence[Sequence[str]] = ((),)) -> list[Path]:
        """Pictures that a label file may mean by `name`, which may hold folders of another machine.

        Args:
            name: as written there.
            places: folders below the root, as parts of a path: of several pictures, that in the first of them is meant.
        """
        plain = _plain(name)
        if "/" in plain and plain in self._by_place:
            return [self._by_place[plain]]
        last = plain.rsplit("/", 1)[-1]
        found = self._by_name.get(last, [])
        # "IMG.JPG" was often converted to "IMG.png" after labelling.
        nearest = self._nearest(found or self._by_stem.get(last.rsplit(".", 1)[0], []), places)
        return self.exact(name) or nearest if len(nearest) > 1 else nearest

    def exact(self, name: str) -> list[Path]:
        """The picture at the very place that `name` gives below the folder, case aside."""
        found = self._by_place.get(_plain(name))
        return [] if found is None else [found]

    def like(self, stem: str, places: Sequence[Sequence[str]] = ((),)) -> list[Path]:
        """Pictures with a label file's own name before the suffix."""
        return self._nearest(self._by_stem.get(stem.lower(), []), places)

    def _nearest(self, paths: list[Path], places: Sequence[Sequence[str]]) -> list[Path]:
        if len(paths) < 2:
            return paths
        for place in places:
            wanted = tuple(part.lower() for part in place)
            same = [path for path in paths if _folders(path, self.folder) == wanted]
            if same:
                return same
        return paths


def _plain(name: str) -> str:
    return (PureWindowsPath(name) if "\\" in name else PurePosixPath(name)).as_posix().lower()


def _folders(path: Path, root: Path) -> tuple[str, ...]:
    return tuple(part.lower() for part in path.relative_to(root).parent.parts)


def examine(paths: Iterable[Path], workers: int = WORKERS) -> Iterator[PictureFacts]:
    """Open pictures side by side, in order."""
    with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
        # Pillow warns from 89 megapixels on and refuses from 179 on; photographs of 108 are common.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield from pool.map(examine_one, paths)


def examine_one(path: Path) -> PictureFacts:
    """Open and decode one picture completely; what is wrong with it is a value."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return PictureFacts(path, (0, 0), problem=error.strerror or str(error))
    if UNWRITABLE.search(str(path)):
        return PictureFacts(path, (0, 0), problem="its name holds characters that label files cannot hold; rename it")
    sha256 = hashlib.sha256(data).hexdigest()
    reads_heif = register_heif()
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            orientation = int(image.getexif().get(ORIENTATION, 1) or 1)
            upright = ImageOps.exif_transpose(image)
            perceptual = perceptual_hash(upright)
            stored, shown = (image.height, image.width), (upright.height, upright.width)
    except (*READ_ERRORS, Image.DecompressionBombError) as error:
        if path.suffix.lower() in HEIF and not reads_heif:
            problem = "HEIC cannot be read here: run `pip install pillow-heif`, or convert it to JPEG"
        else:
            problem = _problem(error)
        return PictureFacts(path, (0, 0), sha256=sha256, problem=problem)
    return PictureFacts(path, shown, stored, orientation if 1 <= orientation <= 8 else 1, sha256, perceptual)


def read_pixels(path: Path) -> np.ndarray:
    """Read a picture to look at: (H, W, 3) uint8 RGB, upright.

    Also of CMYK colours and of 16 bits a channel. `read_image` refuses these, since it promises that they can be
    written back unharmed; the loader of datasets takes them.

    Raises:
        UserError: missing or no picture.
        DamagedSourceError: truncated or corrupt.
    """
    try:
        return np.ascontiguousarray(read_image(path).pixels[..., :3])
    except UserError:
        pixels = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
        if pixels is None:
            raise
    stored = Image.fromarray(pixels)
    with Image.open(path) as image:
        stored.getexif()[ORIENTATION] = image.getexif().get(ORIENTATION, 1)
    return np.ascontiguousarray(ImageOps.exif_transpose(stored))


def _problem(error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not a picture, or of a kind that is not known"
    return " ".join(str(error).split()) or "not a picture"
