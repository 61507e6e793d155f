"""Detectors that need no training of ours, and the protocol every detector follows."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from common.detectors.detector import Detector
from common.errors import UserError

LEAST = 0.01  # lowest floor: with a score of 0 every place is a sighting


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


def open_detector(
    name: str,
    *,
    device: str = "auto",
    floor: float | None = None,
    sure: float | None = None,
    lowest: float | None = None,
    entries: Mapping[str, Entry] = DETECTORS,
    **options: Any,
) -> Detector:
    """Load a detector.

    Args:
        name: key of `entries`.
        device: "auto", "cpu", "cuda" ...
        floor: lowest score to return; None takes the detector's own, lowered to `sure` where that is lower.
        sure: score from which one sighting is believed; None takes the detector's own.
        lowest: a score that is still to be returned, whatever the floor.
        entries: what can be opened.
        options: what the detector's class takes by keyword besides.

    Raises:
        UserError: no such detector, option or device, or its files are missing.
    """
    entry = entries.get(name)
    if entry is None:
        close = difflib.get_close_matches(name, entries, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(entries)}"
        raise UserError(f"unknown detector {name!r}: {hint}")
    made = _class(entry)
    parameters = inspect.signature(made).parameters
    taken = set(parameters) - {"device", "floor"}
    unknown = sorted(set(options) - taken)
    if unknown:
        raise UserError(f"detector {name} has no option {', '.join(unknown)}: it takes {', '.join(sorted(taken))}")
    for needed in (sure, lowest):
        if needed is not None:
            floor = min(parameters["floor"].default if floor is None else floor, max(needed, LEAST))
    if floor is not None:
        options["floor"] = floor
    detector = made(device=device, **options)
    if sure is not None:
        detector.sure = sure
    return detector


def options_of(name: str, entries: Mapping[str, Entry] = DETECTORS) -> set[str]:
    """Names of the options that a detector takes."""
    return set(inspect.signature(_class(entries[name])).parameters) - {"device", "floor"}


def _class(entry: Entry) -> Callable[..., Detector]:
    module, _, attribute = entry.place.partition(":")
    made: Callable[..., Detector] = getattr(import_module(module), attribute)
    return made
