"""Which detectors that run side by side can have one trunk, and giving it to them. Does not load Keras by itself."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from common.detectors.detector import Detector

if TYPE_CHECKING:
    from mrcnn.detector import MaskRCNNDetector

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sharing:
    """What detectors have in common.

    Attributes:
        words: for people.
        batch: pictures that each of them should look at before the next ones, so that what is common is at hand.
    """

    words: str
    batch: int


def share_trunks(detectors: Sequence[Detector]) -> Sharing | None:
    """Let models on Keras compute once a picture what their weights have in common.

    Args:
        detectors: of any kind; those that share something get other engines, their answers stay the same.

    Returns:
        What is shared now; None where nothing is. Where only the preparation of the pictures stands in the way, a line
        in the log says so.
    """
    models = _on_keras(detectors)
    alike: dict[tuple[object, ...], list[MaskRCNNDetector]] = {}
    for model in models:
        alike.setdefault(_preparation(model), []).append(model)
    said = []
    batch = 1
    for group in alike.values():
        words = _shared(group)
        if words is not None:
            said.append(words)
            batch = group[0].batch
    for first, second in combinations([group[0] for group in alike.values()], 2):
        _say_what_differs(first, second)
    return Sharing("; ".join(said), batch) if said else None


def _on_keras(detectors: Sequence[Detector]) -> list[MaskRCNNDetector]:
    engine = sys.modules.get("mrcnn.inference")  # absent: nothing runs on Keras
    if engine is None:
        return []
    from mrcnn.detector import MaskRCNNDetector

    return [
        each for each in detectors if isinstance(each, MaskRCNNDetector) and isinstance(each.engine, engine.TwoSteps)
    ]


def _preparation(model: MaskRCNNDetector) -> tuple[object, ...]:
    """What must be equal for two models to get the same input: pictures, anchors, batches, device."""
    return replace(model.molding, classes=0), model.anchor_numbers, model.batch, model.device


def _shared(group: Sequence[MaskRCNNDetector]) -> str | None:
    if len(group) < 2:
        return None
    from mrcnn.shared_trunk import share

    trunk = share([model.engine for model in group])  # type: ignore[misc]
    if trunk is None:
        log.info("%s have no weights in common: each runs by itself", _names(group))
        return None
    return f"{_names(group)} on one trunk ({trunk})"


def _say_what_differs(first: MaskRCNNDetector, second: MaskRCNNDetector) -> None:
    """Say that two models would share a trunk if they got the same pictures."""
    from mrcnn.shared_trunk import SharedTrunk

    trunk = SharedTrunk([first.engine.model, second.engine.model])  # type: ignore[attr-defined]
    if trunk.layers:
        log.warning(
            "%s have %s in common, but their pictures are prepared differently: each runs by itself; the same "
            "--input-size for both lets them share it",
            _names([first, second]),
            trunk,
        )


def _names(group: Sequence[MaskRCNNDetector]) -> str:
    return " and ".join(model.weights.name for model in group)
