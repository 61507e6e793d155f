"""Which tracks are believed: once sure, always shown; weak but steady ones too; a lone weak flicker is not."""

from __future__ import annotations

from dataclasses import dataclass

from infer.tracking.tracks import Track


@dataclass(frozen=True)
class Belief:
    """When a track is believed.

    Attributes:
        sure: score of one sighting that is enough.
        weak: mean score that is enough for `times` sightings in a row.
        times: how many weak sightings.
        share: of the analysed frames from the first to the last of them in which it must have been seen.
    """

    sure: float
    weak: float
    times: int
    share: float


def believed(track: Track, belief: Belief, places: dict[int, int]) -> bool:
    """Tell whether a track is shown, with all its sightings.

    Args:
        track: the track.
        belief: when.
        places: frame -> its place among the analysed frames.
    """
    if track.best >= belief.sure:
        return True
    scores = [sighting.score for sighting in track.sightings]
    seen = [places[sighting.frame] for sighting in track.sightings]
    times = belief.times
    return any(
        sum(scores[first : first + times]) >= belief.weak * times
        and (seen[first + times - 1] - seen[first] + 1) * belief.share <= times
        for first in range(len(scores) - times + 1)
    )
