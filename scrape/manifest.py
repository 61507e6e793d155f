"""`manifest.jsonl`: what became of every picture that was asked for, a line each, written as it happens.

A picture waits whole under a temporary name; its line is written, then it takes its name. So whatever ends a run, the
next one finds each picture either with its line, or as a leftover that it names or removes. Lines reach the system as
they are written and the disk every few seconds: a kill loses nothing that has a line. A power cut may leave pictures of
the last seconds empty; those are fetched again.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from common.errors import UserError
from scrape.manifest_line import understood
from scrape.part import OWN_PART, PART

NAME = "manifest.jsonl"
SYNC_SECONDS = 5.0  # between two times that the lines are forced to the disk
_FULL = "the disk is full or broken"


class Manifest:
    """The manifest of a folder, and the pictures that are in it; a context manager.

    Use `with Manifest(folder) as manifest: for line in manifest.lines(): ...; manifest.save(part, line)`.

    Attributes:
        folder: made where it does not exist.
        path: of the manifest.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.path = self.folder / NAME
        self._handle = -1
        self._synced = 0.0
        self._made: list[Path] = []
        self._lines_known = False

    def __enter__(self) -> Self:
        """Open, lock and mend it.

        Raises:
            UserError: the folder cannot be written, another run is at it, or a line is damaged.
        """
        try:
            while not self._opened():
                os.close(self._handle)
        except (FileExistsError, NotADirectoryError) as error:
            raise UserError(f"{self.folder} is a file; name a folder") from error
        except OSError as error:
            self._forget()
            raise UserError(f"cannot write to {self.folder}: {error.strerror}; choose another folder") from error
        try:
            self._mend_end()
        except BaseException:
            os.close(self._handle)
            raise
        return self

    def _opened(self) -> bool:
        """Open and lock the file; False where another run took its name away between the two."""
        missing = itertools.takewhile(lambda path: not path.exists(), (self.folder, *self.folder.parents))
        self._made += [path for path in missing if path not in self._made]
        self.folder.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            raise UserError(f"another run is writing to {self.folder}; wait for it, or name another folder") from error
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self._handle), self.path.stat())
        return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Force the lines to the disk; remove what was not finished, and all of it where nothing was written."""
        if self._lines_known:  # otherwise a part may be a picture that has its line
            self.remove_parts()
        os.fsync(self._handle)
        if not os.fstat(self._handle).st_size:
            self.path.unlink(missing_ok=True)
            self._forget()
        os.close(self._handle)

    def _forget(self) -> None:
        """Remove the folders that were made for nothing."""
        with suppress(OSError):  # something is in it, or it was never made
            for folder in self._made:
                folder.rmdir()

    def lines(self) -> Iterator[dict[str, Any]]:
        """Read what earlier runs wrote.

        Raises:
            UserError: a line is not what `manifest_line.understood` takes; names it.
        """
        return read_lines(self.path)

    def write(self, line: dict[str, Any]) -> None:
        """Add a line; the time is put in, fields that are None are left out.

        Raises:
            UserError: the disk is full.
        """
        fields = {name: value for name, value in line.items() if value is not None}
        fields["time"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        raw = json.dumps(fields, ensure_ascii=True).encode() + b"\n"
        try:
            written = os.write(self._handle, raw)
            if written < len(raw):
                os.ftruncate(self._handle, os.fstat(self._handle).st_size - written)  # no other line joins half of one
                raise OSError(_FULL)
            if time.monotonic() - self._synced > SYNC_SECONDS:
                os.fsync(self._handle)
                self._synced = time.monotonic()
        except OSError as error:
            raise UserError(
                f"cannot write {self.path}: {error.strerror or error}; free some space, run again"
            ) from error

    def save(self, part: Path, name: str, line: dict[str, Any]) -> None:
        """Write the line of a picture and give the picture its name.

        Args:
            part: where it lies whole, in the folder, under a name as `scrape.part` makes it.
            name: of the file.
            line: its fields; `file` is put in.
        """
        target = self.folder / name
        if target.is_file() and target.stat().st_size and not name.startswith(str(line.get("sha256"))):
            raise UserError(f"{target}: exists and is none of this folder's manifest; move it, or choose another --out")
        self.write({"outcome": "saved", "file": name, **line})
        part.replace(self.folder / name)

    def finish_parts(self, saved: dict[str, str]) -> bool:
        """After a kill: name the pictures whose line was written, remove the others.

        Args:
            saved: name of the file of each SHA-256 that the lines call saved.

        Returns:
            Whether a picture got its name: what was known of the files in the folder is to be looked at again.
        """
        named = False
        for part in self.folder.glob(f".*{PART}"):
            name = saved.get(part.name[1:].split(".")[0])
            if name is not None and OWN_PART.fullmatch(part.name) and not (self.folder / name).exists():
                part.replace(self.folder / name)
                named = True
        self._lines_known = True
        self.remove_parts()
        return named

    def remove_parts(self) -> None:
        """Remove pictures that never got a line."""
        for part in self.folder.glob(f".*{PART}"):
            if OWN_PART.fullmatch(part.name):
                part.unlink(missing_ok=True)

    def names(self) -> tuple[set[str], set[str]]:
        """Names of the files in the folder: those that hold something, and the empty ones."""
        sizes = {}
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.is_file():
                    sizes[entry.name] = entry.stat().st_size
        return {name for name, size in sizes.items() if size}, {name for name, size in sizes.items() if not size}

    def _mend_end(self) -> None:
        """Cut off a last line that a kill or a full disk left unfinished."""
        size = os.fstat(self._handle).st_size
        place, tail = size, b""
        while place and b"\n" not in tail[:-1]:
            step = min(65536, place)
            place -= step
            tail = os.pread(self._handle, step, place) + tail
        last = tail[:-1].rfind(b"\n") + 1
        if not tail[last:].endswith(b"\n") and tail[last:]:
            try:
                json.loads(tail[last:])
                os.write(self._handle, b"\n")
            except (ValueError, RecursionError) as error:
                rest = tail[last:].strip(b"\0")  # what a power cut leaves
                if os.pread(self._handle, 1, 0) not in (b"{", b"\0") or not (rest.startswith(b"{") or not rest):
                    raise UserError(
                        f"{self.path}: is no manifest of pictures; move it, or choose another --out"
                    ) from error
                os.ftruncate(self._handle, place + last)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read the lines of a manifest, one after the other.

    Raises:
        UserError: a line is damaged; names it and what is wrong with it.
    """
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                yield understood(raw)
            except ValueError as error:
                raise UserError(
                    f"{path}, line {number}: {error}; nothing was done: mend the line, or remove it to have that "
                    "picture fetched again"
                ) from error
