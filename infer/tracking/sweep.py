"""Two sweeps through a segment: forward in time to tie sightings into tracks, backward to carry them the other way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infer.tracking.assignment import NEVER, assign, likeness, overlaps
from infer.tracking.carrier import Carrier
from infer.tracking.flow import FlowStore
from infer.tracking.tracks import Sighting, Track

_OUTSIDE = 0.5  # shares of the picture beyond its edges within which objects are remembered
_BUFFER, _BUFFER_A_FRAME, _LARGEST_BUFFER = 0.15, 0.03, 0.6
_LEAST_LIKENESS = 0.12
_OTHER_CLASS_OVERLAP = 0.6  # plain overlap from which another class may be the same object
_OTHER_CLASS_FACTOR = 0.7
_SCORE_WEIGHT = 0.7
_SOME = 3  # sightings


@dataclass(frozen=True)
class Reach:
    """How far boxes are carried.

    Attributes:
        frames: most frames without a sighting.
        lost: most frames without support from the picture.
        sure: score from which a track is carried that far after one sighting.
        apart: class ids that share no track with another class.
    """

    frames: int
    lost: int
    sure: float
    apart: frozenset[int] = frozenset()


def tie(segment: range, sightings: dict[int, list[Sighting]], flows: FlowStore, reach: Reach) -> list[Track]:
    """Tie sightings to tracks, forward in time, the sure ones first, then the weak ones.

    Args:
        segment: frames between two cuts.
        sightings: frame -> what was seen; frames without an entry were not analysed.
        flows: proxies and flow of the segment.
        reach: how long an unseen track is carried and may be met again.

    Returns:
        Tracks in the order of their first sighting, with `forward` and `shifts` filled.
    """
    tracks: list[Track] = []
    carrier = Carrier()
    for frame in segment:
        if len(carrier):
            carrier.move(flows.field(frame - 1, frame))
        for row, key in enumerate(carrier.keys):
            tracks[key].shifts[frame] = carrier.shifts[row]
        seen = sightings.get(frame, [])
        owners = _match(carrier, seen, tracks, reach)
        for place, sighting in enumerate(seen):
            if place in owners:
                tracks[owners[place]].add(sighting)
            else:
                owners[place] = len(tracks)
                tracks.append(Track.begin(sighting))
        unseen = np.flatnonzero(~np.isin(carrier.keys, list(owners.values())))
        carrier.check(unseen, flows.proxies[frame])
        for row in unseen.tolist():
            tracks[carrier.keys[row]].forward[frame] = carrier.carried(row)
        if seen:
            keys = [owners[place] for place in range(len(seen))]
            carrier.put(keys, np.stack([sighting.box for sighting in seen]), flows.proxies[frame])
        _drop(carrier, tracks, flows.proxies[frame].shape, reach)
    return tracks


def carry_back(segment: range, tracks: list[Track], flows: FlowStore, reach: Reach) -> None:
    """Carry every track from each of its sightings towards the one before; fills `backward`.

    Args:
        segment: frames between two cuts.
        tracks: tied tracks.
        flows: proxies and flow of the segment.
        reach: how far.
    """
    seen: dict[int, list[tuple[int, Sighting]]] = {}  # sightings that have none of their track just before them
    ends: dict[int, set[int]] = {}
    for number, track in enumerate(tracks):
        frames = {sighting.frame for sighting in track.sightings}
        for sighting in track.sightings:
            if sighting.frame - 1 not in frames:
                seen.setdefault(sighting.frame, []).append((number, sighting))
            if sighting.frame + 1 not in frames:
                ends.setdefault(sighting.frame, set()).add(number)
    carrier = Carrier()
    for frame in reversed(segment):
        if len(carrier):
            carrier.move(flows.field(frame + 1, frame))
            carrier.keep(~np.isin(carrier.keys, list(ends.get(frame, ()))))
            carrier.check(np.arange(len(carrier)), flows.proxies[frame])
            for row, key in enumerate(carrier.keys):
                tracks[key].backward[frame] = carrier.carried(row)
        here = seen.get(frame, [])
        boxes = np.array([sighting.box for _, sighting in here]).reshape(-1, 4)
        carrier.put([number for number, _ in here], boxes, flows.proxies[frame])
        _drop(carrier, tracks, flows.proxies[frame].shape, reach)


def _match(carrier: Carrier, seen: list[Sighting], tracks: list[Track], reach: Reach) -> dict[int, int]:
    """Return place in `seen` -> place in `tracks` of what fits."""
    if not seen or not len(carrier):
        return {}
    boxes = np.stack([sighting.box for sighting in seen])
    idle = np.maximum(carrier.ages - 1, 0) + carrier.lost
    shares = np.minimum(_BUFFER + _BUFFER_A_FRAME * idle, _LARGEST_BUFFER)
    values = likeness(carrier.boxes, boxes, shares)
    classes = np.array([tracks[key].class_id for key in carrier.keys])
    seen_classes = np.array([sighting.class_id for sighting in seen])
    other = classes[:, None] != seen_classes[None]
    if other.any():
        apart = [np.isin(ids, list(reach.apart)) for ids in (classes, seen_classes)]
        same = overlaps(carrier.boxes[:, None], boxes[None]) >= _OTHER_CLASS_OVERLAP
        same &= ~(apart[0][:, None] | apart[1][None])
        values = np.where(other, np.where(same, values * _OTHER_CLASS_FACTOR, NEVER), values)
    scores = np.array([sighting.score for sighting in seen])
    weights = 1 - _SCORE_WEIGHT * (1 - np.minimum(scores / reach.sure, 1))  # beside a face lie weaker echoes of it
    values = np.where(values > 0, values * weights, values)
    owners: dict[int, int] = {}
    free = np.ones(len(carrier), bool)
    for chosen in (scores >= reach.sure, scores < reach.sure):
        places, rows = np.flatnonzero(chosen), np.flatnonzero(free)
        for row, column in assign(values[np.ix_(rows, places)], _LEAST_LIKENESS):
            owners[int(places[column])] = int(carrier.keys[rows[row]])
            free[rows[row]] = False
    return owners


def _drop(carrier: Carrier, tracks: list[Track], size: tuple[int, ...], reach: Reach) -> None:
    """Let go of what was carried too far, has lost its picture for too long, or is far outside the frame.

    What has just left is kept: a shaking camera brings it back, and until then it moves with the camera.
    """
    if not len(carrier):
        return
    corner = np.array([size[1], size[0]])
    edge = _OUTSIDE * corner
    near = (carrier.boxes[:, 2:] > -edge).all(axis=1) & (carrier.boxes[:, :2] < corner + edge).all(axis=1)
    limits = np.array([_patience(tracks[key], reach) for key in carrier.keys])
    carrier.keep(near & (carrier.ages < limits) & (carrier.lost < reach.lost))


def _patience(track: Track, reach: Reach) -> int:
    """Return for how many frames a track is carried: a flicker that was never sure is hardly worth the work."""
    return reach.frames if track.best >= reach.sure or len(track.sightings) >= _SOME else reach.frames // 4
