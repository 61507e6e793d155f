"""From queries to a folder of pictures: search and download, query after query."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from common.progress import Progress
from scrape.download import Run, downloading
from scrape.download_settings import DownloadSettings
from scrape.engine_list import Engine
from scrape.outcome import Outcome, described
from scrape.search import Searcher, SearchSettings


class Collection:
    """One run over all queries.

    Attributes:
        wanted: pictures that were asked for.
        outcome: what the download came to so far.
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
        self.outcome = Outcome(0)
        self._searcher = Searcher(engine, search)
        self._settings = settings
        self._ends: dict[str, str] = {}
        self._skipped: Counter[str] = Counter()

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
        with self._searcher, Progress("collecting", wanted, unit="pictures", quiet=quiet) as progress:

            def show(outcome: Outcome) -> None:
                progress.note(found=outcome.found, duplicate=outcome.duplicates, failed=outcome.failed.total())
                progress.advance(self.had - progress.done)

            with downloading(out, self._settings, wanted, show) as run:
                self.outcome = run.outcome
                open_queries = list(queries)
                while open_queries and self.missing:
                    for place, query in enumerate(open_queries):
                        if share := -(-self.missing // (len(open_queries) - place)):  # rounded up
                            self._one(run, query, share)
                    open_queries = [query for query in open_queries if query not in self._ends]

    def _one(self, run: Run, query: str, share: int) -> None:
        search = self._searcher.search(query)
        try:
            run.feed(search, share)
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
        return self.outcome.saved + self.outcome.kept

    @property
    def missing(self) -> int:
        """Pictures short of what was asked for."""
        return max(0, self.wanted - self.had)

    def summary(self, out: Path) -> str:
        """Say in a line what came of it."""
        outcome = self.outcome
        before = f" ({outcome.kept} of them by earlier runs)" if outcome.kept else ""
        counts = f"found {outcome.found}, duplicate {outcome.duplicates}, failed {outcome.failed.total()}"
        return f"{out}: {self.had} of {self.wanted} pictures{before}; {counts}"

    def remarks(self) -> list[str]:
        """What did not become a picture and why, a line each."""
        return described(self.outcome.failed) + [
            f"left out: {count} × {reason}" for reason, count in self._skipped.most_common()
        ]

    def shortage(self) -> str:
        """Why there are too few pictures."""
        failed = self.outcome.failed
        reasons = list(self._ends.values())
        if failed:
            listed = ", ".join(f"{number} {name}" for name, number in failed.most_common())
            reasons.append(f"{failed.total()} failed, because {listed}")
        if self.outcome.duplicates:
            reasons.append(f"{self.outcome.duplicates} were duplicates")
        if self._skipped:
            reasons.append(f"{self._skipped.total()} were left out")
        return "; ".join(reasons)
