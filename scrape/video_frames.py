"""Frames of videos, exact to their timestamp, for labelling."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from common.errors import UserError
from common.perceptual_hash import perceptual_hash
from common.video.frame import Frame
from common.video.reader import FrameReader
from common.video.url import fetched, is_url, shown
from scrape import addresses
from scrape.decode import jpeg
from scrape.download_settings import DownloadSettings
from scrape.failure import Failure
from scrape.frame_choice import Choice, Glimpse, at_targets, chosen, survey, targets
from scrape.manifest import Manifest
from scrape.part import write_part
from scrape.settled import Settled

LONGEST_NAME = 80  # characters of a source in the names of its frames
Watch = Callable[[str, Iterator[Any]], Iterator[Any]]  # passes items through and shows how far it is


@dataclass
class Taken:
    """What came of one video.

    Attributes:
        source: as named by the user, without a password.
        saved: frames written.
        kept: frames that an earlier run wrote.
        duplicates: frames dropped for looking like another picture in the folder.
        blurred: blurred frames that were passed over.
        corrupt: frames that were due and could not be trusted.
        damage: what is wrong with the file, "" where nothing is.
    """

    source: str
    saved: int = 0
    kept: int = 0
    duplicates: int = 0
    blurred: int = 0
    corrupt: int = 0
    damage: str = ""

    @property
    def had(self) -> int:
        """Frames that are there."""
        return self.saved + self.kept


@dataclass(frozen=True)
class FrameSettings:
    """How frames are written.

    Attributes:
        quality: 1..100 of the JPEGs.
        drop_near_duplicates: drop frames that look like a picture in the folder.
        distance: bits of 64 by which perceptual hashes of look-alikes differ at most.
        name: what frames are called before the "@"; None: as the file, or as the site calls the video.
        allow_private: also fetch from addresses that are not public.
        quiet: no progress while a video is fetched.
    """

    quality: int = 95
    drop_near_duplicates: bool = False
    distance: int = 6
    name: str | None = None
    allow_private: bool = False
    quiet: bool = False


class FrameFolder:
    """A folder that frames go to; a context manager. What is in it is not written again.

    Args:
        out: made where it does not exist.
        settings: how frames are written.
    """

    def __init__(self, out: Path, settings: FrameSettings) -> None:
        self.settings = settings
        self._manifest = Manifest(out)
        self._numbers = itertools.count()
        self._sources: dict[str, str] = {}
        self._names: set[str] = set()
        self._settled_names: set[str] = set()

    def __enter__(self) -> FrameFolder:
        """Open the manifest; see `Manifest`."""
        settings = DownloadSettings(
            drop_near_duplicates=self.settings.drop_near_duplicates, distance=self.settings.distance
        )
        self._manifest.__enter__()
        try:
            while not self._read(settings):
                self._sources.clear()
                self._settled_names.clear()
        except BaseException:
            self._manifest.__exit__(None, None, None)
            raise
        return self

    def _read(self, settings: DownloadSettings) -> bool:
        """Read the manifest; False where a frame of a killed run got its name only now, so that all is read anew."""
        self._settled = Settled(settings)
        self._names, empty = self._manifest.names()
        return not self._manifest.finish_parts(self._settled.read(self._noted(empty), self._names, empty))

    def __exit__(self, *ending: Any) -> None:
        """Close the manifest."""
        self._manifest.__exit__(*ending)

    def _noted(self, empty: Set[str]) -> Iterator[dict[str, Any]]:
        for line in self._manifest.lines():
            if "seconds" in line and "frame" in line and line["frame"] not in empty:
                self._sources[line["frame"].rsplit("@", 1)[0]] = line.get("source", "")
                if line.get("outcome") == "saved" or self.settings.drop_near_duplicates:
                    self._settled_names.add(line["frame"])
            yield line

    def take(self, source: str, choice: Choice, watch: Watch = lambda label, items: items) -> Taken:
        """Write the chosen frames of a video.

        Args:
            source: a file, or an http or https address of a video or of a page on a site that yt-dlp knows.
            choice: which frames.
            watch: passes frames through and shows how far it is.

        Raises:
            UserError: no video, or nothing in the span.
        """
        with self._opened(source) as path:
            called = shown(source) if is_url(source) else str(path.resolve())
            name = self._name(self.settings.name or path.stem, called)
            taken = Taken(shown(source))
            with FrameReader(path, choice.start, choice.end) as reader:
                for frame in self._frames(reader, choice, taken, watch):
                    self._write(frame, name, called, taken)
                taken.damage = reader.damage.describe()
        return taken

    @contextmanager
    def _opened(self, source: str) -> Iterator[Path]:
        if not is_url(source):
            yield Path(source)
            return
        try:
            addresses.check_url(source, self.settings.allow_private)
        except Failure as failure:
            raise UserError(f"cannot fetch {shown(source)}: {failure.detail}") from failure
        may_connect = None if self.settings.allow_private else addresses.is_public
        with fetched(source, self._manifest.folder, quiet=self.settings.quiet, may_connect=may_connect) as path:
            yield path

    def _name(self, wanted: str, source: str) -> str:
        """What frames of the source are called; two videos of one name are told apart by a number."""
        plain = re.sub(r"[^\w.+-]+", "_", wanted).strip("._")[:LONGEST_NAME] or "video"
        for number in itertools.count(1):
            name = plain if number == 1 else f"{plain}-{number}"
            if self._sources.setdefault(name, source) == source:
                return name
        raise AssertionError("numbers do not end")

    def _frames(self, reader: FrameReader, choice: Choice, taken: Taken, watch: Watch) -> Iterator[Frame]:
        if choice.needs_survey:
            yield from self._surveyed(reader, choice, taken, watch)
            return
        frames = watch("reading", iter(reader))
        first = next(frames)

        def usable(frame: Frame) -> bool:
            taken.corrupt += frame.corrupt is not None
            return frame.corrupt is None

        wanted = targets(choice, reader.info, first.time)
        yield from itertools.islice(at_targets(itertools.chain([first], frames), wanted, usable), choice.count)

    def _surveyed(self, reader: FrameReader, choice: Choice, taken: Taken, watch: Watch) -> Iterator[Frame]:
        """Read twice: to compare all frames, and to take the chosen ones; so memory stays flat."""
        glimpses: list[Glimpse] = list(watch("comparing", survey(reader, choice.scenes)))
        wanted = iter(()) if choice.scenes else targets(choice, reader.info, glimpses[0].time)
        places, taken.blurred = chosen(glimpses, choice, wanted)
        damage, due = reader.damage, set(places)
        for frame in watch("reading", iter(reader)):
            if frame.index in due:
                yield frame
            if not places or frame.index >= places[-1]:
                break
        reader.close()
        reader.damage = damage  # of the reading that went to the end

    def _write(self, frame: Frame, name: str, source: str, taken: Taken) -> None:
        file = f"{name}@{max(0.0, frame.time):09.3f}.jpg"
        if file in self._settled_names:  # what somebody removed since stays away
            taken.kept += file in self._names
            return
        self._settled_names.add(file)
        image = Image.fromarray(frame.rgb())
        phash = perceptual_hash(image)
        line = {
            "source": source,
            "frame": file,
            "seconds": round(frame.time, 6),
            "phash": f"{phash:016x}",
            "width": image.width,
            "height": image.height,
        }
        other = self._settled.alike(phash)
        if other is not None:
            self._manifest.write({"outcome": "duplicate", "reason": "looks_alike", "of": other, **line})
            taken.duplicates += 1
            return
        data = jpeg(image, self.settings.quality)
        self._save(data, file, phash, line)
        taken.saved += 1

    def _save(self, data: bytes, file: str, phash: int, line: dict[str, Any]) -> None:
        sha256 = hashlib.sha256(data).hexdigest()
        part = write_part(self._manifest.folder, sha256, next(self._numbers), data)
        self._manifest.save(part, file, {**line, "sha256": sha256, "bytes": len(data)})
        self._settled.add(sha256, phash, file)
        self._names.add(file)
