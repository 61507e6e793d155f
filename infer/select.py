"""Which of the objects that were found are hidden: by track, class, zone and time.

Where a rule leaves room, more is covered: an object counts as inside a zone that hides when it touches it, and as
inside a zone that leaves visible only when it lies in it wholly. A frame that is covered whole stays so, and what
somebody set by hand stays covered unless its own track is excluded.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import supervision as sv

from common.detections import MANUAL, FrameObjects, make_detections
from common.errors import UserError
from common.rle import compact_mask
from common.times import parse_time
from infer.classes import BUILT_IN, WAITING, match_class

ZONE_CLASS = "zone"  # the class of rectangles that `--zone-cover` adds
NUMBER = r"\d+(?:\.\d*)?|\.\d+"


@dataclass(frozen=True)
class Span:
    """A time window in seconds of the source, `end` exclusive; None leaves a side open."""

    start: float | None = None
    end: float | None = None

    def __contains__(self, time: float) -> bool:
        return (self.start is None or time >= self.start) and (self.end is None or time < self.end)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse "FROM-TO", either side may be left out; times as in `parse_time`."""
        first, dash, last = text.partition("-")
        span = cls(*(parse_time(part) if part.strip() else None for part in (first, last)))
        if not dash or span == cls():
            raise UserError(f'"{text}" is not a time window; expected FROM-TO, e.g. 0:05-0:12.5, or 30- for all after')
        if span.start is not None and span.end is not None and span.end <= span.start:
            raise UserError(f'the time window "{text}" ends before it begins; expected FROM-TO')
        return span


