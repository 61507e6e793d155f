"""Detections as data: one line of JSON a frame, made to be read, edited by hand and read again.

The first line is the header: {"format": "hide-in-video detections", "version": 1, "width", "height" (display picture),
"classes": [names], "source": name, "settings": {...}, "sha256": of the source file}. Every further line is a frame:
{"frame": index, "time": seconds, "whole": reason or null, "objects": [{"class", "score", "box": [x1, y1, x2, y2]
pixels, "track": number or null, "origin", "mask": COCO RLE {"size": [h, w], "counts": text} or absent}]}, and where it
applies "cut": true (a new scene begins) and "doubts": [what to check by eye].

By hand, "source", "settings" and "sha256" may be left out, "whole" too (null), and in an object "score" (1), "track"
(null), "origin" ("manual") and "mask" (the box is covered). Anything else that is missing, misspelled or out of order
is an error that names the line: a typo must not uncover somebody. Frames count from 0 without a gap.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self, TextIO

import numpy as np
import supervision as sv

from common.errors import UserError
from common.rle import check_runs, compact_mask, compress, decompress, encode_masks

FORMAT = "hide-in-video detections"
DETECTED, PROPAGATED, MANUAL = "detected", "propagated", "manual"
ORIGINS = (DETECTED, PROPAGATED, MANUAL)
VERSION = 1
LARGEST = 1e9  # no coordinate or time is beyond; NaN is not within
FRAME_KEYS = ("frame", "time", "whole", "objects", "cut", "doubts")
OBJECT_KEYS = ("class", "score", "box", "track", "origin", "mask")


@dataclass
class FrameObjects:
    """What is to be hidden in one frame.

    Attributes:
        index: place of the frame in what was read.
        time: seconds since the source's zero.
        detections: boxes in display pixels. `class_id`, `confidence`, `tracker_id` (-1: none) are always set,
            `data["origin"]` is an array of "detected", "propagated" or "manual".
        whole: why the frame is covered whole, or None.
        cut: a new scene begins with this frame.
        doubts: what somebody should check in this frame by eye, in words, e.g. a weak sighting that was not believed.
    """

    index: int
    time: float
    detections: sv.Detections
    whole: str | None = None
    cut: bool = False
    doubts: tuple[str, ...] = ()


@dataclass
class Header:
    """First line of a detections file.

    Attributes:
        width: of the display picture, pixels.
        height: of the display picture, pixels.
        classes: names, as `class_id` counts them.
        source: name of the file that the detections were made from.
        settings: with which they were made.
        sha256: hash of that file's bytes in hexadecimal; "" when nobody knows.
    """

    width: int
    height: int
    classes: tuple[str, ...]
    source: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the display picture."""
        return self.height, self.width


def make_detections(
    boxes: np.ndarray,
    scores: np.ndarray | Sequence[float],
    class_ids: np.ndarray | Sequence[int],
    tracks: np.ndarray | Sequence[int] | None = None,
    origins: Sequence[str] | np.ndarray | None = None,
    masks: Any = None,
) -> sv.Detections:
    """Build `Detections` that carry everything `FrameObjects` promises.

    Args:
        boxes: (N, 4) (x1, y1, x2, y2) pixels.
        scores: (N,) in 0..1.
        class_ids: (N,).
        tracks: (N,) track numbers, -1 for none; default none.
        origins: (N,) of `ORIGINS`; default detected.
        masks: (N, H, W) bool, `supervision.CompactMask` or None. An empty mask stands for none: then the box counts.
    """
    count = len(boxes)
    return sv.Detections(
        xyxy=np.asarray(boxes, np.float32).reshape(count, 4),
        confidence=np.asarray(scores, np.float32).reshape(count),
        class_id=np.asarray(class_ids, int).reshape(count),
        tracker_id=np.full(count, -1) if tracks is None else np.asarray(tracks, int).reshape(count),
        mask=masks,
        data={"origin": np.array([DETECTED] * count if origins is None else origins, dtype="<U10")},
    )


