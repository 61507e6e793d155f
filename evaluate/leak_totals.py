"""Leaks added up over videos, and by class: the table, and the sentence to sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import binomtest

from evaluate.leak import VideoLeak

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Totals:
    """What several videos, or one class in them, come to.

    Attributes:
        frames: judged.
        seconds: that they last.
        appearances: objects times frames.
        covered: appearances that do not leak.
        visits: of objects; None where the truth does not tell objects apart.
        never_bare: visits without a leaking frame.
        leak_frames: frames with a leak; None for a single class.
        longest: frames of the run in which one object leaks for the longest time; None like visits.
        longest_seconds: how long that lasts; None like visits.
        pixels: visible pixels of all appearances.
        bare: those of them that are not covered.
        false_cover: mean share of the frame that is covered beyond every object's margin; None for a single class.
        false_alarms: what was covered although nothing was there, see `false_alarms`; None for a single class.
        changes: between covered and leaking; None like visits.
        pairs: consecutive appearances of one object; None like visits.
    """

    frames: int
    seconds: float
    appearances: int
    covered: int
    visits: int | None
    never_bare: int | None
    leak_frames: int | None
    longest: int | None
    longest_seconds: float | None
    pixels: int
    bare: int
    false_cover: float | None
    false_alarms: int | None
    changes: int | None
    pairs: int | None

    @property
    def covered_share(self) -> float | None:
        """Covered appearances among all; None when there was nothing to cover."""
        return self.covered / self.appearances if self.appearances else None

    @property
    def never_bare_share(self) -> float | None:
        """Visits never bare among all: the number to sign; None when there is none."""
        return self.never_bare / self.visits if self.visits and self.never_bare is not None else None

    @property
    def never_bare_at_least(self) -> float | None:
        """What that share is at least, at 95 % confidence (one-sided Clopper-Pearson bound)."""
        if not self.visits or self.never_bare is None:
            return None
        test = binomtest(self.never_bare, self.visits, alternative="greater")
        return float(test.proportion_ci(CONFIDENCE, method="exact").low)

    @property
    def bare_share(self) -> float | None:
        """Share of all visible pixels left bare; None when there was nothing to cover."""
        return self.bare / self.pixels if self.pixels else None

    @property
    def false_alarms_per_minute(self) -> float | None:
        """False alarms a minute of video."""
        return 60 * self.false_alarms / self.seconds if self.seconds and self.false_alarms is not None else None

    @property
    def flicker(self) -> float | None:
        """Changes between covered and leaking per 100 consecutive pairs of appearances; None like visits."""
        if self.changes is None:
            return None
        return 100 * self.changes / self.pairs if self.pairs else 0.0


def totals(videos: Sequence[VideoLeak], name: str | None = None) -> Totals:
    """Add up videos.

    Args:
        videos: one or more.
        name: only objects of this class.
    """
    rows = [row for video in videos for row in video.rows]
    visits = [visit for video in videos for visit in video.visits if name in (None, visit.name)]
    worst = max(visits, key=lambda visit: (visit.longest_seconds, visit.longest), default=None)
    tracked = all(video.tracked for video in videos)
    appearances = sum(visit.frames for visit in visits)
    return Totals(
        frames=len(rows),
        seconds=sum(video.seconds for video in videos),
        appearances=appearances,
        covered=appearances - sum(visit.leaking for visit in visits),
        visits=len(visits) if tracked else None,
        never_bare=sum(not visit.leaking for visit in visits) if tracked else None,
        leak_frames=sum(row.leaking > 0 for row in rows) if name is None else None,
        longest=(worst.longest if worst else 0) if tracked else None,
        longest_seconds=(worst.longest_seconds if worst else 0.0) if tracked else None,
        pixels=sum(visit.pixels for visit in visits),
        bare=sum(visit.bare for visit in visits),
        false_cover=sum(row.false_cover for row in rows) / len(rows) if name is None else None,
        false_alarms=sum(video.false_alarms for video in videos) if name is None else None,
        changes=sum(visit.changes for visit in visits) if tracked else None,
        pairs=sum(visit.frames - 1 for visit in visits) if tracked else None,
    )


def sentence(of_all: Totals, classes: Sequence[str]) -> str:
    """Say in one sentence what a privacy officer signs."""
    what = " or ".join(classes)
    share, least = of_all.never_bare_share, of_all.never_bare_at_least
    if share is None or least is None:
        why = "nothing was to be hidden" if not of_all.appearances else "the truth does not tell objects apart"
        return f"Nothing can be said about visits never bare: {why}."
    return (
        f"{of_all.never_bare} of {of_all.visits} visits of {what} ({share:.1%}) were never bare in {of_all.frames} "
        f"frames. As far as these visits stand for others: at least {least:.1%}, with 95 % confidence."
    )
