"""A graph of the TensorFlow Object Detection API as a detector: RGB pictures in, `supervision.Detections` out.

Such graphs bring everything with them: they resize the picture, thin out boxes, and answer with boxes in shares of the
picture (y1, x1, y2, x2), scores, classes that count from 1, and masks where they have any. Here, and nowhere else, the
boxes become pixels (x1, y1, x2, y2). The names of the classes are in a label map beside the graph, not in it.

Legend: B pictures of a batch, H, W pixels of a picture, K detections with padding, N real ones, h, w cells of a mask.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import supervision as sv

from common.detections import make_detections
from common.detectors.pictures import check_pictures
from common.errors import UserError
from mrcnn import postprocess, tf_graph, tf_masks
from mrcnn.label_map import COCO_LABELS, COCO_NUMBERS, SUFFIX, read_label_map, read_labels
from mrcnn.weight_files import WeightFile, recognise

log = logging.getLogger(__name__)

FLOOR = 0.1  # small networks see clear objects at 0.1 to 0.3 for seconds; linking decides over the whole clip
SURE = 0.5  # the API's own min_score_thresh for drawing
_RANKS = {tf_graph.BOXES: 3, tf_graph.SCORES: 2, tf_graph.CLASSES: 2, tf_graph.COUNT: 1}
_FARTHEST = 2.0  # boxes in shares of the picture hardly leave it; those in pixels do
_PROBE = (64, 64)


class GraphDetector:
    """Finds what a graph was trained for.

    Attributes:
        name: "tf-graph".
        classes: names of the label map, each once.
        device: where it runs, in words.
        floor: lowest score that it returns.
        sure: score from which one sighting alone is believed.
        weights: the file or folder.
        graph: see `tf_graph.DetectionGraph`.
    """

    name = "tf-graph"
    sure = SURE

    def __init__(
        self,
        weights: str | Path,
        *,
        classes: str | Path | Sequence[str] | None = None,
        device: str = "auto",
        floor: float = FLOOR,
        mask_threshold: float = tf_masks.THRESHOLD,
        batch: int = 1,
    ) -> None:
        """Load a graph and run it once, so that what it cannot do shows now.

        Args:
            weights: a frozen graph (.pb), a SavedModel, a folder of the API's model zoo or its archive.
            classes: a label map (.pbtxt) or names, see `label_map.read_labels`; None: see `labels_of`.
            device: "auto", "cpu", "cuda" ...
            floor: lowest score to return, above 0, below 1. The graph has a lowest score of its own.
            mask_threshold: probability from which a pixel belongs to an object, above 0, below 1; lower gives larger
                masks.
            batch: pictures of one size that go through the graph together, where it takes more than one.

        Raises:
            UserError: no such graph, it does not run, its classes are not known, device not available, or a number out
                of range.
        """
        for what, value in (("the floor is a score", floor), ("mask_threshold is a probability", mask_threshold)):
            if not 0 < value < 1:
                raise UserError(f"{what} between 0 and 1, got {value}")
        if batch < 1:
            raise UserError(f"batch is a number of pictures, 1 or more, got {batch}")
        file = recognise(weights)
        if not file.is_graph:
            raise UserError(f"{weights}: a {file.kind}, no graph; give a .pb file or a SavedModel folder")
        self.weights, self.floor, self._mask_threshold = file.path, floor, mask_threshold
        labels, note = labels_of(file, classes)
        if note:
            log.warning("%s: %s", file.path, note)
        self.classes = _names(labels)
        self._places = {number: self.classes.index(name) for number, name in labels.items()}
        self._unnamed: set[int] = set()
        if classes is not None and max(labels, default=0) < COCO_NUMBERS and tf_graph.names_coco(file):
            raise UserError(
                f"{file.path}: knows {COCO_NUMBERS} classes, and names for numbers up to {max(labels, default=0)} were "
                "given; leave --labels away to take COCO's names, or give the label map that it was trained with"
            )
        self.graph = tf_graph.open_graph(file, device)
        self.device = self.graph.device
        self._batch = self.graph.input.batch or (1 if self.graph.input.dtype == "string" else batch)
        self._probe()

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[sv.Detections]:
        """Find objects.

        Args:
            pictures: each (H, W, 3) uint8 RGB, upright; sizes may differ.

        Returns:
            One `Detections` a picture, best score first: boxes in pixels; compact masks where the graph has masks.

        Raises:
            ValueError: a picture has another type or shape, or the graph's answer makes no sense.
        """
        check_pictures(pictures)
        fed = [self._fitted(picture) for picture in pictures]
        found: dict[int, sv.Detections] = {}
        for places in _alike(fed, self._batch):
            stack = np.stack([fed[place] for place in places])
            missing = (self.graph.input.batch or 0) - len(places)
            if missing > 0:  # a graph of a fixed batch gets the last picture again
                stack = np.concatenate([stack, np.repeat(stack[-1:], missing, axis=0)])
            answer = {name: _with_batch(name, array) for name, array in self.graph(stack).items()}
            for row, place in enumerate(places):
                of_one = {name: array[row] for name, array in answer.items()}
                found[place] = self._in_picture(of_one, pictures[place].shape[:2], fed[place].shape[:2])
        return [found[place] for place in range(len(pictures))]

    def _probe(self) -> None:
        """Run the graph on a grey picture."""
        try:
            self([np.full((*_PROBE, 3), 127, np.uint8)])
        except Exception as error:  # TensorFlow raises what the graph's operations come to
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"{self.weights}: the graph does not run here: {reason}; expected a model exported by the TensorFlow "
                "Object Detection API"
            ) from error

    def _fitted(self, picture: np.ndarray) -> np.ndarray:
        size = self.graph.input.size
        if size is None or picture.shape[:2] == size:
            return picture
        shrinks = picture.shape[0] * picture.shape[1] > size[0] * size[1]
        way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        fitted: np.ndarray = cv2.resize(picture, (size[1], size[0]), interpolation=way)
        return fitted

    def _in_picture(
        self, answer: Mapping[str, np.ndarray], size: tuple[int, ...], fed_size: tuple[int, ...]
    ) -> sv.Detections:
        """Bring the answer for one picture, without the batch's axis, to its pixels."""
        boxes, scores = answer[tf_graph.BOXES].astype(float), answer[tf_graph.SCORES].astype(float)
        count = int(answer[tf_graph.COUNT]) if tf_graph.COUNT in answer else len(scores)
        if not all(np.isfinite(each[:count]).all() for each in (boxes, scores, answer[tf_graph.CLASSES])):
            raise ValueError("the graph gave boxes, scores or classes that are no numbers")
        numbers = np.rint(np.nan_to_num(answer[tf_graph.CLASSES])).astype(int)
        if np.abs(boxes[:count]).max(initial=0) > _FARTHEST:
            raise ValueError("the graph gives boxes in pixels; expected shares of the picture, 0 to 1")
        boxes = np.clip(boxes, 0, 1)
        kept = (np.arange(len(scores)) < count) & (scores >= self.floor)
        kept &= (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        places = np.array([place for place in np.flatnonzero(kept) if self._named(int(numbers[place]))], int)
        places = places[np.argsort(-scores[places], kind="stable")]
        height, width = size[:2]
        class_ids = [self._places[number] for number in numbers[places].tolist()]
        return make_detections(
            boxes[places][:, [1, 0, 3, 2]] * (width, height, width, height),
            np.minimum(scores[places], 1),
            class_ids,
            masks=self._masks(answer, places, boxes[places], (height, width), fed_size) if len(places) else None,
        )

    def _masks(
        self,
        answer: Mapping[str, np.ndarray],
        places: np.ndarray,
        boxes: np.ndarray,
        size: tuple[int, int],
        fed_size: tuple[int, ...],
    ) -> sv.CompactMask | None:
        """Masks of the objects at (N,) places with (N, 4) boxes, or None."""
        given = answer.get(tf_graph.MASKS, answer.get(tf_graph.FRAME_MASKS))
        if given is None:
            return None
        numbers = np.rint(answer[tf_graph.CLASSES][places]).astype(int)
        masks = tf_masks.own_masks(given[places], numbers)
        if not np.isfinite(masks).all():
            raise ValueError("the graph gave masks that are no numbers")
        if tf_graph.MASKS not in answer or masks.shape[1:] == tuple(fed_size):
            parts = tf_masks.of_pictures(masks, size, self._mask_threshold)
        else:
            parts = tf_masks.in_boxes(masks, boxes, size, self._mask_threshold)
        return postprocess.compacted(parts, size)

    def _named(self, number: int) -> bool:
        if number in self._places:
            return True
        if number not in self._unnamed:
            self._unnamed.add(number)
            log.warning("%s finds class %d, which its label map does not name: passed over", self.weights, number)
        return False


def class_names_of(weights: str | Path, classes: str | Path | Sequence[str] | None = None) -> tuple[str, ...]:
    """Return what a graph finds, without running it; see `GraphDetector`."""
    return _names(labels_of(recognise(weights), classes)[0])


def labels_of(file: WeightFile, classes: str | Path | Sequence[str] | None = None) -> tuple[dict[int, str], str | None]:
    """Return which number of a graph is which class, and in words what was assumed.

    Args:
        file: the graph.
        classes: as for `GraphDetector`. None: the label map that lies beside the graph; without one, COCO's names for a
            graph of ninety classes.

    Raises:
        UserError: the names cannot be read, or nobody knows them.
    """
    if classes is not None:
        return read_labels(classes), None
    maps = sorted({path for folder in file.folders for path in folder.glob(f"*label*{SUFFIX}")})
    if len(maps) == 1:
        return read_label_map(maps[0]), f"no class names were given; those of {maps[0].name} beside it are taken"
    if not maps and tf_graph.names_coco(file):
        return dict(COCO_LABELS), f"no class names were given; COCO's are taken, as it knows {COCO_NUMBERS} classes"
    found = f"several lie beside it: {', '.join(path.name for path in maps)}" if maps else "none lies beside it"
    raise UserError(
        f"{file.path}: a graph numbers its classes and does not name them; give the label map that it was trained "
        f"with, --labels label_map.pbtxt, or its names in order, --labels dog,cat ({found})"
    )


def _names(labels: Mapping[int, str]) -> tuple[str, ...]:
    """The names, each once, in the order of their numbers."""
    return tuple(dict.fromkeys(labels.values()))


def _with_batch(name: str, array: np.ndarray) -> np.ndarray:
    """Give an output of one picture the batch's axis that some exports drop."""
    rank = _RANKS.get(name, 4)
    return np.asarray(array)[None] if np.ndim(array) == rank - 1 else np.asarray(array)


def _alike(pictures: Sequence[np.ndarray], most: int) -> list[list[int]]:
    """Put pictures of one size together, at most so many."""
    by_size: dict[tuple[Any, ...], list[int]] = {}
    for place, picture in enumerate(pictures):
        by_size.setdefault(picture.shape, []).append(place)
    return [places[start : start + most] for places in by_size.values() for start in range(0, len(places), most)]
