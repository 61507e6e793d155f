"""Links one window: sightings in, boxes without holes out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np

from common.detections import PROPAGATED
from infer.tracking.crop import Crop, crop_of, resized
from infer.tracking.flow import FlowStore
from infer.tracking.gaps import Shown, extend, fill, seen_only
from infer.tracking.hysteresis import Belief, believed
from infer.tracking.observation import Observation
from infer.tracking.settings import LinkSettings
from infer.tracking.smoothing import smear, smooth
from infer.tracking.stitching import stitch
from infer.tracking.sweep import Reach, carry_back, tie
from infer.tracking.tracks import Sighting, Track
from infer.tracking.warp import warp_masks

_NEARLY = 0.6  # share of `sure` from which a track that is not believed is worth a look
_USUAL_RATE = 30.0  # frames a second where the times do not tell


@dataclass
class LinkedTrack:
    """One object in one window.

    Attributes:
        track: its sightings.
        shown: frame -> box to cover.
        number: over the whole clip, from 1; 0 as long as it has none.
    """

    track: Track
    shown: dict[int, Shown]
    number: int = 0


@dataclass
class LinkedScene:
    """What one window comes to.

    Attributes:
        tracks: to be shown, in the order of their first sighting.
        doubts: frame -> what was seen there and not believed, in words.
    """

    tracks: list[LinkedTrack]
    doubts: dict[int, list[str]]


def link_scene(
    observations: list[Observation],
    first: int,
    flows: FlowStore,
    scale: np.ndarray,
    settings: LinkSettings,
    known: dict[tuple[int, int], int],
) -> LinkedScene:
    """Link the frames of one window.

    Args:
        observations: of one scene.
        first: running number of the first of them; frames are counted on from there.
        flows: holds their proxies.
        scale: (2,) proxy pixels a display pixel (x, y).
        settings: which parts, and how.
        known: (frame, place) of raw detections that an earlier window showed -> that track's number.

    Returns:
        What to show, and what was left out though it was nearly believed.
    """
    segment = range(first, first + len(observations))
    rate = _rate(observations)
    gap, reach = round(settings.gap_seconds * rate), round(settings.extend_seconds * rate)
    floor = settings.floor if settings.hysteresis else settings.sure
    sightings = {
        frame: _sightings(frame, observation, scale, floor)
        for frame, observation in zip(segment, observations, strict=True)
        if observation.detections is not None
    }
    limit = Reach(max(gap, reach), gap, settings.sure, settings.apart)
    tracks = tie(segment, sightings, flows, limit)
    carry_back(segment, tracks, flows, limit)
    tracks = stitch(tracks, gap)
    belief = Belief(settings.sure, settings.weak, settings.weak_times, settings.weak_share)
    between = round(len(segment) / max(len(sightings), 1)) - 1  # frames skipped on purpose
    places = {frame: place for place, frame in enumerate(sightings)}
    linked = []
    doubts: dict[int, list[str]] = {}
    for track in tracks:
        numbers = [known[s.frame, s.place] for s in track.sightings if (s.frame, s.place) in known]
        if numbers or believed(track, belief, places):
            track.inherited = max(set(numbers), key=lambda n: (numbers.count(n), -n)) if numbers else None
            shown = _shown(track, segment, reach, settings)
            warp_masks(
                track, shown, flows, lambda sighting: _mask(observations[sighting.frame - first], sighting, scale)
            )
            if settings.smooth:
                _smooth(track, shown, settings.smooth_frames + between)
            linked.append(LinkedTrack(track, shown))
        elif track.best >= _NEARLY * settings.sure:
            best = max(track.sightings, key=lambda sighting: sighting.score)
            doubts.setdefault(best.frame, []).append(f"weak sighting not believed (score {best.score:.2f})")
    return LinkedScene(linked, doubts)


def _shown(track: Track, segment: range, reach: int, settings: LinkSettings) -> dict[int, Shown]:
    shown = seen_only(track)
    if settings.fill:
        fill(track, shown)
    if settings.extend:
        extend(track, shown, segment, reach, settings.hold)
    return shown


def _mask(observation: Observation, sighting: Sighting, scale: np.ndarray) -> Crop | None:
    """Return a sighting's mask in proxy pixels, shares of a pixel."""
    crop = None if observation.detections is None else crop_of(observation.detections, sighting.place)
    return None if crop is None else resized(crop, scale)


def _smooth(track: Track, shown: dict[int, Shown], reach: int) -> None:
    """Smooth each run of successive frames; fills the track's missing shifts."""
    for run in _runs(sorted(shown)):
        boxes = np.stack([shown[frame].box for frame in run])
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        for frame, move in zip(run[1:], np.diff(centres, axis=0), strict=True):
            track.shifts.setdefault(frame, move)
        shifts = np.stack([track.shifts.get(frame, np.zeros(2)) for frame in run])
        for frame, box in zip(run, smooth(boxes, shifts, reach), strict=True):
            shown[frame].box = box
    for frame, here in shown.items():
        if here.origin == PROPAGATED and frame in track.shifts:
            here.box = smear(here.box, track.shifts[frame])


def _runs(frames: list[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for frame in frames:
        if runs and runs[-1][-1] == frame - 1:
            runs[-1].append(frame)
        else:
            runs.append([frame])
    return runs


def _sightings(frame: int, observation: Observation, scale: np.ndarray, floor: float) -> list[Sighting]:
    detections = observation.detections
    if detections is None:
        return []
    boxes = np.asarray(detections.xyxy, float) * np.tile(scale, 2)
    scores, class_ids = np.asarray(detections.confidence, float), np.asarray(detections.class_id, int)
    return [
        Sighting(frame, int(place), boxes[place], float(scores[place]), int(class_ids[place]))
        for place in np.flatnonzero(scores >= floor)
    ]


def _rate(observations: list[Observation]) -> float:
    times = [observation.time for observation in observations]
    steps = [later - earlier for earlier, later in pairwise(times) if later > earlier]
    return 1.0 / median(steps) if steps else _USUAL_RATE
