"""A checkpoint as a detector: RGB pictures in, `supervision.Detections` with compact masks out.

Here, and nowhere else, the network's normalised (y1, x1, y2, x2) meet the toolkit's pixels (x1, y1, x2, y2).

Legend: B pictures of a batch, H, W pixels of a picture, h, w of a molded one, K detections with padding, N real ones,
M side of the network's masks, C classes with background.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv

from common.detections import make_detections
from common.detectors.pictures import check_pictures
from common.detectors.scores import bend
from common.errors import UserError
from mrcnn import checkpoint, postprocess, preprocess
from mrcnn.anchors import normalized_anchors
from mrcnn.choice import Choice, choose
from mrcnn.config import Config
from mrcnn.download import known_weights
from mrcnn.engines import RUNTIMES, open_engine
from mrcnn.molding import Molded, Molding

# Weak sightings are wanted, since linking decides over the whole clip; below this the network sees things everywhere.
FLOOR = 0.3
SURE = 0.7  # the original's DETECTION_MIN_CONFIDENCE, for a checkpoint whose own is no help
RESIZE_MODES = ("auto", "square", "pad64")
COCO_WEIGHTS = "coco"


class MaskRCNNDetector:
    """Finds what a checkpoint was trained for, with masks.

    Attributes:
        name: "mask-rcnn".
        classes: the checkpoint's, without background.
        device: where it runs, in words.
        floor: lowest score that it returns.
        sure: score from which one sighting alone is believed: the checkpoint's DETECTION_MIN_CONFIDENCE.
        weights: the checkpoint.
        config: the checkpoint's settings, with those in force.
        engine: what computes, see `engines.Engine`.
        files: what was loaded: the checkpoint, or its export.
        batch: pictures that go through it together.
        anchor_numbers: scales, ratios, strides and anchor stride.
    """

    name = "mask-rcnn"

    def __init__(  # noqa: PLR0913  (each is an option on the command line)
        self,
        weights: str | Path = COCO_WEIGHTS,
        *,
        classes: str | Path | Sequence[str] | None = None,
        device: str = "auto",
        floor: float = FLOOR,
        nms: float | None = None,
        mask_threshold: float = postprocess.THRESHOLD,
        input_size: int | None = None,
        resize: str = "auto",
        runtime: str = "auto",
        batch: int = 1,
        thresholds: Mapping[str, float] | None = None,
    ) -> None:
        """Open a checkpoint.

        Args:
            weights: an .h5 file or a run folder, see `choice.choose`; "coco": the weights trained on COCO, fetched on
                first use.
            classes: class names for a file that carries none, see `class_names.given_names`.
            device: "auto", "cpu", "cuda" ...
            floor: lowest score to return, above 0, below 1.
            nms: intersection over union above which two boxes of a class are one object; None: as trained.
            mask_threshold: probability from which a pixel belongs to an object, above 0, below 1; lower gives larger
                masks. Masks never reach beyond their boxes.
            input_size: longer side in pixels at which pictures are analysed; None: as trained.
            resize: see `Molding.of`.
            runtime: "keras", "onnx" (ONNX Runtime, on an exported file: the one given, or the one of the same name
                beside the checkpoint), or "auto", see `engines.exported_file`.
            batch: pictures that go through the network together. On a CPU more than one gains nothing.
            thresholds: class name -> score that counts as `sure` for it. Scores of that class are bent so that this
                one comes to lie at `sure`: one number holds for all classes then. None: those of the run's choice.json.

        Raises:
            UserError: no such checkpoint, or it cannot be used; device not available; a number out of range.
        """
        _check(floor, nms, mask_threshold, input_size, batch, resize, runtime)
        chosen = _chosen(weights)
        info = checkpoint.read(chosen.checkpoint, classes)
        own = chosen.thresholds if thresholds is None else thresholds
        # What a class is believed from must come through, however low it lies.
        self._lowest = min([floor, *own.values()])
        settings: dict[str, Any] = {"DETECTION_MIN_CONFIDENCE": self._lowest}
        if nms is not None:
            settings["DETECTION_NMS_THRESHOLD"] = nms
        self.weights, self.sure = info.path, sure_score(info.config, floor)
        self._sure = self.sure
        self.classes = info.class_names[1:]
        self.molding = Molding.of(info.config, input_size, resize)
        self._told = info
        info = info.changed(**settings)
        self.config = info.config
        opened = open_engine(info, runtime, device)
        self.engine, self.device, self._scope = opened.engine, opened.words, opened.scope
        self._load = opened.load
        self.files = () if opened.path is None else (opened.path,)
        self._mask_threshold, self.batch = mask_threshold, batch
        self.anchor_numbers = _anchor_numbers(info.config)
        self._believed_at = _believed_at(self.classes, own, self.sure)
        # Scores are handed out bent; so is the least of them.
        self.floor = min(
            floor, float(bend(np.full(len(self.classes), self._lowest), self._believed_at, self.sure).min())
        )

    def reload(self, weights: Path, classes: str | Path | Sequence[str] | None = None) -> bool:
        """Take the weights of another checkpoint of the same network, in a fraction of the time; thresholds stay.

        Args:
            weights: the checkpoint.
            classes: as in `__init__`.

        Returns:
            False where it is another network, or what computes cannot take weights; nothing has changed then.

        Raises:
            UserError: as `__init__`.
        """
        info = checkpoint.read(weights, classes)
        same = info.class_names == self._told.class_names and info.config.to_json() == self._told.config.to_json()
        if self._load is None or not same:
            return False
        self._load(info.path)
        self.weights, self.files, self._told = info.path, (info.path,), info
        return True

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[sv.Detections]:
        """Find objects.

        Args:
            pictures: each (H, W, 3) uint8 RGB, upright; sizes may differ.

        Returns:
            One `Detections` a picture, best score first: boxes in pixels, compact masks.

        Raises:
            ValueError: a picture has another type or shape.
        """
        check_pictures(pictures)
        molded = [self.molding(picture) for picture in pictures]
        found: dict[int, sv.Detections] = {}
        for places in _alike(molded, self.batch):
            rows = [molded[place] for place in places]
            detections, masks = self._run(rows)
            for place, row, of_one, drawn in zip(places, rows, detections, masks, strict=True):
                found[place] = self._in_picture(row, of_one, drawn)
        return [found[place] for place in range(len(pictures))]

    def _run(self, rows: Sequence[Molded]) -> tuple[np.ndarray, np.ndarray]:
        pixels, metas = np.stack([row.pixels for row in rows]), np.stack([row.meta for row in rows])
        laid = normalized_anchors((pixels.shape[1], pixels.shape[2]), *self.anchor_numbers)
        with self._scope():
            return self.engine(pixels, metas, np.broadcast_to(laid, (len(rows), *laid.shape)))

    def _in_picture(self, row: Molded, detections: np.ndarray, masks: np.ndarray) -> sv.Detections:
        """Bring (K, 6) detections and (N, M, M) masks of one picture back to it."""
        molded_size = (row.pixels.shape[0], row.pixels.shape[1])
        boxes, places = postprocess.boxes_in_picture(detections, row.window, molded_size, row.size)
        believed = detections[places, 5] >= self._lowest
        boxes, places = boxes[believed], places[believed]
        class_ids = detections[places, 4].astype(int) - 1
        return make_detections(
            boxes[:, [1, 0, 3, 2]],
            bend(detections[places, 5], self._believed_at[class_ids], self._sure),
            class_ids,
            masks=postprocess.compact_masks(masks[places], boxes, row.size, self.molding.border, self._mask_threshold)
            if len(places)
            else None,
        )


def class_names_of(weights: str | Path, classes: str | Path | Sequence[str] | None = None) -> tuple[str, ...]:
    """Return what a checkpoint finds, without its background and without opening it; see `MaskRCNNDetector`."""
    return checkpoint.read(choose(weights).checkpoint, classes).class_names[1:]


def _chosen(weights: str | Path) -> Choice:
    if str(weights) != COCO_WEIGHTS or Path(weights).exists():
        return choose(weights)
    try:
        return choose(known_weights("coco"))
    except UserError as error:
        raise UserError(f"{error}, or run `python -m data weights coco` where there is a network") from error


def _check(
    floor: float,
    nms: float | None,
    mask_threshold: float,
    input_size: int | None,
    batch: int,
    resize: str,
    runtime: str,
) -> None:
    for name, value in (("the floor is a score", floor), ("mask_threshold is a probability", mask_threshold)):
        if not 0 < value < 1:
            raise UserError(f"{name} between 0 and 1, got {value}")
    if nms is not None and not 0 < nms <= 1:
        raise UserError(f"nms is an overlap between 0 and 1, got {nms}")
    if input_size is not None and input_size < preprocess.MULTIPLE:
        raise UserError(f"input_size is the longer side in pixels, {preprocess.MULTIPLE} or more, got {input_size}")
    if batch < 1:
        raise UserError(f"batch is a number of pictures, 1 or more, got {batch}")
    for name, word, known in (("resize", resize, RESIZE_MODES), ("runtime", runtime, RUNTIMES)):
        if word not in known:
            raise UserError(f"unknown {name} {word!r}: choose one of {', '.join(known)}")


def sure_score(config: Config, floor: float = FLOOR) -> float:
    """Return the score that the checkpoint's maker believes from; evaluation settings of 0 tell nothing."""
    own = float(config.DETECTION_MIN_CONFIDENCE)
    return own if floor < own < 1 else max(SURE, floor)


