"""What was covered in a video, frame by frame: as a run recorded it, as pixels show it, or as a detector alone would.

recorded  the detections file beside a masked video: its objects, grown and shaped as the run's settings in its first
          line say. The soft edge does not count. (The renderer rounds outwards to the chroma grid besides: up to one
          pixel more than is counted here.)
rendered  the masked video itself against the original: pixels that changed. For masks by any tool.
detected  a detector on every frame alone, without linking: what a frame-by-frame tool would cover.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import supervision as sv

from common.detections import FrameObjects, Header, read_detections
from common.detectors.detector import Detector
from common.errors import UserError
from common.leak import TruthObject, truth_objects
from common.region import DEFAULT_GROW, USUAL_GROW, Length, RegionShape, object_regions
from common.video.frame import Frame
from common.video.reader import FrameReader
from evaluate.leak import SAME_TIME, Covered

TOLERANCE = 8  # levels of 255 that encoding alone may change a sample by
CLOSING = 1 / 40  # of the picture's shorter side: gaps that are closed between changed pixels
SPECK = 3  # side in pixels of the smallest change that is believed
HIDE_NOTHING = ("none", "outline")
HIDE_BACKGROUND = ("background", "cutout")


def recorded(path: Path, header: Header) -> Iterator[Covered]:
    """Yield what a run covered, from its detections file.

    Args:
        path: the file.
        header: its first line.

    Raises:
        UserError: the file does not say how its objects were covered, or a rule left some of them open.
    """
    shape = region_shape(path, header)
    for objects in read_detections(path):
        yield Covered(objects.time, region(objects, header.size, shape), _tracks(objects, header.size))


def _tracks(objects: FrameObjects, size: tuple[int, int]) -> tuple[TruthObject, ...] | None:
    """Return the sightings of a frame, None where one of them has no track."""
    found = truth_objects(objects, size)
    return None if any(each.number < 0 for each in found) else tuple(found)


def region_shape(path: Path, header: Header) -> RegionShape | None:
    """Return how a detections file's objects become regions; None: nothing is hidden.

    Raises:
        UserError: see `recorded`.
    """
    cover: dict[str, Any] = header.settings.get("cover") or {}
    rules: dict[str, Any] = header.settings.get("rules") or {}
    set_rules = [name for name, value in rules.items() if value]
    if set_rules:
        raise UserError(
            f"{path}: the run had rules ({', '.join(set_rules)}) that leave things open or cover more, which its "
            "detections do not show; judge the masked video itself with --masked"
        )
    effect = cover.get("effect", "pixelate")
    if effect in HIDE_BACKGROUND:
        raise UserError(f"{path}: the effect {effect} keeps the objects and hides the rest; there is no leak to judge")
    if effect in HIDE_NOTHING:
        return None
    grow, more, feather = (_length(cover.get(name)) for name in ("grow", "more", "feather"))
    written = cover.get(USUAL_GROW, {})
    if not isinstance(written, dict):
        raise UserError(f"{path}: {USUAL_GROW} is {written!r} in its first line; expected lengths by shape")
    usual = {str(kind): Length.parse(length) for kind, length in written.items()}
    return RegionShape(cover.get("shape") or "mask", grow, feather, more=more or Length(0), usual=DEFAULT_GROW | usual)


def _length(given: Any) -> Length | None:
    return None if given is None else Length.parse(given if isinstance(given, str) else float(given))


def region(objects: FrameObjects, size: tuple[int, int], shape: RegionShape | None) -> np.ndarray:
    """Return the (H, W) bool region in which nothing of the picture is left."""
    covered = np.zeros(size, bool)
    if shape is None:
        return covered
    if objects.whole:
        return ~covered
    for each in object_regions(objects.detections, size, shape):
        height, width = each.alpha.shape
        covered[each.top : each.top + height, each.left : each.left + width] |= each.alpha == 255
    return covered


def hidden_classes(headers: Sequence[Header]) -> tuple[str, ...]:
    """Return the classes that runs were asked to hide; all that their files know where they do not say."""
    asked = [_asked(header) or header.classes for header in headers]
    return tuple(dict.fromkeys(name for names in asked for name in names))


def _asked(header: Header) -> tuple[str, ...]:
    search = header.settings.get("search")
    classes = search.get("classes") if isinstance(search, dict) else None
    return tuple(str(name) for name in classes) if isinstance(classes, list) else ()


def of_fragment(header: Header) -> bool:
    """Whether a run looked at a part of the video only."""
    return any(header.settings.get(key) is not None for key in ("start", "end"))


def rendered(original: Path, masked: Path, tolerance: int = TOLERANCE) -> Iterator[Covered]:
    """Yield where a masked video differs from its original.

    A pixel counts as covered where a channel differs by more than `tolerance`; specks are dropped, and gaps narrower
    than 1/20 of the picture's shorter side are closed, since a mosaic or blur hits the right colour here and there.

    Raises:
        UserError: the two do not have the same frames at the same times.
    """
    with FrameReader(original) as before, FrameReader(masked) as after:
        for first, second in _same_frames(before, after, original, masked):
            yield Covered(first.time, changed(first.rgb(), second.rgb(), tolerance))


def _same_frames(
    before: Iterable[Frame], after: Iterable[Frame], original: Path, masked: Path
) -> Iterator[tuple[Frame, Frame]]:
    """Yield frame by frame what belongs together; refuse what does not.

    Times are counted from the first frame of each, since some tools let a video that starts late start at zero. They
    may differ by less than half of the time since the frame before.
    """
    pairs = zip(before, after, strict=True)
    starts, last = (0.0, 0.0), 0.0
    while True:
        try:
            first, second = next(pairs)
        except StopIteration:
            return
        except ValueError as error:
            raise UserError(f"{masked} has not as many frames as {original}; give what was made from it") from error
        if first.display_size != second.display_size:
            raise UserError(f"{masked} is not of the size of {original}; give what was made from it")
        if first.index == 0:
            starts = (first.time, second.time)
        time, other = first.time - starts[0], second.time - starts[1]
        if first.index and abs(time - other) >= max((time - last) / 2, SAME_TIME):
            raise UserError(
                f"{masked} has frame {first.index} {other:.3f} s after its first one, {original} {time:.3f} s: another "
                "frame rate or other frames; give what was made from it, at its frame rate"
            )
        last = time
        yield first, second


def changed(before: np.ndarray, after: np.ndarray, tolerance: int = TOLERANCE) -> np.ndarray:
    """Return where two (H, W, 3) uint8 pictures differ, as `rendered` counts it: (H, W) bool."""
    difference = cv2.absdiff(before, after).max(axis=2)
    differs = (difference > tolerance).astype(np.uint8)
    differs = cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((SPECK, SPECK), np.uint8))
    radius = max(1, round(CLOSING * min(differs.shape)))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    padded = cv2.copyMakeBorder(differs, radius, radius, radius, radius, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disk)
    return np.asarray(closed[radius:-radius, radius:-radius] > 0)


def detected(
    video: Path, detector: Detector, classes: tuple[str, ...], sure: float | None = None, batch: int = 4
) -> Iterator[Covered]:
    """Yield what a detector would cover if each frame stood alone, shaped by the defaults.

    Args:
        video: to look at.
        detector: that looks.
        classes: of the detector, that are to be hidden.
        sure: score from which a sighting is covered; None: the detector's own.
        batch: frames that it looks at together.
    """
    wanted = [place for place, name in enumerate(detector.classes) if name in classes]
    least = detector.sure if sure is None else sure
    with FrameReader(video) as reader:
        waiting: list[Frame] = []
        for frame in reader:
            waiting.append(frame)
            if len(waiting) == batch:
                yield from _looked_at(waiting, detector, wanted, least)
                waiting = []
        if waiting:
            yield from _looked_at(waiting, detector, wanted, least)


def _looked_at(frames: list[Frame], detector: Detector, wanted: list[int], least: float) -> Iterator[Covered]:
    pictures = [frame.rgb() for frame in frames]
    for frame, picture, found in zip(frames, pictures, detector(pictures), strict=True):
        believed = np.isin(np.asarray(found.class_id), wanted) & (np.asarray(found.confidence) >= least)
        kept: sv.Detections = found[believed] if len(found) else found  # type: ignore[assignment]
        objects = FrameObjects(frame.index, frame.time, kept, whole=frame.corrupt)
        yield Covered(frame.time, region(objects, (picture.shape[0], picture.shape[1]), RegionShape()))
