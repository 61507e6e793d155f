"""Detectors that need no training of ours, and the protocol every detector follows."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from common.detectors.detector import Detector
from common.errors import UserError


@dataclass(frozen=True)
class Entry:
    """A detector that can be opened by name.

    Attributes:
        summary: one line for listings.
        classes: what it finds, known without loading it.
        place: "module:class"; imported only when the detector is opened.
    """

    summary: str
    classes: tuple[str, ...]
    place: str


DETECTORS = {
    "centerface": Entry(
        "CenterFace network; also small, turned and partly hidden faces; CPU or GPU",
        ("face",),
        "common.detectors.centerface:CenterFace",
    ),
    "haar": Entry(
        "OpenCV's Haar cascades; clear frontal and profile faces; CPU", ("face",), "common.detectors.haar:Haar"
    ),
}


def open_detector(name: str, *, device: str = "auto", floor: float | None = None, **options: Any) -> Detector:
    """Load a detector.

    Args:
        name: key of `DETECTORS`.
        device: "auto", "cpu", "cuda" ...
        floor: lowest score to return; None takes the detector's own.
        options: what the detector's class takes by keyword besides.

    Raises:
        UserError: no such detector, option or device, or its files are missing.
    """
    entry = DETECTORS.get(name)
    if entry is None:
        close = difflib.get_close_matches(name, DETECTORS, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(DETECTORS)}"
        raise UserError(f"unknown detector {name!r}: {hint}")
    module, _, attribute = entry.place.partition(":")
    detector: Callable[..., Detector] = getattr(import_module(module), attribute)
    taken = set(inspect.signature(detector).parameters) - {"device", "floor"}
    unknown = sorted(set(options) - taken)
    if unknown:
        raise UserError(f"detector {name} has no option {', '.join(unknown)}: it takes {', '.join(sorted(taken))}")
    if floor is not None:
        options["floor"] = floor
    return detector(device=device, **options)
