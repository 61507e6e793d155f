"""How well a model in training finds things on pictures that it does not learn from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import supervision as sv

from common.metrics.average_precision import summarize
from mrcnn.detector import MaskRCNNDetector
from mrcnn.weights import weighted_layers
from train.pictures import Pictures
from train.run_folder import RunFolder

FLOOR = 0.05  # scores below it hardly move an average precision and cost time


class Validation:
    """Finds things with the weights of a model in training and compares them with the truth.

    Args:
        pictures: to look at.
    """

    def __init__(self, pictures: Pictures) -> None:
        self.pictures = pictures
        self._detector: MaskRCNNDetector | None = None
        self._truth: list[sv.Detections] = []

    def __call__(self, model: keras.Model, run: RunFolder, epoch: int) -> dict[str, float | None]:
        """Return val_box_ap50, val_mask_ap50, val_recall50 and their averages over overlaps.

        Args:
            model: in training.
            run: holds the epoch's checkpoint, which tells how to build the network for detection.
            epoch: counted from 1.
        """
        with _one_device():
            detector = self._with_weights_of(model, run, epoch)
            found = [self._sighted(detector, int(number)) for number in self.pictures.ids]
        if not self._truth:
            self._truth = [self.pictures.dataset.load_objects(int(number)) for number in self.pictures.ids]
        numbers = summarize(self._truth, found, self.pictures.dataset.class_names).overall
        return {
            "val_box_ap50": numbers["box_ap50"],
            "val_mask_ap50": numbers["mask_ap50"],
            "val_box_ap": numbers["box_ap"],
            "val_mask_ap": numbers["mask_ap"],
            "val_recall50": numbers["mask_recall50"],
        }

    def _sighted(self, detector: MaskRCNNDetector, number: int) -> sv.Detections:
        found = detector([self.pictures.dataset.load_image(number)])[0]
        found.class_id = np.asarray(found.class_id, int) + 1
        return found

    def _with_weights_of(self, model: keras.Model, run: RunFolder, epoch: int) -> MaskRCNNDetector:
        """Open the detector once; later its network takes over the weights, so that nothing is compiled again."""
        if self._detector is None:
            self._detector = MaskRCNNDetector(
                run.checkpoint(epoch), floor=FLOOR, resize="square", runtime="keras", thresholds={}
            )
            return self._detector
        theirs = weighted_layers(model)
        for name, variables in weighted_layers(_network(self._detector)).items():
            for ours, other in zip(variables, theirs[name], strict=True):
                ours.assign(other.numpy())
        return self._detector


@contextmanager
def _one_device() -> Iterator[None]:
    """Pictures are looked at one by one: a training that is spread over devices does so on the first."""
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def _network(detector: MaskRCNNDetector) -> Any:
    return detector.engine.model  # type: ignore[attr-defined]
