"""Downloading what an engine finds: fetched side by side, checked, and saved with where it came from.

Two threads: the caller's asks the engine for pictures, as many as may be needed; another runs the network in an event
loop and hands files to processes that decode them. Results are written by the loop alone, one after the other.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from scrape.decode import Prepared, Rules
from scrape.decoders import Decoders
from scrape.download_settings import DownloadSettings
from scrape.failure import Failure
from scrape.fetch import Fetcher
from scrape.found import Found
from scrape.manifest import Manifest
from scrape.outcome import Outcome
from scrape.settled import Settled, address_of

AHEAD = 256  # most pictures under way or waiting for their host
SPARE = 4  # more under way than are still wanted: a slow one does not hold up the end
Progress = Callable[[Outcome], None]


def download(
    found: Iterable[Found],
    out: Path,
    settings: DownloadSettings,
    wanted: int,
    progress: Progress = lambda outcome: None,
) -> Outcome:
    """Save pictures until there are as many as wanted.

    A second call on the same folder goes on where the first ended. Whatever ends a call, the folder is consistent:
    every picture in it has its line in the manifest, and nothing half-written is left.

    Args:
        found: pictures, in order of preference; asked for one at a time and closed when enough are there.
        out: folder for pictures and manifest; made where it does not exist.
        settings: what is kept, how fast, and whose wishes are obeyed.
        wanted: pictures to have in the end, those counted that an earlier run saved from addresses in `found`.
        progress: called with the counts when they change, from another thread, one call at a time.

    Returns:
        The counts.

    Raises:
        UserError: the folder cannot be written, or another run is writing to it.
        Exception: what `found` raises, after the pictures under way were saved.
    """
    with downloading(out, settings, wanted, progress) as run:
        run.feed(found)
    return run.outcome


@contextmanager
def downloading(
    out: Path, settings: DownloadSettings, wanted: int, progress: Progress = lambda outcome: None
) -> Iterator[Run]:
    """Give a download that is fed from one source after the other: hosts and pictures are known to all of them.

    When the block ends, what is under way and still wanted is saved; also where finding breaks.

    Args:
        out: as for `download`, like the others.
        settings: of all sources.
        wanted: pictures to have in the end.
        progress: called with the counts.

    Raises:
        UserError: as for `download`.
    """
    with Manifest(out) as manifest:
        run = Run(manifest, _known(manifest, settings), settings, Outcome(wanted), progress)
        run.start()
        try:
            try:
                yield run
            except Exception:
                run.finish()
                raise
            run.finish()
        except BaseException:
            run.stop()  # the manifest is not closed before nobody writes to it any more
            raise


def _known(manifest: Manifest, settings: DownloadSettings) -> Settled:
    """What earlier runs settled; read anew where a picture of a killed one gets its name only now."""
    while True:
        settled = Settled(settings)
        if not manifest.finish_parts(settled.read(manifest.lines(), *manifest.names())):
            return settled


class Run:
    """One download: the caller's thread feeds, a thread of its own works.

    Attributes:
        outcome: the counts.
    """

    def __init__(
        self, manifest: Manifest, settled: Settled, settings: DownloadSettings, outcome: Outcome, progress: Progress
    ) -> None:
        self.manifest, self.settled, self.settings = manifest, settled, settings
        self.outcome, self.progress = outcome, progress
        self.changed = threading.Condition()
        self.alive = 0
        self.target = outcome.wanted  # pictures to have before the source under way has given its share
        self.error: BaseException | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.thread = threading.Thread(target=self.work, name="download", daemon=True)
        self.ready = threading.Event()
        self.over = threading.Event()

    # In the caller's thread.

    def start(self) -> None:
        """Start the loop."""
        self.thread.start()
        self.ready.wait()

    def feed(self, found: Iterable[Found], share: int | None = None) -> None:
        """Hand over pictures of one source as they are needed, until there are enough or no more; close it.

        Args:
            found: the source.
            share: pictures that it is to give; None: all that are missing.

        Raises:
            Exception: what `found` raises, and what ended the run.
        """
        had = self.outcome.wanted - self.outcome.missing
        self.target = self.outcome.wanted if share is None else min(self.outcome.wanted, had + share)
        try:
            self.give(found)
        finally:
            close = getattr(found, "close", None)
            if close is not None:
                close()
        if self.error is not None:
            raise self.error

    def give(self, found: Iterable[Found]) -> None:
        """Hand over pictures; where there are no more, wait for what becomes of them."""
        if not self.room():
            return
        for item in found:
            if not self.offer(item) or not self.room():
                return
        with self.changed:
            self.changed.wait_for(lambda: not self.alive or not self.short() or self.error is not None)

    def offer(self, item: Found) -> bool:
        """Take a picture, unless it is known; False where the run has ended by itself."""
        if self.settled.is_here(item):
            with self.changed:
                self.outcome.kept += 1
                self.outcome.found += 1
                self.progress(self.outcome)
            return True
        if (reason := self.settled.refused_before(item)) is not None:
            with self.changed:
                self.outcome.found += 1
                self.outcome.refuse(reason)
                self.progress(self.outcome)
            return True
        if not self.settled.take(item):
            return True
        with self.changed:
            if self.error is not None:
                return False
            self.alive += 1
            self.outcome.found += 1
        self.loop.call_soon_threadsafe(self.begin, item)
        return True

    def room(self) -> bool:
        """Wait until another picture may be needed; False when none is, or the run has ended by itself."""
        with self.changed:
            self.changed.wait_for(lambda: self.error is not None or self.alive < min(AHEAD, self.limit()))
            return self.error is None and self.short() > 0

    def short(self) -> int:
        """Pictures that the source under way has still to give."""
        return max(0, self.outcome.missing - (self.outcome.wanted - self.target))

    def limit(self) -> int:
        """Pictures that may be under way; more than any number once there are enough, so that nobody waits.

        Before the last share none is begun that it may turn out not to need: it would be fetched twice.
        """
        spare = SPARE if self.target == self.outcome.wanted else 0
        return self.short() + spare if self.short() else AHEAD + self.alive

    def finish(self) -> None:
        """Let the pictures under way come to their end, as far as they are wanted."""
        with self.changed:
            self.changed.wait_for(lambda: not self.alive or not self.outcome.missing or self.error is not None)
        self.stop()
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        """End the loop and what is under way; who presses Ctrl-C meanwhile is heard afterwards."""
        with suppress(RuntimeError):  # it ended by itself
            self.loop.call_soon_threadsafe(self.ended.set)
        impatient: BaseException | None = None
        while not self.over.is_set():
            try:
                self.over.wait()
            except (KeyboardInterrupt, SystemExit) as error:
                impatient = error
        self.thread.join()
        if impatient is not None:
            raise impatient

    # In the loop's thread.

    def work(self) -> None:
        """Run the loop until it is told to end."""
        try:
            asyncio.run(self.serve())
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            self.fail(error)
        finally:
            self.ready.set()
            self.over.set()

    async def serve(self) -> None:
        """Hold network and decoders open."""
        self.loop, self.ended = asyncio.get_running_loop(), asyncio.Event()
        settings = self.settings
        rules = Rules(settings.min_size, settings.max_pixels, settings.quality, settings.keep_format)
        self.decoders = Decoders(self.manifest.folder.resolve(), rules, settings.workers)
        try:
            async with Fetcher(settings) as self.fetcher:
                self.ready.set()
                await self.ended.wait()
                for task in self.tasks:
                    task.cancel()
                await asyncio.gather(*self.tasks, return_exceptions=True)
        finally:
            self.decoders.close()

    def begin(self, item: Found) -> None:
        """Start on a picture."""
        task = self.loop.create_task(self.one(item))
        self.tasks.add(task)
        task.add_done_callback(self.end)

    def end(self, task: asyncio.Task[None]) -> None:
        """Count a picture as done with."""
        self.tasks.discard(task)
        with self.changed:
            self.alive -= 1
            self.changed.notify_all()
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """End the run: the disk is full, or something of ours is broken."""
        with self.changed:
            self.error = self.error or error
            self.changed.notify_all()

    async def one(self, item: Found) -> None:
        """Fetch, check and save one picture; a failure is a line."""
        try:
            if item.data is not None:
                self.settle(item, None, await self.decoders.prepare(item.data))
                return
            async with self.fetcher.fetched(item.url, item.page) as fetched:
                prepared = await self.decoders.prepare(fetched.data)
            self.settle(item, fetched.url, prepared)
        except Failure as failure:
            facts = {"reason": failure.reason, "detail": failure.detail or None, **failure.facts}
            self.record(item, {"outcome": "failed", **facts})

    def settle(self, item: Found, final_url: str | None, picture: Prepared) -> None:
        """Save a picture, or drop it for another that is there."""
        if not self.outcome.missing or self.ended.is_set():
            picture.part.unlink()
            return
        facts = {
            "final_url": final_url if final_url != item.url else None,
            "sha256": picture.sha256,
            "phash": f"{picture.phash:016x}",
            "width": picture.width,
            "height": picture.height,
            "bytes": picture.bytes,
        }
        same = self.settled.same_file(picture.sha256)
        other = same or self.settled.alike(picture.phash)
        if other is not None:
            picture.part.unlink()
            reason = "same_file" if same else "looks_alike"
            self.record(item, {"outcome": "duplicate", "reason": reason, "of": other, **facts})
            return
        self.manifest.save(picture.part, picture.name, {**_origin(item), **facts})
        self.settled.add(picture.sha256, picture.phash, picture.name)
        with self.changed:
            self.outcome.saved += 1
            self.outcome.bytes += picture.bytes
            self.progress(self.outcome)

    def record(self, item: Found, facts: dict[str, Any]) -> None:
        """Write the line of a picture that was not saved."""
        self.manifest.write({**facts, **_origin(item)})
        with self.changed:
            self.outcome.refuse(facts["reason"])
            self.progress(self.outcome)


def _origin(item: Found) -> dict[str, Any]:
    """Where a picture comes from, for its line."""
    return {
        "url": item.url,
        "page": item.page,
        "engine": item.engine,
        "query": item.query,
        "licence": item.licence,
        "creator": item.creator,
        "title": item.title,
        "thumbnail": item.thumbnail or None,
        "data_sha256": address_of(item).removeprefix("data:") if item.data is not None else None,
    }
