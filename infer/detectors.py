"""What finds things: the detectors that need no training of ours, and models of ours."""

from __future__ import annotations

from collections.abc import Mapping

from common.detectors import DETECTORS as READY_MADE
from common.detectors import Entry
from infer.classes import GRAPH, MODEL
from mrcnn.class_names import COCO

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
