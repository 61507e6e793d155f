"""What finds things, by name: the detectors that need no training of ours, and models by their weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.detectors import DETECTORS as READY_MADE
from common.detectors import Entry, open_detector
from common.detectors.detector import Detector
from mrcnn.class_names import COCO

MODEL = "mask-rcnn"  # name of the detector that runs a checkpoint
GRAPH = "tf-graph"  # name of the detector that runs a graph of the TensorFlow Object Detection API
COCO_WEIGHTS = "coco"

DETECTORS: Mapping[str, Entry] = READY_MADE | {
    MODEL: Entry(
        "Mask R-CNN with masks; COCO's classes, or those of --weights", COCO, "mrcnn.detector:MaskRCNNDetector"
    ),
    GRAPH: Entry(
        "a graph of the TensorFlow Object Detection API, with masks where it has them; needs --weights",
        (),
        "mrcnn.tf_detector:GraphDetector",
    ),
}


def is_coco(weights: str | Path) -> bool:
    """Whether the weights trained on COCO are meant, which are fetched on first use."""
    return str(weights) == COCO_WEIGHTS and not Path(weights).exists()


def detector_of(weights: str | Path) -> str:
    """Key of `DETECTORS` that runs a file, a run folder, or "coco".

    Raises:
        UserError: it is nothing of the kind.
    """
    if is_coco(weights):
        return MODEL
    from mrcnn.weight_files import recognise

    return GRAPH if recognise(weights).is_graph else MODEL


def open_named(
    name: str,
    *,
    classes: str | None = None,
    device: str = "auto",
    sure: float | None = None,
    floor: float | None = None,
    **options: Any,
) -> Detector:
    """Open a built-in detector by its name, or a model by its weights.

    Args:
        name: key of `common.detectors.DETECTORS`; or a checkpoint, exported file, graph, run folder, or "coco".
        classes: class names for a model that carries none.
        device: "auto", "cpu", "cuda" ...
        sure: score from which a sighting is believed; None: the detector's own.
        floor: lowest score to return; None: the detector's own.
        options: what the detector takes besides; None stands for its own.

    Raises:
        UserError: no such detector, file or option, or it cannot be opened.
    """
    built_in = name in READY_MADE
    key = name if built_in or not _may_be_weights(name) else detector_of(name)
    given = {option: value for option, value in options.items() if value is not None}
    if key in (MODEL, GRAPH):
        given["weights"] = name
        if classes is not None:
            given["classes"] = classes
    return open_detector(key, device=device, sure=sure, floor=floor, entries=DETECTORS, **given)


def _may_be_weights(name: str) -> bool:
    """A path, or a word that is no misspelt detector."""
    return is_coco(name) or Path(name).exists() or Path(name).suffix != "" or Path(name).name != name
