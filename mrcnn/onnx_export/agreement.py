"""Whether two exported networks find the same objects.

Legend: K detections with padding, M side of a mask.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from common.detectors import runtime
from mrcnn import boxes as box_maths
from mrcnn import onnx_names as names

LEAST_OVERLAP = 0.5  # of the boxes of what counts as one object


@dataclass(frozen=True)
class Agreement:
    """How far a network finds what another one is sure of.

    Attributes:
        objects: what the other is sure of, over all pictures.
        found: so many of them are found again: same class, overlap of the boxes of at least one half.
        new: what the network is sure of and the other does not see.
        mask_overlap: mean intersection over union of the masks of what is found again.
    """

    objects: int
    found: int
    new: int
    mask_overlap: float

    @property
    def share(self) -> float:
        """Share of the objects that are found again; 1 where there are none."""
        return self.found / self.objects if self.objects else 1.0

    def __str__(self) -> str:
        """One line for people."""
        return (
            f"{self.found} of {self.objects} objects ({self.share:.1%}) found again, {self.new} new, "
            f"masks overlap by {self.mask_overlap:.2f}"
        )


Answer = tuple[np.ndarray, np.ndarray]


def answers(
    model: onnx.ModelProto, pictures: Iterable[Mapping[str, np.ndarray]], floor: float, threads: int = 0
) -> list[Answer]:
    """Run a network.

    Args:
        model: an exported one.
        pictures: inputs of the graph, one set a run, one picture a set.
        floor: lowest score of a detection.
        threads: see `runtime.open_session`.

    Returns:
        For each picture (n, 6) detections and (n, M, M) bool masks.
    """
    session = runtime.open_session(model.SerializeToString(), "cpu", threads).session
    given = []
    for inputs in pictures:
        lowest = {names.MIN_CONFIDENCE: np.array(floor, np.float32)}
        found, masks = session.run([names.DETECTIONS, names.MASKS], {**inputs, **lowest})
        real = found[0, :, 5] > 0
        given.append((found[0, real], masks[0, real] >= 0.5))
    return given


def compare(reference: Iterable[Answer], answer: Iterable[Answer], sure: float) -> Agreement:
    """Look for each object of one network among those of the other.

    Args:
        reference: of `answers`, of the network that is right.
        answer: the same of the other, on the same pictures.
        sure: score from which an object counts; it is found again at any score above the floor.
    """
    objects = found = new = 0
    overlaps: list[float] = []
    for (rows, masks), (others, other_masks) in zip(reference, answer, strict=True):
        partners = _partners(rows, others)
        believed = rows[:, 5] >= sure
        objects += int(believed.sum())
        found += int((partners[believed] >= 0).sum())
        seen = set(partners[partners >= 0].tolist())
        new += sum(row[5] >= sure and place not in seen for place, row in enumerate(others))
        for place in np.flatnonzero(believed & (partners >= 0)):
            one, two = masks[place], other_masks[partners[place]]
            overlaps.append(float((one & two).sum() / max((one | two).sum(), 1)))
    return Agreement(objects, found, new, float(np.mean(overlaps)) if overlaps else 1.0)


def _partners(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return (n,) places in the others of the partners of (n, 6) rows, best score first; -1 where there is none."""
    partners = np.full(len(rows), -1)
    if not len(rows) or not len(others):
        return partners
    overlap = box_maths.overlaps(rows[:, :4], others[:, :4]) * (rows[:, None, 4] == others[None, :, 4])
    for place in range(len(rows)):
        best = int(overlap[place].argmax())
        if overlap[place, best] >= LEAST_OVERLAP:
            partners[place] = best
            overlap[:, best] = 0
    return partners
