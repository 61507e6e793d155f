"""What was hidden, counted frame by frame, and the moments that somebody should check by eye.

Memory holds a summary a track and bounded lists, nothing a frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from common.detections import DETECTED, MANUAL, PROPAGATED, FrameObjects
from infer.moments import Moment, Weakest

EDGE = 0.03  # share of a side: an object this near to the edge may come in or go out there
LONG_RUN = 0.5  # seconds without a sighting from which a run is worth a look
CUT, DOUBT = 0.3, 0.35  # severity of a scene cut beside objects, and of what the linking was in doubt about
REASONS = 50  # distinct reasons for covering a frame whole that are told apart
STRETCHES = 200  # stretches of frames without an object that are listed


@dataclass
class TrackSummary:
    """One object over the clip.

    Attributes:
        number: the track's number, as `--exclude` takes it.
        name: class.
        first_time: when it is first hidden, seconds.
        last_time: time of the last frame in which it is hidden.
        frames: by origin ("detected", "propagated", "manual") the frames in which it is hidden.
        lowest_score: of the frames in which it was detected, None when it never was.
        mean_score: likewise.
    """

    number: int
    name: str
    first_time: float
    last_time: float
    frames: dict[str, int]
    lowest_score: float | None
    mean_score: float | None


@dataclass
class Totals:
    """What a whole clip comes to.

    Attributes:
        frames: frames seen.
        duration: seconds from the first frame to the end of the last.
        objects: by class the number of tracks hidden.
        appearances: by class the number of times that an object was hidden in a frame, with or without a track.
        tracks: one summary a track, by number.
        mean_share: share of the picture that is covered, over all frames (0..1).
        highest_share: the largest share of a frame.
        highest_time: when that was.
        empty_frames: frames in which nothing is hidden.
        empty_stretches: (from, to) seconds of them, to exclusive; the first 200.
        whole_frames: by reason the number of frames that are covered whole.
        moments: the weakest moments, most doubtful first.
    """

    frames: int = 0
    duration: float = 0.0
    objects: dict[str, int] = field(default_factory=dict)
    appearances: dict[str, int] = field(default_factory=dict)
    tracks: list[TrackSummary] = field(default_factory=list)
    mean_share: float = 0.0
    highest_share: float = 0.0
    highest_time: float = 0.0
    empty_frames: int = 0
    empty_stretches: list[tuple[float, float]] = field(default_factory=list)
    whole_frames: dict[str, int] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)


@dataclass
class _Track:
    """What is remembered of a track while the clip goes by; a run is a stretch without a sighting."""

    number: int
    name: str
    first_index: int
    first_time: float
    first_box: np.ndarray
    excused_start: bool
    last_index: int = -1
    last_time: float = 0.0
    last_box: np.ndarray = field(default_factory=lambda: np.zeros(4))
    excused_end: bool = False
    frames: dict[str, int] = field(default_factory=lambda: {DETECTED: 0, PROPAGATED: 0, MANUAL: 0})
    score_sum: float = 0.0
    lowest: float = 2.0
    lowest_index: int = 0
    lowest_time: float = 0.0
    run_index: int | None = None
    run_time: float = 0.0


class Tally:
    """Adds up frames as they are rendered.

    Args:
        classes: class names as `class_id` counts them.
        size: (height, width) of the display picture.
        sure: score from which the detector is believed; sightings below are worth a look.
        limit: how many weakest moments are kept.
    """

    def __init__(self, classes: Sequence[str], size: tuple[int, int], *, sure: float = 0.5, limit: int = 12) -> None:
        self.classes = tuple(classes)
        self.size = size
        self.sure = sure
        self._totals = Totals()
        self._weakest = Weakest(limit)
        self._tracks: dict[int, _Track] = {}
        self._active: set[int] = set()  # tracks of the last frame
        self._shares = 0.0
        self._first_time = self._time = 0.0
        self._step = 0.0  # seconds from the frame before the last to the last
        self._index = -1
        self._was_whole = False
        self._empty_from: float | None = None

    def add(self, frame: FrameObjects, covered_share: float) -> None:
        """Count a frame.

        Args:
            frame: as rendered.
            covered_share: share of the picture that was covered (0..1).
        """
        totals = self._totals
        if totals.frames:
            self._step = frame.time - self._time
        else:
            self._first_time = frame.time
        totals.frames += 1
        share = 1.0 if frame.whole is not None else float(covered_share)
        self._shares += share
        if share > totals.highest_share:
            totals.highest_share, totals.highest_time = share, frame.time
        fresh = self._was_whole or frame.cut or totals.frames == 1
        active = self._add_objects(frame, fresh)
        self._end_tracks(self._active - active, excused=frame.cut or frame.whole is not None)
        if frame.cut and (active or self._active):
            self.note(frame.time, frame.index, "scene cut with objects beside it", CUT, tuple(sorted(active)))
        for doubt in frame.doubts:
            self.note(frame.time, frame.index, doubt, DOUBT)
        self._count_empty(frame)
        if frame.whole is not None:
            self._count_whole(frame.whole)
        self._active, self._was_whole = active, frame.whole is not None
        self._time, self._index = frame.time, frame.index

    def note(self, time: float, index: int, reason: str, severity: float, tracks: tuple[int, ...] = ()) -> None:
        """Remember a moment that something else found doubtful, e.g. a lone weak sighting that was dropped.

        Args:
            time: seconds.
            index: number of the frame.
            reason: in words.
            severity: 0..1; from 0.5 on the report asks for a review.
            tracks: the tracks concerned.
        """
        self._weakest.add(Moment(time, index, reason, severity, tracks))

    def totals(self) -> Totals:
        """Sum up. The tally may go on afterwards."""
        totals = self._totals
        weakest = self._weakest.copy()
        for track in self._tracks.values():
            self._judge(track, weakest)
        tracks = [self._summary(self._tracks[number]) for number in sorted(self._tracks)]
        stretches = list(totals.empty_stretches)
        if self._empty_from is not None and len(stretches) < STRETCHES:
            stretches.append((self._empty_from, self._time + self._step))
        objects: dict[str, int] = {}
        for summary in tracks:
            objects[summary.name] = objects.get(summary.name, 0) + 1
        return Totals(
            frames=totals.frames,
            duration=self._time - self._first_time + self._step,
            objects=objects,
            appearances=dict(totals.appearances),
            tracks=tracks,
            mean_share=self._shares / max(totals.frames, 1),
            highest_share=totals.highest_share,
            highest_time=totals.highest_time,
            empty_frames=totals.empty_frames,
            empty_stretches=stretches,
            whole_frames=dict(totals.whole_frames),
            moments=weakest.chosen(),
        )

    def _add_objects(self, frame: FrameObjects, fresh: bool) -> set[int]:
        """Count the objects of a frame; return its tracks."""
        found = frame.detections
        active: set[int] = set()
        if not len(found):
            return active
        scores, class_ids = np.asarray(found.confidence).tolist(), np.asarray(found.class_id).tolist()
        numbers, origins = np.asarray(found.tracker_id).tolist(), np.asarray(found.data["origin"]).tolist()
        boxes = np.asarray(found.xyxy, float)
        appearances = self._totals.appearances
        for place, number in enumerate(numbers):
            name = self.classes[class_ids[place]]
            appearances[name] = appearances.get(name, 0) + 1
            if number < 0:
                continue
            active.add(number)
            track = self._tracks.get(number)
            if track is None:
                track = _Track(number, name, frame.index, frame.time, boxes[place], fresh)
                self._tracks[number] = track
            self._sight(track, frame, boxes[place], scores[place], origins[place])
        return active

    def _sight(self, track: _Track, frame: FrameObjects, box: np.ndarray, score: float, origin: str) -> None:
        if origin == PROPAGATED:
            if track.run_index is None:
                track.run_index, track.run_time = frame.index, frame.time
        else:
            self._end_run(track, frame.time, self._weakest)
        if origin == DETECTED:
            track.score_sum += score
            if score < track.lowest:
                track.lowest, track.lowest_index, track.lowest_time = score, frame.index, frame.time
        track.frames[origin] += 1
        track.last_index, track.last_time, track.last_box = frame.index, frame.time, box
        track.excused_end = False

    def _end_tracks(self, ended: set[int], excused: bool) -> None:
        """Tracks that the frame before had and this one has not; they may come back."""
        for number in ended:
            track = self._tracks[number]
            track.excused_end = excused
            self._end_run(track, track.last_time + self._step, self._weakest)

    def _end_run(self, track: _Track, end: float, weakest: Weakest) -> None:
        if track.run_index is None:
            return
        seconds = end - track.run_time
        if seconds >= LONG_RUN:
            reason = f"followed for {seconds:.1f} s without a sighting"
            severity = min(1.0, 0.25 + seconds / 4)
            middle = (track.run_index + track.last_index) // 2
            weakest.add(Moment(track.run_time + seconds / 2, middle, reason, severity, (track.number,)))
        track.run_index = None

    def _count_empty(self, frame: FrameObjects) -> None:
        totals = self._totals
        if not len(frame.detections) and frame.whole is None:
            totals.empty_frames += 1
            if self._empty_from is None:
                self._empty_from = frame.time
        elif self._empty_from is not None:
            if len(totals.empty_stretches) < STRETCHES:
                totals.empty_stretches.append((self._empty_from, frame.time))
            self._empty_from = None

    def _count_whole(self, reason: str) -> None:
        reasons = self._totals.whole_frames
        if reason not in reasons and len(reasons) >= REASONS:
            reason = "other reasons"
        reasons[reason] = reasons.get(reason, 0) + 1

    def _judge(self, track: _Track, weakest: Weakest) -> None:
        """Find what is doubtful about a track as a whole."""
        number = (track.number,)
        if track.run_index is not None and self._index == track.last_index:
            # The clip ends within a run, which stays open in case the tally goes on.
            run = (track.run_index, track.run_time)
            self._end_run(track, track.last_time + self._step, weakest)
            track.run_index, track.run_time = run
        if not track.excused_start and not self._at_edge(track.first_box):
            weakest.add(Moment(track.first_time, track.first_index, "appears in mid-picture", 0.5, number))
        if track.last_index < self._index and not track.excused_end and not self._at_edge(track.last_box):
            weakest.add(Moment(track.last_time, track.last_index, "disappears in mid-picture", 0.45, number))
        if track.frames[DETECTED] and track.lowest < self.sure:
            severity = 0.05 + 0.4 * (1 - track.lowest / self.sure)
            reason = f"weakly seen (score {track.lowest:.2f})"
            weakest.add(Moment(track.lowest_time, track.lowest_index, reason, severity, number))
        if track.frames[DETECTED] == 1:
            weakest.add(Moment(track.first_time, track.first_index, "sighted in one frame only", 0.3, number))

    def _at_edge(self, box: np.ndarray) -> bool:
        height, width = self.size
        near = (box[0] <= EDGE * width, box[1] <= EDGE * height)
        far = (box[2] >= width * (1 - EDGE), box[3] >= height * (1 - EDGE))
        return any(near) or any(far)

    def _summary(self, track: _Track) -> TrackSummary:
        detected = track.frames[DETECTED]
        return TrackSummary(
            number=track.number,
            name=track.name,
            first_time=track.first_time,
            last_time=track.last_time,
            frames=dict(track.frames),
            lowest_score=round(track.lowest, 4) if detected else None,
            mean_score=round(track.score_sum / detected, 4) if detected else None,
        )


def weak_frames(
    frames: Iterable[FrameObjects], classes: Sequence[str], size: tuple[int, int], *, sure: float = 0.5
) -> dict[int, str]:
    """Find the weakest moments before anything is rendered, so that their pictures can be collected on the way.

    Args:
        frames: of the whole clip, after selection.
        classes: class names as `class_id` counts them.
        size: (height, width) of the display picture.
        sure: score from which the detector is believed.

    Returns:
        Reason by frame number.
    """
    tally = Tally(classes, size, sure=sure)
    for frame in frames:
        tally.add(frame, 0.0)
    return {moment.index: moment.reason for moment in tally.totals().moments}