@dataclass(frozen=True)
class Zone:
    """A rectangle of the display picture, while `span` lasts.

    Attributes:
        box: (x1, y1, x2, y2), each a number of pixels, or a share of the side (0..1) where `shares` says so.
        shares: for each number whether it is a share.
        span: when the zone is in force.
        text: as the user wrote it.
    """

    box: tuple[float, float, float, float]
    shares: tuple[bool, bool, bool, bool] = (False, False, False, False)
    span: Span = Span()
    text: str = ""

    def pixels(self, size: tuple[int, int]) -> np.ndarray:
        """Return (4,) float (x1, y1, x2, y2) pixels within a picture of `size` (height, width).

        Raises:
            UserError: no part of the zone lies inside the picture.
        """
        height, width = size
        sides = np.array([width, height, width, height], float)
        box = np.array([n * side if share else n for n, side, share in zip(self.box, sides, self.shares, strict=True)])
        box = np.clip(box, 0, sides)
        if box[2] <= box[0] or box[3] <= box[1]:
            raise UserError(f'the zone "{self.text}" holds nothing of a picture of {width}x{height}; check its numbers')
        return box

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse "X1,Y1,X2,Y2" in pixels or percent (10%), and "@FROM-TO" behind it for a time window."""
        numbers, at, times = text.partition("@")
        found = [re.fullmatch(rf"\s*({NUMBER})\s*(%?)\s*", part) for part in numbers.split(",")]
        if len(found) != 4 or not all(found):
            raise UserError(
                f'"{text}" is not a zone; expected X1,Y1,X2,Y2 in pixels or percent, e.g. 0,0,50%,100%@0:05-0:12'
            )
        shares = tuple(bool(match and match[2]) for match in found)
        box = tuple(
            float(match[1]) / (100 if share else 1) for match, share in zip(found, shares, strict=True) if match
        )
        if any(share and number > 1 for number, share in zip(box, shares, strict=True)):
            raise UserError(f'the zone "{text}" goes beyond 100 %; percents are of the width and height of the picture')
        return cls(box, shares, Span.parse(times) if at else Span(), text)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Rules:
    """What is kept and what is left out.

    Attributes:
        keep_tracks: only these tracks are hidden; empty: all.
        exclude_tracks: these tracks are not hidden.
        keep_classes: only these classes are hidden; empty: all.
        exclude_classes: these classes are not hidden.
        zones: only objects that touch one of these are hidden, while it is in force; when none is in force at a time,
            nothing is restricted.
        zones_exclude: objects that lie wholly inside one of these are not hidden while it is in force.
        zones_cover: always covered while in force, whatever is found.
        between: only in these windows anything is hidden; empty: always.
    """

    keep_tracks: tuple[int, ...] = ()
    exclude_tracks: tuple[int, ...] = ()
    keep_classes: tuple[str, ...] = ()
    exclude_classes: tuple[str, ...] = ()
    zones: tuple[Zone, ...] = ()
    zones_exclude: tuple[Zone, ...] = ()
    zones_cover: tuple[Zone, ...] = ()
    between: tuple[Span, ...] = ()

    def __bool__(self) -> bool:
        return self != Rules()

    def __post_init__(self) -> None:
        both = sorted(set(self.keep_tracks) & set(self.exclude_tracks))
        if both:
            raise UserError(f"track {both[0]} is both kept hidden (--keep) and left visible (--exclude); choose one")
        named = [name for name in self.keep_classes if name in self.exclude_classes]
        if named:
            raise UserError(
                f"{named[0]} is both kept hidden (--keep-class) and left visible (--exclude-class); choose one"
            )

    @classmethod
    def parse(cls, flags: Any, known: Sequence[str] = ()) -> Self:
        """Build rules from parsed flags.

        Args:
            flags: an `argparse.Namespace` or the like; lists of texts in `keep`, `exclude` (tracks), `keep_class`,
                `exclude_class`, `zone`, `zone_exclude`, `zone_cover` and `between`; what is absent sets nothing.
            known: see `parse_classes`.

        Raises:
            UserError: a text cannot be understood.
        """

        def texts(name: str) -> Sequence[str]:
            return getattr(flags, name, None) or ()

        return cls(
            keep_tracks=parse_tracks(texts("keep")),
            exclude_tracks=parse_tracks(texts("exclude")),
            keep_classes=parse_classes(texts("keep_class"), known),
            exclude_classes=parse_classes(texts("exclude_class"), known),
            zones=tuple(Zone.parse(text) for text in texts("zone")),
            zones_exclude=tuple(Zone.parse(text) for text in texts("zone_exclude")),
            zones_cover=tuple(Zone.parse(text) for text in texts("zone_cover")),
            between=tuple(Span.parse(text) for text in texts("between")),
        )

    def classes(self, found: Sequence[str]) -> tuple[str, ...]:
        """Class names after the selection: those of the detector, and "zone" when rectangles are added."""
        return (*found, ZONE_CLASS) if self.zones_cover and ZONE_CLASS not in found else tuple(found)


class Selector:
    """Applies rules to the objects of a clip, frame by frame.

    Attributes:
        removed: appearances that were left visible, by the rule that did it.
        removed_tracks: tracks that lost an appearance.
        seen_tracks: all tracks that went through.
    """

    def __init__(self, rules: Rules, size: tuple[int, int], classes: Sequence[str]) -> None:
        """Prepare.

        Args:
            rules: what is kept and left out.
            size: (height, width) of the display picture.
            classes: class names as `class_id` in the frames counts them; `rules.classes(classes)` holds afterwards.

        Raises:
            UserError: a zone lies outside the picture, or a class is unknown.
        """
        unknown = [name for name in (*rules.keep_classes, *rules.exclude_classes) if name not in classes]
        if unknown:
            raise UserError(f'no class "{unknown[0]}" among those looked for ({", ".join(classes)})')
        self.rules = rules
        self.size = size
        self.classes = rules.classes(classes)
        self.removed: Counter[str] = Counter()
        self.removed_tracks: set[int] = set()
        self.seen_tracks: set[int] = set()
        self._zones = [(zone.span, zone.pixels(size)) for zone in rules.zones]
        self._exclude = [(zone.span, zone.pixels(size)) for zone in rules.zones_exclude]
        self._cover = [(zone.span, zone.pixels(size)) for zone in rules.zones_cover]

    def __call__(self, frames: Iterable[FrameObjects]) -> Iterator[FrameObjects]:
        """Yield each frame with the objects that are to be hidden; frames given are not changed."""
        return map(self.select, frames) if self.rules else iter(frames)

    def select(self, frame: FrameObjects) -> FrameObjects:
        """Apply the rules to one frame."""
        detections = frame.detections
        if len(detections):
            detections = self._kept(detections, frame.time)
        boxes = [box for span, box in self._cover if frame.time in span]
        if boxes:
            detections = _with_boxes(detections, np.array(boxes), self.classes.index(ZONE_CLASS), self.size)
        return replace(frame, detections=detections)

    def notes(self) -> list[str]:
        """Say in words what the rules did, and which of them met nothing."""
        notes = [f"{count} appearances left visible by {rule}" for rule, count in self.removed.items()]
        unseen = sorted({*self.rules.keep_tracks, *self.rules.exclude_tracks} - self.seen_tracks)
        if unseen:
            notes.append(f"no such track in this clip: {', '.join(map(str, unseen))}")
        return notes

    def _kept(self, detections: sv.Detections, time: float) -> sv.Detections:
        rules, tracks = self.rules, np.asarray(detections.tracker_id)
        manual = np.asarray(np.asarray(detections.data["origin"]) == MANUAL)
        excluded = np.isin(tracks, rules.exclude_tracks) & (tracks >= 0)
        verdicts: dict[str, np.ndarray] = {"--exclude": excluded}
        if rules.keep_tracks:
            verdicts["--keep"] = ~np.isin(tracks, rules.keep_tracks) & ~manual
        verdicts["class"] = self._wrong_class(np.asarray(detections.class_id)) & ~manual
        boxes = np.asarray(detections.xyxy, float)
        zones = [box for span, box in self._zones if time in span]
        if zones:
            verdicts["--zone"] = ~np.any([_touches(boxes, box) for box in zones], axis=0) & ~manual
        zones = [box for span, box in self._exclude if time in span]
        if zones:
            clipped = np.clip(boxes, 0, [self.size[1], self.size[0]] * 2)
            verdicts["--zone-exclude"] = np.any([_within(clipped, box) for box in zones], axis=0) & ~manual
        if rules.between and not any(time in span for span in rules.between):
            verdicts["--between"] = ~manual
        gone = np.zeros(len(detections), bool)
        for rule, verdict in verdicts.items():
            self.removed[rule] += int((verdict & ~gone).sum())
            gone = gone | verdict
        self.removed = +self.removed
        self.removed_tracks |= {int(track) for track in tracks[gone] if track >= 0}
        self.seen_tracks |= {int(track) for track in tracks if track >= 0}
        kept: sv.Detections = detections[~gone] if gone.any() else detections  # type: ignore[assignment]
        return kept

    def _wrong_class(self, class_ids: np.ndarray) -> np.ndarray:
        wrong = np.isin(class_ids, [self.classes.index(name) for name in self.rules.exclude_classes])
        if self.rules.keep_classes:
            wrong = wrong | ~np.isin(class_ids, [self.classes.index(name) for name in self.rules.keep_classes])
        return wrong


def parse_tracks(texts: Iterable[str]) -> tuple[int, ...]:
    """Parse track numbers with commas and ranges: "1,4,7-9".

    Raises:
        UserError: a part is no number or range.
    """
    tracks: set[int] = set()
    for part in (part.strip() for text in texts for part in text.split(",")):
        match = re.fullmatch(r"(\d{1,9})(?:\s*-\s*(\d{1,9}))?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first or last - first > 100_000:
            raise UserError(f'"{part}" is not a track; expected numbers as in the report, e.g. 1,4 or 7-9')
        tracks |= set(range(first, last + 1))
    return tuple(sorted(tracks))


def parse_classes(texts: Iterable[str], known: Sequence[str] = ()) -> tuple[str, ...]:
    """Parse names of classes with commas, written as in `infer.classes`: "Faces, tvs".

    Args:
        texts: each may hold several.
        known: classes besides those of `infer.classes`, e.g. of a model.

    Raises:
        UserError: a name is unknown; the nearest are suggested.
    """
    names: dict[str, None] = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        name = match_class(part, {"": tuple(known), **BUILT_IN})
        if name is None:
            names_known = [*known, *(name for found in BUILT_IN.values() for name in found), *WAITING]
            close = difflib.get_close_matches(part.casefold(), names_known, 3)
            hint = f"did you mean {' or '.join(close)}?" if close else "`python -m infer classes` lists what there is"
            raise UserError(f'unknown class "{part}"; {hint}')
        names[name] = None
    return tuple(names)


def _touches(boxes: np.ndarray, zone: np.ndarray) -> np.ndarray:
    """(N,) bool: which of (N, 4) boxes share a point with the zone."""
    return np.asarray((boxes[:, :2] < zone[2:]).all(axis=1) & (boxes[:, 2:] > zone[:2]).all(axis=1))


def _within(boxes: np.ndarray, zone: np.ndarray) -> np.ndarray:
    """(N,) bool: which of (N, 4) boxes lie in the zone wholly."""
    return np.asarray((boxes[:, :2] >= zone[:2]).all(axis=1) & (boxes[:, 2:] <= zone[2:]).all(axis=1))


def _with_boxes(detections: sv.Detections, boxes: np.ndarray, class_id: int, size: tuple[int, int]) -> sv.Detections:
    """Append (M, 4) boxes set by hand; where the others have masks, theirs are empty: the box counts."""
    count = len(boxes)
    masks: Any = detections.mask if len(detections) else None
    if masks is not None:
        empty = compact_mask([[size[0] * size[1]]] * count, size)
        compact = isinstance(masks, sv.CompactMask)
        masks = sv.CompactMask.merge([masks, empty]) if compact else np.concatenate([masks, empty.to_dense()])
    return make_detections(
        np.concatenate([detections.xyxy, boxes]),
        np.concatenate([np.asarray(detections.confidence), np.ones(count)]),
        np.concatenate([np.asarray(detections.class_id), np.full(count, class_id)]),
        np.concatenate([np.asarray(detections.tracker_id), np.full(count, -1)]),
        np.concatenate([detections.data["origin"], np.full(count, MANUAL)]),
        masks,
    )
