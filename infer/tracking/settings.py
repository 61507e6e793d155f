"""Settings of the linking; each part can be switched off."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LinkSettings:
    """How detections are linked over the clip.

    With `associate` off every frame stands alone: sightings of at least `sure` are shown, nothing else.

    Attributes:
        floor: lowest score that is looked at.
        sure: score from which one sighting alone is believed.
        associate: tie sightings to tracks at all.
        hysteresis: a track that was once sure, or was seen weakly but steadily, keeps its weak sightings; off: only
            sightings of at least `sure` count.
        fill: cover a track between two sightings.
        extend: cover a track before its first and after its last sighting while the picture supports it.
        smooth: let each edge reach as far out as in the neighbouring frames.
        cuts: find scene cuts; no track crosses one.
        weak: mean score of `weak_times` sightings in a row from which a track without a sure one is believed.
        weak_times: see `weak`.
        weak_share: share of the analysed frames from the first to the last of them in which it must have been seen.
        gap_seconds: longest time between two sightings of one track.
        extend_seconds: longest extension, each side.
        hold: frames that are still covered after the picture stopped to support an extension.
        smooth_frames: frames on each side over which edges are united, when each frame is analysed; of frames that
            are skipped on purpose as many are added as lie between two analysed ones.
        window: frames linked together at a time.
        overlap: frames shared by successive windows.
        apart: class ids whose sightings never join a track of another class; of other classes those that fit very well
            do, since a detector may call one object now this, now that.
    """

    floor: float = 0.12
    sure: float = 0.5
    associate: bool = True
    hysteresis: bool = True
    fill: bool = True
    extend: bool = True
    smooth: bool = True
    cuts: bool = True
    weak: float = 0.25
    weak_times: int = 6
    weak_share: float = 0.5
    gap_seconds: float = 1.5
    extend_seconds: float = 1.5
    hold: int = 3
    smooth_frames: int = 2
    window: int = 600
    overlap: int = 150
    apart: frozenset[int] = frozenset()
