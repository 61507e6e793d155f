"""Chapters of a fragment: moved with its start and cut at its ends."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container.core import Chapter

_MILLISECOND = Fraction(1, 1000)


def chapters_within(
    chapters: list[Chapter], shift: Fraction, begin: Fraction | None = None, end: Fraction | None = None
) -> list[Chapter]:
    """Move chapters onto the output's timeline.

    Args:
        chapters: as PyAV's `Container.chapters()` gives them (id, start, end, time_base, metadata).
        shift: seconds subtracted from every time.
        begin: raw seconds before which nothing is kept; None = no limit.
        end: raw seconds after which nothing is kept; None = no limit.

    Returns:
        chapters with their titles and nothing else that might tell, in their own time base.
    """
    kept: list[Chapter] = []
    for chapter in chapters:
        base = Fraction(chapter["time_base"] or _MILLISECOND)
        first, last = chapter["start"] * base, chapter["end"] * base
        if (end is not None and first >= end) or (begin is not None and last <= begin):
            continue
        first = first if begin is None else max(first, begin)
        last = last if end is None else min(last, end)
        titles = {key: value for key, value in chapter["metadata"].items() if key.lower() in ("title", "language")}
        kept.append(
            {
                "id": chapter["id"],
                "start": round((first - shift) / base),
                "end": round((last - shift) / base),
                "time_base": base,
                "metadata": titles,
            }
        )
    return kept
