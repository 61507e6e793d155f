"""What a detector did wrong in a set of pictures, worst first: objects it missed, and what it saw where nothing is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import supervision as sv

from common.metrics.coco_evaluation import BOX, pair_overlaps
from common.metrics.matching import Matches, match

MISS, FALSE_ALARM = "miss", "false alarm"
OVERLAP = 0.5
LEAST_SHOWN = 0.01  # overlaps are told to two digits


@dataclass(frozen=True)
class Fault:
    """One object missed, or one detection that found nothing.

    Attributes:
        kind: MISS or FALSE_ALARM.
        picture: its place in the set.
        index: place among the picture's objects, or detections.
        class_name: of the object, or of the detection.
        box: (x1, y1, x2, y2) pixels.
        area: of the object in pixels, of its mask where there is one; of the box for a false alarm.
        score: of a false alarm; for a miss the best score of a detection that found it, too low to count; None: none.
        words: what happened.
    """

    kind: str
    picture: int
    index: int
    class_name: str
    box: tuple[float, float, float, float]
    area: float
    score: float | None
    words: str


@dataclass(frozen=True)
class Faults:
    """All that went wrong.

    Attributes:
        misses: the largest object first.
        false_alarms: the most confident first.

    Classes take turns: the worst of each, then the second of each, and so on, so that one class hides no other.
    """

    misses: tuple[Fault, ...]
    false_alarms: tuple[Fault, ...]


def find_faults(
    truth: Sequence[sv.Detections],
    predicted: Sequence[sv.Detections],
    class_names: Sequence[str],
    thresholds: Sequence[float],
    kind: str = BOX,
    overlap: float = OVERLAP,
    *,
    matches: Matches | None = None,
) -> Faults:
    """List what was missed and what was seen in vain.

    Args:
        truth: one a picture, as `common.metrics.matching.match` takes them.
        predicted: one a picture, in the same order.
        class_names: background first.
        thresholds: one a class, background first (not used): score from which a detection counts.
        kind: "box" or "mask": whose overlap.
        overlap: from which a detection finds an object.
        matches: of these pictures and this kind, where they are known already.
    """
    limits = np.asarray(thresholds, float)
    matches = matches or match(truth, predicted, range(1, len(class_names)), kind)
    row = matches.at(overlap)
    found = matches.found_score[row]
    missed = matches.object_counts & ~(found >= limits[matches.object_class])
    in_vain = matches.false_alarm(overlap) & (matches.score >= limits[matches.detection_class])
    judge = _Judge(truth, predicted, class_names, limits, matches, overlap)
    misses = [judge.miss(int(place)) for place in np.flatnonzero(missed)]
    false_alarms = [judge.false_alarm(int(place)) for place in np.flatnonzero(in_vain)]
    return Faults(_in_turn(misses, lambda fault: fault.area), _in_turn(false_alarms, lambda fault: fault.score or 0))


def _in_turn(faults: Sequence[Fault], badness: Callable[[Fault], float]) -> tuple[Fault, ...]:
    """Order by rank within the class, then by badness."""
    seen: Counter[str] = Counter()
    ranked = []
    for fault in sorted(faults, key=badness, reverse=True):
        ranked.append((seen[fault.class_name], -badness(fault), fault))
        seen[fault.class_name] += 1
    return tuple(fault for *_, fault in sorted(ranked, key=lambda each: each[:2]))


class _Judge:
    """Says in words what happened to one object or detection."""

    def __init__(
        self,
        truth: Sequence[sv.Detections],
        predicted: Sequence[sv.Detections],
        class_names: Sequence[str],
        limits: np.ndarray,
        matches: Matches,
        overlap: float,
    ) -> None:
        self._truth, self._predicted, self._names = truth, predicted, class_names
        self._limits, self._matches, self._overlap = limits, matches, overlap
        self._row = matches.at(overlap)

    def miss(self, place: int) -> Fault:
        """Describe the object in this row of the matches."""
        matches = self._matches
        picture, index = int(matches.object_picture[place]), int(matches.object_index[place])
        class_id, score = int(matches.object_class[place]), float(matches.found_score[self._row, place])
        overlaps = self._overlaps(picture)[:, index]
        found = self._predicted[picture]
        classes, scores = np.asarray(found.class_id), np.asarray(found.confidence)
        counting = scores >= self._limits[classes] if len(found) else np.zeros(0, bool)
        others = np.flatnonzero(counting & (overlaps >= self._overlap) & (classes != class_id))
        near = np.flatnonzero(counting & (overlaps > 0) & (classes == class_id))
        words = []
        if len(others):
            best = others[np.argmax(scores[others])]
            words.append(f"taken for {self._names[int(classes[best])]} ({scores[best]:.2f})")
        if np.isfinite(score):
            words.append(f"seen with {_below(score, 3)}, below {self._limits[class_id]:.3f}")
        elif len(near):
            share = overlaps[near].max()
            words.append(f"overlapped by {_below(share)} only" if share >= LEAST_SHOWN else "touched, no more")
        return Fault(
            MISS,
            picture,
            index,
            self._names[class_id],
            _box(self._truth[picture], index),
            float(matches.object_area[place]),
            score if np.isfinite(score) else None,
            "; ".join(words) or "not seen at all",
        )

    def false_alarm(self, place: int) -> Fault:
        """Describe the detection in this row of the matches."""
        matches = self._matches
        picture, index = int(matches.detection_picture[place]), int(matches.detection_index[place])
        class_id = int(matches.detection_class[place])
        overlaps = self._overlaps(picture)[index]
        classes = np.asarray(self._truth[picture].class_id)
        words = "on nothing that is labelled"
        if len(overlaps):
            best = int(np.argmax(overlaps))
            name, share = self._names[int(classes[best])], float(overlaps[best])
            if share >= self._overlap:
                words = f"second sighting of a {name}" if classes[best] == class_id else f"on a {name}"
            elif share >= LEAST_SHOWN:
                words = f"overlaps a {name} by {_below(share)} only"
            elif share > 0:
                words = f"touches a {name}, no more"
        box = _box(self._predicted[picture], index)
        area = (box[2] - box[0]) * (box[3] - box[1])
        return Fault(FALSE_ALARM, picture, index, self._names[class_id], box, area, float(matches.score[place]), words)

    def _overlaps(self, picture: int) -> np.ndarray:
        """(D, N) overlap of every detection with every object of a picture."""
        found, objects = self._predicted[picture], self._truth[picture]
        if not len(found) or not len(objects):
            return np.zeros((len(found), len(objects)))
        return np.asarray(pair_overlaps(found, objects, self._matches.kind))


def _below(value: float, digits: int = 2) -> str:
    """Rounded down: 0.499 is not 0.50."""
    return f"{math.floor(value * 10**digits) / 10**digits:.{digits}f}"


def _box(detections: sv.Detections, index: int) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(value) for value in detections.xyxy[index])
    return x1, y1, x2, y2
