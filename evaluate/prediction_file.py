"""What a checkpoint finds in the pictures of a split, as a file: made once, read by every later analysis.

The first line is the header: {"format", "version", "key": {what it was made from}, "classes": [names]}. Every further
line is a picture: {"picture": file name, "size": [H, W], "objects": [[class, score, x1, y1, x2, y2, run lengths or
null], ...]}. While it is being made it is called NAME.part; a run that was stopped goes on where that ends.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TextIO

import numpy as np
import supervision as sv

from common.errors import UserError
from common.metrics.coco_evaluation import RUNS, run_lengths

FORMAT, VERSION = "hide-in-video predictions", 1
PART = ".part"


class PredictionWriter:
    """Writes a predictions file picture by picture, going on with one that was begun; a context manager.

    Args:
        path: the finished file.
        header: what it is made from, and the class names that objects are written with.
        pictures: file names, in order.

    Attributes:
        done: pictures that an earlier run has written.

    Raises:
        UserError: another process writes it, or it cannot be written.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], pictures: Sequence[str]) -> None:
        self.path, self.header, self.pictures = path, {"format": FORMAT, "version": VERSION, **header}, pictures
        self.part = path.with_name(path.name + PART)
        self.done = 0
        self._file: BinaryIO | None = None
        self._next = 0

    def __enter__(self) -> Self:
        """Open the file; keep what is whole in it."""
        try:
            self._file = self.part.open("a+b")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not (self.part.exists() and os.path.samestat(os.fstat(self._file.fileno()), self.part.stat())):
                raise BlockingIOError  # finished by another one between the two lines
        except BlockingIOError as error:
            raise UserError(
                f"{self.part}: another evaluation is writing it; wait for that one, then run again"
            ) from error
        except OSError as error:
            raise UserError(f"cannot write {self.part}: {error.strerror}; choose another folder with -o") from error
        end, self.done = self._whole(self._file)
        self._next = self.done
        self._file.truncate(end)
        if not end:
            self._line(self.header)
        return self

    def write(self, size: tuple[int, int], found: sv.Detections, names: Sequence[str]) -> None:
        """Add the next picture.

        Args:
            size: (H, W) of the picture.
            found: what was found; `class_id` are places in `names`.
            names: class names.
        """
        self._line(
            {"picture": self.pictures[self._next], "size": list(size), "objects": list(_objects(found, size, names))}
        )
        self._next += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the file its name when it is whole; otherwise leave the part for the next run, if it holds a picture."""
        assert self._file is not None
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            if self._next == len(self.pictures):
                self.part.replace(self.path)
            elif not self._next:
                self.part.unlink()
        finally:
            self._file.close()

    def _line(self, content: Mapping[str, Any]) -> None:
        assert self._file is not None
        text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        self._file.write(f"{text}\n".encode())
        self._file.flush()

    def _whole(self, file: BinaryIO) -> tuple[int, int]:
        """Bytes and pictures of the part that can be gone on with; none where it was made from something else."""
        file.seek(0)
        first = file.readline()
        if not first.endswith(b"\n") or _parsed(first) != json.loads(json.dumps(self.header)):
            return 0, 0
        end, done = len(first), 0
        for line, name in zip(file, self.pictures, strict=False):
            content = _parsed(line) if line.endswith(b"\n") else None
            if content is None or content.get("picture") != name:
                break
            end, done = end + len(line), done + 1
        return end, done


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        with path.open(encoding="utf-8") as file:
            yield file
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); remove it, and it is made again") from error


def read_predictions(
    path: Path, class_names: Sequence[str], pictures: Sequence[str] | None = None
) -> list[sv.Detections]:
    """Read a finished file.

    Args:
        path: the file.
        class_names: background first; objects of other classes are left out.
        pictures: file names that it must hold, in order; None: any.

    Returns:
        One a picture, best score first: xyxy (N, 4) float32, confidence (N,) float64 as written (0.7 is
        0.7, so that it counts from 0.7 on), class_id (N,) places in
        `class_names`, data "rle" (N,) COCO's run lengths where there are masks.

    Raises:
        UserError: it cannot be read, or holds other pictures.
    """
    places = {name: place for place, name in enumerate(class_names) if place}
    with _opened(path) as file:
        header = json.loads(file.readline())
        if header.get("format") != FORMAT or header.get("version") != VERSION:
            raise ValueError("not a predictions file of this version")
        lines = [json.loads(line) for line in file]
        if pictures is not None and [line["picture"] for line in lines] != list(pictures):
            raise ValueError(f"it holds {len(lines)} pictures, not the {len(pictures)} of the split")
        return [_detections(line, places) for line in lines]


def _detections(content: Mapping[str, Any], places: Mapping[str, int]) -> sv.Detections:
    rows = [row for row in content["objects"] if row[0] in places]
    runs = np.empty(len(rows), object)
    for place, row in enumerate(rows):
        runs[place] = {"size": content["size"], "counts": row[6]}
    return sv.Detections(
        xyxy=np.array([row[2:6] for row in rows], np.float32).reshape(-1, 4),
        confidence=np.array([row[1] for row in rows], float),
        class_id=np.array([places[row[0]] for row in rows], int),
        data={} if any(row[6] is None for row in rows) else {RUNS: runs},
    )


def _objects(found: sv.Detections, size: tuple[int, int], names: Sequence[str]) -> Iterator[list[Any]]:
    """One list an object; numbers as short as float32 allows."""
    masked = found.mask is not None or RUNS in found.data
    runs = [each["counts"] for each in run_lengths(found)] if masked else [None] * len(found)
    for place in range(len(found)):
        score = found.confidence[place]  # type: ignore[index]
        class_name = names[int(found.class_id[place])]  # type: ignore[index]
        yield [class_name, *(_short(number) for number in (score, *found.xyxy[place])), runs[place]]


def _short(number: Any) -> float:
    return float(str(np.float32(number)))


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
