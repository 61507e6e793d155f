"""What slips through: what should be hidden against what was covered, frame by frame, in memory that stays flat.

An *appearance* is one object in one frame. It is covered when at least `threshold` (0.9) of its visible pixels are;
otherwise it leaks. A *leak event* is a run of consecutive frames in which the same object leaks; a frame in which it is
covered, invisible or ignored ends the run. *Flicker* is how often an object changes between covered and leaking, per
100 pairs of consecutive appearances: 0 for a mask that never comes or goes. *False cover* is the share of the frame's
area that is covered and lies further from every object than `margin` times that object's longer side: masks are grown
on purpose, so a rim is no mistake; *outside* is the same without that margin.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import supervision as sv

from common.detections import FrameObjects

THRESHOLD = 0.9
MARGIN = 0.25
LONGEST_EVENTS = 50


@dataclass(frozen=True)
class TruthObject:
    """What is really to be seen of one object in one frame.

    Attributes:
        number: of the object, the same in all frames.
        left: picture column at which `mask` starts.
        top: picture row at which `mask` starts.
        mask: (h, w) bool, the visible pixels.
        ignored: it is no appearance, but covering it is not false either.
    """

    number: int
    left: int
    top: int
    mask: np.ndarray
    ignored: bool = False


@dataclass(frozen=True)
class Appearance:
    """One object in one frame.

    Attributes:
        number: of the object.
        pixels: of it that are visible.
        bare: those of them that are not covered.
        leaks: fewer than the threshold are covered.
    """

    number: int
    pixels: int
    bare: int
    leaks: bool


@dataclass(frozen=True)
class FrameLeak:
    """What slipped through one frame.

    Attributes:
        appearances: the objects that count, in the order given.
        false_cover: share of the frame covered beyond every object's margin, 0..1.
        outside: share of the frame covered outside every object, 0..1.
        beyond: (H, W) bool, what is covered beyond every object's margin.
    """

    appearances: tuple[Appearance, ...]
    false_cover: float
    outside: float
    beyond: np.ndarray = field(repr=False, compare=False)


@dataclass(frozen=True, order=True)
class LeakEvent:
    """A run of frames in which one object leaks."""

    frames: int
    number: int
    first: int


@dataclass(frozen=True)
class LeakReport:
    """What slipped through a clip.

    Attributes:
        frames: of the clip.
        appearances: objects times frames.
        covered: appearances of which at least the threshold was covered.
        leak_frames: frames in which at least one appearance leaks.
        events: runs of leaking frames of one object.
        longest: frames of the longest event.
        bare_pixels: share of all objects' visible pixels that was left bare, 0..1.
        false_cover: mean share of the frame covered beyond every object's margin, 0..1.
        outside: mean share of the frame covered outside every object, 0..1.
        flicker: changes between covered and leaking per 100 consecutive pairs of appearances.
        longest_events: the longest events, longest first, at most 50.
    """

    frames: int
    appearances: int
    covered: int
    leak_frames: int
    events: int
    longest: int
    bare_pixels: float
    false_cover: float
    outside: float
    flicker: float
    longest_events: tuple[LeakEvent, ...] = ()

    @property
    def covered_share(self) -> float:
        """Covered appearances among all, 0..1; 1 when there was nothing to cover."""
        return self.covered / self.appearances if self.appearances else 1.0


@dataclass
class _Sighting:
    """The last appearance of an object, and how long it has been leaking."""

    frame: int
    leaks: bool
    run: int


@dataclass
class LeakMeter:
    """Takes frames one by one; holds a few numbers an object and nothing a frame.

    Attributes:
        threshold: share of an object's visible pixels from which it counts as covered.
        margin: rim around an object that may be covered, in shares of the longer side of its box.
    """

    threshold: float = THRESHOLD
    margin: float = MARGIN
    _last: dict[int, _Sighting] = field(default_factory=dict)
    _longest: list[LeakEvent] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=dict)
    _false: float = 0.0
    _outside: float = 0.0

    def add(self, truth: Sequence[TruthObject], covered: np.ndarray) -> FrameLeak:
        """Take the next frame.

        Args:
            truth: the objects in it; masks lie within the frame.
            covered: (H, W) bool, True where the picture was made unrecognisable.

        Returns:
            What this frame comes to.
        """
        frame = self._count("frames")
        counting = [item for item in truth if not item.ignored and item.mask.any()]
        appearances = tuple(self._appearance(frame, item, covered) for item in counting)
        self._count("leak_frames", any(each.leaks for each in appearances))
        self._end_runs(frame)
        false_cover, outside, beyond = self._excess(truth, covered)
        return FrameLeak(appearances, false_cover, outside, beyond)

    def _count(self, name: str, amount: int | bool = 1) -> int:
        before = self._counts.get(name, 0)
        self._counts[name] = before + int(amount)
        return before

    def _appearance(self, frame: int, item: TruthObject, covered: np.ndarray) -> Appearance:
        height, width = item.mask.shape
        hidden = covered[item.top : item.top + height, item.left : item.left + width] & item.mask
        pixels, bare = int(item.mask.sum()), int(item.mask.sum()) - int(hidden.sum())
        leaks = pixels - bare < self.threshold * pixels
        self._count("appearances")
        self._count("covered", not leaks)
        self._count("pixels", pixels)
        self._count("bare", bare)
        last = self._last.get(item.number)  # of the frame before: older ones were forgotten
        run = 0
        if last is not None:
            self._count("pairs")
            self._count("changes", last.leaks != leaks)
            run = last.run
            if last.run and not leaks:
                self._ended(item.number, last)
        self._count("events", leaks and run == 0)
        self._last[item.number] = _Sighting(frame, leaks, run + 1 if leaks else 0)
        return Appearance(item.number, pixels, bare, leaks)

    def _end_runs(self, frame: int) -> None:
        """Forget objects that are not in this frame; numbers may be many over a long clip."""
        for number in [number for number, last in self._last.items() if last.frame != frame]:
            last = self._last.pop(number)
            if last.run:
                self._ended(number, last)

    def _ended(self, number: int, last: _Sighting) -> None:
        event = LeakEvent(last.run, number, last.frame - last.run + 1)
        if len(self._longest) < LONGEST_EVENTS:
            heapq.heappush(self._longest, event)
        else:
            heapq.heappushpop(self._longest, event)

    def _excess(self, truth: Sequence[TruthObject], covered: np.ndarray) -> tuple[float, float, np.ndarray]:
        """Return the shares covered beyond every margin, and outside every object; and what is beyond."""
        outside = covered.copy()
        for item in truth:
            height, width = item.mask.shape
            outside[item.top : item.top + height, item.left : item.left + width] &= ~item.mask
        share = float(outside.mean())
        for item in truth:
            _clear_rim(outside, item, self.margin)
        false = float(outside.mean())
        self._outside += share
        self._false += false
        return false, share, outside

    def report(self) -> LeakReport:
        """Return the numbers of all frames so far."""
        counts, frames = self._counts, self._counts.get("frames", 0)
        running = [
            LeakEvent(last.run, number, last.frame - last.run + 1) for number, last in self._last.items() if last.run
        ]
        longest = tuple(sorted([*self._longest, *running], reverse=True)[:LONGEST_EVENTS])
        return LeakReport(
            frames=frames,
            appearances=counts.get("appearances", 0),
            covered=counts.get("covered", 0),
            leak_frames=counts.get("leak_frames", 0),
            events=counts.get("events", 0),
            longest=longest[0].frames if longest else 0,
            bare_pixels=counts.get("bare", 0) / max(counts.get("pixels", 0), 1),
            false_cover=self._false / max(frames, 1),
            outside=self._outside / max(frames, 1),
            flicker=100 * counts.get("changes", 0) / max(counts.get("pairs", 0), 1),
            longest_events=longest,
        )


def _clear_rim(covered: np.ndarray, item: TruthObject, margin: float) -> None:
    """Set to False, in place, what lies within the margin of an object."""
    rows, columns = np.flatnonzero(item.mask.any(axis=1)), np.flatnonzero(item.mask.any(axis=0))
    if not len(rows):
        return
    reach = margin * (max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1)
    pad = int(np.ceil(reach)) + 1
    around = np.pad(~item.mask, pad, constant_values=True).astype(np.uint8)
    near = cv2.distanceTransform(around, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= reach
    top, left = item.top - pad, item.left - pad
    inside = covered[max(top, 0) : top + near.shape[0], max(left, 0) : left + near.shape[1]]
    offset_y, offset_x = max(-top, 0), max(-left, 0)
    inside &= ~near[offset_y : offset_y + inside.shape[0], offset_x : offset_x + inside.shape[1]]


def measure(
    frames: Iterable[tuple[Sequence[TruthObject], np.ndarray]], threshold: float = THRESHOLD, margin: float = MARGIN
) -> LeakReport:
    """Measure a whole clip.

    Args:
        frames: the objects and the (H, W) bool covered region of each frame, in order.
        threshold: share of an object's visible pixels from which it counts as covered.
        margin: rim around an object that may be covered, in shares of the longer side of its box.
    """
    meter = LeakMeter(threshold, margin)
    for truth, covered in frames:
        meter.add(truth, covered)
    return meter.report()


def truth_objects(objects: FrameObjects, size: tuple[int, int], ignored: Sequence[int] = ()) -> list[TruthObject]:
    """Return what a frame of a detections file holds, taken as truth; boxes where there are no masks.

    Args:
        objects: of one frame. Objects without a track get numbers below zero by their place in the frame.
        size: (height, width) of the frame.
        ignored: class ids that are neither appearances nor false when covered.
    """
    found = []
    for place, (box, class_id, track) in enumerate(
        zip(
            objects.detections.xyxy,
            np.asarray(objects.detections.class_id),
            np.asarray(objects.detections.tracker_id),
            strict=True,
        )
    ):
        left, top, mask = _visible(objects.detections, place, box, size)
        number = int(track) if track >= 0 else -1 - place
        found.append(TruthObject(number, left, top, mask, int(class_id) in ignored))
    return found


def _visible(
    detections: sv.Detections, place: int, box: np.ndarray, size: tuple[int, int]
) -> tuple[int, int, np.ndarray]:
    """Return left, top and the (h, w) bool crop of one object's mask, or of its box when the mask is empty."""
    masks = detections.mask
    if isinstance(masks, sv.CompactMask) and masks.area[place]:
        left, top = (int(number) for number in masks.offsets[place])
        return left, top, np.asarray(masks.crop(place), bool)
    left, top = (int(number) for number in np.clip(np.floor(box[:2]), 0, size[::-1]))
    right, bottom = (int(number) for number in np.clip(np.ceil(box[2:]), 0, size[::-1]))
    if masks is None or isinstance(masks, sv.CompactMask) or not masks[place].any():
        return left, top, np.ones((bottom - top, right - left), bool)
    return left, top, np.asarray(masks[place, top:bottom, left:right], bool)
