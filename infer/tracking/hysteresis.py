"""Which tracks are believed: once sure, always shown; weak but steady ones too; a lone weak flicker is not."""

from __future__ import annotations

from dataclasses import dataclass

from infer.tracking.tracks import Track


@dataclass(frozen=True)
class Belief:
    """When a track is believed.

    Attributes:
        sure: score of one sighting that is enough.
        weak: mean score of the sightings that is enough when there are `times` of them.
        times: how many weak sightings.
        share: of the analysed frames between the first and the last sighting in which it must have been seen.
    """

    sure: float
    weak: float
    times: int
    share: float


def believed(track: Track, belief: Belief, analysed: int) -> bool:
    """Tell whether a track is shown, with all its sightings.

    Args:
        track: the track.
        belief: when.
        analysed: frames analysed between its first and last sighting, both included.
    """
    scores = sorted((sighting.score for sighting in track.sightings), reverse=True)
    if scores[0] >= belief.sure:
        return True
    if len(scores) < belief.times or len(scores) < belief.share * analysed:
        return False
    return sum(scores[: belief.times]) / belief.times >= belief.weak
