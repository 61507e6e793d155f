"""What a run came to, in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from scrape.failure import OVERRULED

DUPLICATE = frozenset({"same_file", "looks_alike"})


@dataclass
class Outcome:
    """Counts of one run; they grow while it goes on.

    What an earlier run settled and this one finds again counts like what this one settles.

    Attributes:
        wanted: pictures that were asked for.
        found: pictures that the source named, without those that it named twice.
        saved: pictures written by this run.
        kept: pictures that an earlier run saved from the same addresses; they count as had.
        duplicates: dropped for being the same file as another, or looking like it.
        failed: reasons, and how many each cost.
        bytes: of the files written.
    """

    wanted: int
    found: int = 0
    saved: int = 0
    kept: int = 0
    duplicates: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    bytes: int = 0

    def refuse(self, reason: str) -> None:
        """Count a picture that is not saved."""
        if reason in DUPLICATE:
            self.duplicates += 1
        else:
            self.failed[reason] += 1

    @property
    def missing(self) -> int:
        """Pictures short of what was asked for."""
        return max(0, self.wanted - self.saved - self.kept)


def described(failed: Counter[str]) -> list[str]:
    """Say a line a reason, most frequent first; where a flag decides about it, which."""
    flags = {reason: f" ({OVERRULED[reason]})" for reason in failed if reason in OVERRULED}
    return [f"failed: {count} × {reason}{flags.get(reason, '')}" for reason, count in failed.most_common()]
