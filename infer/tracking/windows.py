"""Cuts a stream of observations into windows that are linked whole, so that memory stays flat in the clip's length.

A window holds up to `length` frames and shares its last `overlap` frames with the next one; a scene cut ends a window
early, and nothing is shared across it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from common.video.cuts import REACH, CutFinder
from infer.tracking.observation import Observation


@dataclass
class Window:
    """Frames that are linked together.

    Attributes:
        observations: in order.
        shared: how many of the last ones the next window begins with; 0 at the end of a scene.
    """

    observations: list[Observation]
    shared: int


def windows(observations: Iterable[Observation], length: int, overlap: int, cuts: bool) -> Iterator[Window]:
    """Yield windows over a stream, in order.

    Args:
        observations: one a frame.
        length: most frames in a window.
        overlap: frames shared by successive windows of one scene; at most half of `length`.
        cuts: look for scene cuts.
    """
    finder = CutFinder()
    held: list[Observation] = []  # of this scene, from the beginning of the window
    ahead: list[Observation] = []  # not yet known whether a scene begins here
    number = 0

    def settle() -> Iterator[Window]:
        nonlocal held
        first = ahead.pop(0)
        if cuts and finder.is_cut(number - len(ahead) - 1) and held:
            yield Window(held, 0)
            held = []
        elif len(held) == length:
            yield Window(held, overlap)
            held = held[-overlap:] if overlap else []
        held.append(first)

    for observation in observations:
        if cuts:
            finder.add(number, observation.proxy)
        number += 1
        ahead.append(observation)
        if len(ahead) == REACH:
            yield from settle()
    while ahead:
        yield from settle()
    if held:
        yield Window(held, 0)
