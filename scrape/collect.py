"""From queries to a folder of pictures: search and download, query after query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from common.progress import Progress
from scrape.download import download
from scrape.download_settings import DownloadSettings
from scrape.engine_list import Engine
from scrape.found import Found
from scrape.manifest import NAME, read_lines
from scrape.outcome import Outcome, described
from scrape.search import Search, Searcher, SearchSettings
from scrape.settled import address_in, address_of


class Collection:
    """One run over all queries.

    Attributes:
        wanted: pictures that were asked for.
        outcomes: what each download came to, the one under way last.
    """

    def __init__(self, engine: Engine, search: SearchSettings, settings: DownloadSettings) -> None:
        """Prepare; nothing is asked.

        Args:
            engine: where to search.
            search: how to search.
            settings: how to download.

        Raises:
            UserError: the settings ask for what the engine cannot give.
        """
        self.wanted = 0
        self.outcomes: list[Outcome] = []
        self._searcher = Searcher(engine, search)
        self._settings = settings
        self._ends: dict[str, str] = {}
        self._skipped: Counter[str] = Counter()
        self._given: set[str] = set()
        self._before = 0

    def collect(self, queries: list[str], out: Path, wanted: int, *, quiet: bool = False) -> None:
        """Fill a folder.

        Each query gives an equal share; what one falls short of, the others give.

        Args:
            queries: what is searched for.
            out: folder for the pictures.
            wanted: pictures in all.
            quiet: no progress on stderr.

        Raises:
            UserError: the folder, the browser or the engine's file is unusable.
            KeyboardInterrupt: the folder is consistent, and `summary` is right.
        """
        self.wanted = wanted
        self._before = _line_count(out)
        with self._searcher, Progress("collecting", wanted, unit="pictures", quiet=quiet) as progress:
            open_queries = list(queries)
            while open_queries and self.missing:
                for place, query in enumerate(open_queries):
                    if share := -(-self.missing // (len(open_queries) - place)):  # rounded up
                        self._one(query, out, share, progress)
                open_queries = [query for query in open_queries if query not in self._ends]

    def _one(self, query: str, out: Path, share: int, progress: Progress) -> None:
        search = self._searcher.search(query)
        self.outcomes.append(Outcome(share))

        def show(outcome: Outcome) -> None:
            self.outcomes[-1] = outcome
            progress.note(found=len(self._given), duplicate=self._sum("duplicates"), failed=self._failed().total())
            progress.advance(self.had - progress.done)

        try:
            answered = self._given & answered_addresses(out, self._before) if self._given else set()
            self.outcomes[-1] = download(_New(search, answered, self._given), out, self._settings, share, show)
        finally:
            self._skipped += search.skipped
            if search.problem is not None:
                self._ends[query] = str(search.problem)
            elif search.dry:
                found = f"{search.found} picture{'' if search.found == 1 else 's'}"
                self._ends[query] = f'{self._searcher.engine.name} ran dry after {found} for "{query}"'

    @property
    def had(self) -> int:
        """Pictures that count: saved now, or by an earlier run that found the same."""
        return self._sum("saved") + self._sum("kept")

    @property
    def missing(self) -> int:
        """Pictures short of what was asked for."""
        return max(0, self.wanted - self.had)

    def summary(self, out: Path) -> str:
        """Say in a line what came of it."""
        before = f" ({kept} of them by earlier runs)" if (kept := self._sum("kept")) else ""
        counts = f"found {len(self._given)}, duplicate {self._sum('duplicates')}, failed {self._failed().total()}"
        return f"{out}: {self.had} of {self.wanted} pictures{before}; {counts}"

    def remarks(self) -> list[str]:
        """What did not become a picture and why, a line each."""
        return described(self._failed()) + [
            f"left out: {count} × {reason}" for reason, count in self._skipped.most_common()
        ]

    def shortage(self) -> str:
        """Why there are too few pictures."""
        failed = self._failed().most_common()
        reasons = list(self._ends.values())
        if failed:
            reasons.append(
                f"{self._failed().total()} failed, because " + ", ".join(f"{n} {name}" for name, n in failed)
            )
        if duplicates := self._sum("duplicates"):
            reasons.append(f"{duplicates} were duplicates")
        if self._skipped:
            reasons.append(f"{self._skipped.total()} were left out")
        return "; ".join(reasons)

    def _sum(self, name: str) -> int:
        return sum(getattr(outcome, name) for outcome in self.outcomes)

    def _failed(self) -> Counter[str]:
        return sum((outcome.failed for outcome in self.outcomes), Counter())


class _New:
    """What a search finds, without what a search before it in this run found and had answered: that counts already."""

    def __init__(self, search: Search, answered: set[str], given: set[str]) -> None:
        self._search, self._answered, self._given = search, answered, given

    def __iter__(self) -> Iterator[Found]:
        for found in self._search:
            address = address_of(found)
            if address not in self._answered:
                self._given.add(address)
                yield found

    def close(self) -> None:
        """Ask no more."""
        self._search.close()


def _line_count(folder: Path) -> int:
    try:
        with (folder / NAME).open("rb") as file:
            return sum(1 for _ in file)
    except OSError:
        return 0  # there is none yet; what else is wrong with it, the download says


def answered_addresses(folder: Path, before: int) -> set[str]:
    """Give the addresses of all pictures that a manifest says are saved, and of those that failed lately.

    Args:
        folder: of the manifest; addresses of frames of videos are not given.
        before: so many lines are of earlier runs: what failed there may be asked for again.
    """
    path = folder / NAME
    if not path.exists():
        return set()
    lines = enumerate(read_lines(path))
    return {address_in(line) for place, line in lines if place >= before or line.get("outcome") == "saved"}