def _anchor_numbers(config: Config) -> tuple[tuple[float, ...], tuple[float, ...], tuple[int, ...], int]:
    """Scales, ratios, strides and anchor stride, as `normalized_anchors` takes them."""
    return (
        tuple(float(scale) for scale in config.RPN_ANCHOR_SCALES),
        tuple(float(ratio) for ratio in config.RPN_ANCHOR_RATIOS),
        tuple(int(stride) for stride in config.BACKBONE_STRIDES),
        int(config.RPN_ANCHOR_STRIDE),
    )


def _believed_at(classes: Sequence[str], thresholds: Mapping[str, float], sure: float) -> np.ndarray:
    """Return for each class the score from which it is believed."""
    unknown = [name for name in thresholds if name not in classes]
    if unknown:
        raise UserError(f"a threshold is given for {', '.join(unknown)}; the model finds {', '.join(classes)}")
    return np.array([thresholds.get(name, sure) for name in classes])


def _alike(molded: Sequence[Molded], most: int) -> list[list[int]]:
    """Put pictures of one molded size together, at most so many."""
    by_size: dict[tuple[int, ...], list[int]] = {}
    for place, row in enumerate(molded):
        by_size.setdefault(row.pixels.shape, []).append(place)
    return [places[start : start + most] for places in by_size.values() for start in range(0, len(places), most)]