class DetectionsWriter:
    """Writes a detections file frame by frame; a context manager.

    Use `with DetectionsWriter(path, header) as writer: writer.write(objects)`.

    Attributes:
        frames: frames written so far.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.header = header
        self.frames = 0
        self._encoder = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        """Open the file and write the header.

        Raises:
            UserError: the file cannot be written.
        """
        first = {"format": FORMAT, "version": VERSION, "width": self.header.width, "height": self.header.height}
        first |= {"classes": list(self.header.classes), "source": self.header.source, "settings": self.header.settings}
        if self.header.sha256:
            first["sha256"] = self.header.sha256
        line = self._encoder.encode(first)
        try:
            self._file = self.path.open("w", encoding="utf-8", newline="\n", buffering=1 << 20)
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror}; name a place that can be written") from error
        self._file.write(line + "\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def write(self, objects: FrameObjects) -> None:
        """Append one frame.

        Args:
            objects: the next frame: its index is the number of frames written before.

        Raises:
            ValueError: the frame is out of order, or a box, score or class is not one.
        """
        if self._file is None:
            raise ValueError("the detections file is not open: use the writer in a with statement")
        if objects.index != self.frames:
            raise ValueError(f"frame {objects.index} given where frame {self.frames} is next")
        frame: dict[str, Any] = {"frame": objects.index, "time": round(objects.time, 6), "whole": objects.whole}
        if objects.cut:
            frame["cut"] = True
        if objects.doubts:
            frame["doubts"] = list(objects.doubts)
        self._file.write(self._encoder.encode(frame | {"objects": self._objects(objects.detections)}) + "\n")
        self.frames += 1

    def _objects(self, detections: sv.Detections) -> list[dict[str, Any]]:
        if not len(detections):
            return []
        boxes = np.round(np.asarray(detections.xyxy, np.float64), 2)
        if not (np.isfinite(boxes).all() and (boxes[:, 2:] >= boxes[:, :2]).all()):
            raise ValueError(f"boxes are (x1, y1, x2, y2) with x1 <= x2 and y1 <= y2, got {boxes.tolist()}")
        # A sliver that rounding made empty keeps the smallest extent that can be written.
        boxes[:, 2:] = np.round(np.maximum(boxes[:, 2:], boxes[:, :2] + 0.01), 2)
        scores = np.round(np.asarray(detections.confidence, np.float64), 4)
        if not ((scores >= 0) & (scores <= 1)).all():
            raise ValueError(f"scores are numbers from 0 to 1, got {scores.tolist()}")
        tracks = np.asarray(detections.tracker_id).tolist()
        origins = np.asarray(detections.data["origin"]).tolist()
        lines = [
            {
                "class": self.header.classes[class_id],
                "score": score,
                "box": box,
                "track": track if track >= 0 else None,
                "origin": origin,
            }
            for class_id, score, box, track, origin in zip(
                np.asarray(detections.class_id).tolist(), scores.tolist(), boxes.tolist(), tracks, origins, strict=True
            )
        ]
        if detections.mask is not None:
            nothing = compress([self.header.width * self.header.height])
            for line, mask in zip(lines, encode_masks(detections.mask, self.header.size), strict=True):
                if mask["counts"] != nothing:  # an empty mask says no more than the box
                    line["mask"] = mask
        return lines


def read_header(path: Path) -> Header:
    """Read the first line of a detections file.

    Raises:
        UserError: the file is missing, or its first line is not the header of such a file.
    """
    with _opened(path) as file:
        return _Lines(path).header(file.readline())


def read_detections(path: Path) -> Iterator[FrameObjects]:
    """Read a detections file frame by frame.

    Yields:
        One `FrameObjects` a line, indices 0, 1, 2, … without a gap.

    Raises:
        UserError: a line is not what this module describes; the message names file and line.
    """
    with _opened(path) as file:
        lines = _Lines(path)
        header = lines.header(file.readline())
        for text in file:
            lines.number += 1
            if text.strip():
                yield lines.frame(text, header)


def check_size(path: Path, header: Header, size: tuple[int, int]) -> None:
    """Raise UserError unless the detections were made for a display picture of `size` (height, width)."""
    if header.size != tuple(size):
        raise UserError(
            f"{path} was made for a picture of {header.width}x{header.height}, this one is {size[1]}x{size[0]}: "
            "give the video that the detections were made from"
        )


def _opened(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; give a detections file") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that can be used")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST


class _Lines:
    """Checks the lines of one file and knows which one it is at."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 1
        self.frames = 0

    def fail(self, what: str) -> NoReturn:
        """Raise the user's error for the present line."""
        raise UserError(f"{self.path}, line {self.number}: {what}")

    def parse(self, text: str) -> dict[str, Any]:
        """Parse one line of JSON."""
        try:
            value = _DECODER.decode(text)
        except json.JSONDecodeError as error:
            self.fail(f"not JSON at column {error.colno} ({error.msg}); mend the line")
        except ValueError as error:
            self.fail(str(error))
        if not isinstance(value, dict):
            self.fail("expected an object in braces")
        return value

    def header(self, text: str) -> Header:
        """Check the first line."""
        first = self.parse(text) if text.strip() else {}
        if first.get("format") != FORMAT:
            self.fail(f'not a detections file: the first line must be a header with "format": "{FORMAT}"')
        if first.get("version") != VERSION:
            self.fail(f"version {first.get('version')} of the format is not known, this program reads {VERSION}")
        width, height, classes = first.get("width"), first.get("height"), first.get("classes")
        if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
            self.fail('"width" and "height" must be whole numbers above 0')
        if not isinstance(classes, list) or not classes or not all(isinstance(name, str) for name in classes):
            self.fail('"classes" must be a list of names')
        if len(set(classes)) != len(classes):
            self.fail('"classes" names a class twice')
        settings = first.get("settings", {})
        if not isinstance(settings, dict):
            self.fail('"settings" must be an object in braces')
        sha256 = first.get("sha256", "")
        if not isinstance(sha256, str) or not re.fullmatch(r"([0-9a-f]{64})?", sha256):
            self.fail('"sha256" must be the hash of the source file, 64 of 0-9 and a-f; leave it out to skip the check')
        return Header(width, height, tuple(classes), str(first.get("source", "")), settings, sha256)

    def check_keys(self, given: dict[str, Any], known: Sequence[str], what: str) -> None:
        """Refuse keys that would be ignored: a misspelled one could leave something uncovered."""
        if not given.keys() <= set(known):
            strange = next(key for key in given if key not in known)
            close = difflib.get_close_matches(strange.lower(), known, 1)
            hint = f'did you mean "{close[0]}"?' if close else f"known are {', '.join(known)}"
            self.fail(f'"{strange}" means nothing in {what}; {hint}')

    def frame(self, text: str, header: Header) -> FrameObjects:
        """Check the line of a frame."""
        line = self.parse(text)
        self.check_keys(line, FRAME_KEYS, "a frame")
        index, time, whole, objects, cut, doubts = map(line.get, FRAME_KEYS)
        if isinstance(index, bool) or not isinstance(index, int):
            self.fail(f'"frame" must be the frame\'s number, expected {self.frames}')
        if index != self.frames:
            what = 'every frame has one line, in order (a frame without objects has "objects": [])'
            self.fail(f"frame {index} where frame {self.frames} is expected; {what}")
        if not _is_number(time):
            self.fail('"time" must be a number of seconds')
        if whole is not None and (not isinstance(whole, str) or not whole):
            self.fail('"whole" must be null, or the reason in quotes why the frame is covered whole')
        if not isinstance(objects, list):
            self.fail('"objects" must be a list, [] when nothing is to be hidden')
        if cut not in (None, True, False):
            self.fail('"cut" must be true or false')
        if doubts is not None and not (isinstance(doubts, list) and all(isinstance(doubt, str) for doubt in doubts)):
            self.fail('"doubts" must be a list of texts')
        self.frames += 1
        detections = self.detections([self.object(item, header) for item in objects], header)
        return FrameObjects(index, float(time), detections, whole, bool(cut), tuple(doubts or ()))  # type: ignore[arg-type]

    def object(self, item: Any, header: Header) -> tuple[list[float], float, int, int, str, list[int] | None]:
        """Check one object; return box, score, class id, track, origin and run lengths."""
        if not isinstance(item, dict):
            self.fail(f"an object must be in braces, found {item!r}")
        self.check_keys(item, OBJECT_KEYS, "an object")
        name, track, origin = item.get("class"), item.get("track"), item.get("origin", MANUAL)
        if name not in header.classes:
            close = difflib.get_close_matches(str(name), header.classes, 1)
            hint = f'did you mean "{close[0]}"?' if close else f"known are {', '.join(header.classes)}"
            self.fail(f"class {name!r} is not among the classes of line 1; {hint}")
        if track is not None and (isinstance(track, bool) or not isinstance(track, int) or track < 0):
            self.fail(f'"track" must be null or a whole number, got {track!r}')
        if origin not in ORIGINS:
            self.fail(f'"origin" must be one of {", ".join(ORIGINS)}, got {origin!r}')
        score = item.get("score", 1.0)
        if not _is_number(score) or not 0 <= score <= 1:
            self.fail(f'"score" must be a number from 0 to 1, got {score!r}')
        runs = self.mask(item["mask"], header) if item.get("mask") is not None else None
        box = self.box(item.get("box"), header if origin == MANUAL else None)
        return box, score, header.classes.index(name), -1 if track is None else track, origin, runs

    def box(self, box: Any, header: Header | None) -> list[float]:
        """Check a box; with a header also that it holds something of the picture."""
        if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
            self.fail(f'"box" must be [x1, y1, x2, y2], four numbers in pixels, got {box!r}')
        if box[2] <= box[0] or box[3] <= box[1]:
            self.fail(f'"box" {box} is empty or turned round: x2 must be above x1, and y2 above y1')
        if header and (box[2] <= 0 or box[3] <= 0 or box[0] >= header.width or box[1] >= header.height):
            self.fail(f'"box" {box} holds nothing of the picture of {header.width}x{header.height}; check its numbers')
        return box

    def mask(self, mask: Any, header: Header) -> list[int]:
        """Check a COCO RLE object and return its run lengths."""
        if not isinstance(mask, dict) or not isinstance(mask.get("counts"), str | list):
            self.fail('"mask" must be {"size": [height, width], "counts": text}')
        if mask.get("size") != list(header.size):
            self.fail(f'"mask" has the size {mask.get("size")}, the picture {list(header.size)} (height, width)')
        try:
            runs = decompress(mask["counts"]) if isinstance(mask["counts"], str) else mask["counts"]
            check_runs(runs, header.size)
        except ValueError as error:
            self.fail(f'"mask" cannot be read: {error}')
        return runs

    def detections(self, objects: list[Any], header: Header) -> sv.Detections:
        """Put checked objects together; where only some have a mask, that of the others is empty: the box counts."""
        if not objects:
            return make_detections(np.zeros((0, 4)), [], [])
        boxes, scores, class_ids, tracks, origins, runs = zip(*objects, strict=True)
        masks = None
        if any(of_one is not None for of_one in runs):
            empty = [header.width * header.height]
            masks = compact_mask([empty if of_one is None else of_one for of_one in runs], header.size)
        return make_detections(np.array(boxes), scores, class_ids, tracks, origins, masks)
