"""The way to 8 bits: calibrate, quantise, look whether the objects are still found, leave more in float where not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from mrcnn import onnx_names as names
from mrcnn.onnx_export.agreement import Agreement, answers, compare
from mrcnn.onnx_export.calibrate import find_ranges
from mrcnn.onnx_export.quantize import plan, quantize

# Last layers: little work, and every digit of theirs is seen.
ANSWERS = ("rpn_class_and_bbox", "mrcnn_class_logits", "mrcnn_bbox_fc")
# What stays in float besides, in words and as beginnings of names; the next is tried where objects are lost.
STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("the last layers", ()),
    ("the last layers and the first", ("conv1",)),
    ("the first layer and the box head", ("conv1", "mrcnn_class")),
    ("the first layer and both heads", ("conv1", "mrcnn_class", "mrcnn_mask")),
    ("all but the trunk", ("conv1", "mrcnn_class", "mrcnn_mask", "rpn_", "fpn_")),
)
FOUND_AGAIN = 0.98

Pictures = Callable[[], Iterator[Mapping[str, np.ndarray]]]


@dataclass(frozen=True)
class Attempt:
    """A network in 8 bits.

    Attributes:
        model: the ONNX model.
        left: what stays in float, in words.
        agreement: with the network in float, on pictures that were not calibrated on.
    """

    model: onnx.ModelProto
    left: str
    agreement: Agreement


def attempts(
    model: onnx.ModelProto, calibration: Pictures, held_out: Pictures, sure: float, floor: float
) -> Iterator[Attempt]:
    """Try ever less in 8 bits.

    Args:
        model: as exported, in float.
        calibration: gives inputs of the graph to find ranges on.
        held_out: the same for other pictures, to compare on.
        sure: score from which an object must be found again.
        floor: lowest score at which it counts as found.

    Yields:
        Networks in 8 bits, fastest first; take the first that is good enough.
    """
    whole = plan(model, ANSWERS)
    ranges = find_ranges(model, whole.tensors, calibration())
    reference = answers(model, held_out(), floor)
    for left, beginnings in STEPS:
        small = quantize(model, plan(model, (*ANSWERS, *beginnings)), ranges)
        for entry in small.metadata_props:
            if entry.key == names.PRECISION:
                entry.value = "int8"
        yield Attempt(small, left, compare(reference, answers(small, held_out(), floor), sure))
