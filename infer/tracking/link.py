"""Linking: detections of single frames in, objects over the whole clip out, one `FrameObjects` a frame.

Sightings are tied to tracks in windows of some hundred frames that end at scene cuts; tracks are believed or not as a
whole, filled, extended and smoothed. Successive windows of a scene overlap: there both results are shown, a track
that shares a raw detection with one of the window before keeps its number and is believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count

import cv2
import numpy as np
import supervision as sv

from common.detections import DETECTED, FrameObjects, make_detections
from infer.tracking.crop import compact
from infer.tracking.flow import FlowStore
from infer.tracking.gaps import Shown
from infer.tracking.observation import Observation
from infer.tracking.outlines import Outlines
from infer.tracking.scene import LinkedTrack, link_scene
from infer.tracking.settings import LinkSettings
from infer.tracking.windows import windows

__all__ = ["LinkSettings", "Observation", "link"]

_COVERED_BEYOND = 0.35  # share of a box's size by which covers may reach beyond it


def link(
    observations: Iterable[Observation], frame_size: tuple[int, int], settings: LinkSettings
) -> Iterator[FrameObjects]:
    """Link detections over a clip.

    Memory holds one window, whatever the clip's length.

    Args:
        observations: one a frame, in order.
        frame_size: (height, width) of the display picture, in whose pixels the detections are.
        settings: which parts, and how.

    Yields:
        One `FrameObjects` an observation, in order. Boxes may reach out of the picture where the object does.
        Origin is "detected" where the frame's own detection is behind the box, else "propagated".
    """
    if not settings.associate:
        for observation in observations:
            yield _alone(observation, settings.sure)
        return
    linker = _Linker(frame_size, settings)
    for window in windows(_mended(observations), settings.window, settings.overlap, settings.cuts):
        yield from linker.take(window.observations, window.shared)


def _alone(observation: Observation, sure: float) -> FrameObjects:
    """Show what this frame's own detections are sure of."""
    found = observation.detections
    if found is None:
        kept = make_detections(np.zeros((0, 4)), [], [])
    else:
        scores, class_ids = np.asarray(found.confidence), np.asarray(found.class_id)
        chosen = np.flatnonzero(scores >= sure)
        masks = None if found.mask is None else found.mask[chosen]
        kept = make_detections(found.xyxy[chosen], scores[chosen], class_ids[chosen], masks=masks)
    return FrameObjects(observation.index, observation.time, kept, observation.failed)


def _mended(observations: Iterable[Observation]) -> Iterator[Observation]:
    """Let a failed frame's picture, which may be anything, be that of the frame before; bring proxies to one size."""
    last: np.ndarray | None = None
    for observation in observations:
        proxy = observation.proxy
        if last is not None and observation.failed is not None:
            proxy = last
        elif last is not None and proxy.shape != last.shape:
            proxy = np.asarray(cv2.resize(proxy, last.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)
        last = proxy
        yield replace(observation, proxy=proxy)


class _Linker:
    """Links window after window and unites the results where windows overlap."""

    def __init__(self, frame_size: tuple[int, int], settings: LinkSettings):
        self._frame_size = frame_size
        self._settings = settings
        self._flows = FlowStore()
        self._first = 0
        self._numbers = count(1)
        self._known: dict[tuple[int, int], int] = {}
        self._waiting: list[LinkedTrack] = []
        self._seen_before: dict[int, sv.Detections] = {}
        self._is_cut = False
        self._doubts: dict[int, set[str]] = {}

    def take(self, observations: list[Observation], shared: int) -> Iterator[FrameObjects]:
        """Link a window and yield the frames that no later window touches."""
        first, stop = self._first, self._first + len(observations)
        for frame, observation in enumerate(observations, start=first):
            self._flows.add(frame, observation.proxy)
        height, width = observations[0].proxy.shape
        scale = np.array([width / self._frame_size[1], height / self._frame_size[0]])
        seen = {f: o.detections for f, o in enumerate(observations, start=first) if o.detections is not None}
        self._outlines = Outlines({**self._seen_before, **seen}, scale, self._settings.smooth)
        scene = link_scene(observations, first, self._flows, scale, self._settings, self._known)
        linked = scene.tracks
        self._number(linked)
        for frame, doubts in scene.doubts.items():
            self._doubts.setdefault(frame, set()).update(doubts)
        tracks = self._waiting + linked
        for frame, observation in zip(range(first, stop - shared), observations, strict=False):
            objects = self._objects(frame, observation, tracks, scale)
            objects.cut = self._is_cut and frame == first
            objects.doubts = tuple(sorted(self._doubts.pop(frame, ())))
            yield objects
        self._is_cut = not shared  # the next window, if there is one, begins a scene
        self._first = stop - shared
        self._seen_before = {f: found for f, found in seen.items() if f == self._first - 1}
        self._flows.forget(self._first)
        self._waiting = linked if shared else []
        self._known = {
            (s.frame, s.place): one.number
            for one in self._waiting
            for s in one.track.sightings
            if s.frame >= self._first
        }

    def _number(self, linked: list[LinkedTrack]) -> None:
        taken: set[int] = set()
        for one in sorted(linked, key=lambda one: -len(one.track.sightings)):
            if one.track.inherited is not None and one.track.inherited not in taken:
                one.number = one.track.inherited
                taken.add(one.number)
        for one in linked:
            one.number = one.number or next(self._numbers)

    def _objects(
        self, frame: int, observation: Observation, tracks: list[LinkedTrack], scale: np.ndarray
    ) -> FrameObjects:
        shown: dict[int, tuple[LinkedTrack, Shown]] = {}
        for one in tracks:
            if frame not in one.shown or not _visible(one.shown[frame].box, observation.proxy.shape):
                continue
            here, other = one.shown[frame], shown.get(one.number)
            shown[one.number] = (one, here if other is None else _united(other[1], here))
        rows = [(number, *shown[number]) for number in sorted(shown)]
        masks = None
        if self._outlines.wanted(frame, [(one, here) for _, one, here in rows]):
            masks = compact([self._outlines.crop(one, here, frame) for _, one, here in rows], self._frame_size)
        detections = make_detections(
            np.array([here.box for _, _, here in rows]).reshape(-1, 4) / np.tile(scale, 2),
            [here.score for _, _, here in rows],
            [one.track.class_id for _, one, _ in rows],
            [number for number, _, _ in rows],
            [here.origin for _, _, here in rows],
            masks,
        )
        return FrameObjects(observation.index, observation.time, detections, observation.failed)


def _united(first: Shown, second: Shown) -> Shown:
    """Return what covers both results for one track in one frame."""
    better = first if first.origin == DETECTED else second
    box = np.concatenate([np.minimum(first.box[:2], second.box[:2]), np.maximum(first.box[2:], second.box[2:])])
    return Shown(box, max(first.score, second.score), better.origin, better.place, better.mask)


def _visible(box: np.ndarray, size: tuple[int, ...]) -> bool:
    """Tell whether any of a (4,) box, as wide as it may be covered, can lie in a picture of `size` (h, w)."""
    reach = _COVERED_BEYOND * (box[2:] - box[:2])
    begin, end = box[:2] - reach, box[2:] + reach
    return bool(begin[0] < size[1] and begin[1] < size[0] and end[0] > 0 and end[1] > 0)
