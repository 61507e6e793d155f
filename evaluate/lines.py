"""Results as lines on stdout."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def say(*lines: object) -> None:
    """Write lines to stdout."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table as lines of aligned columns: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings))]
    lines = []
    for row in (headings, *rows):
        sides = (str.ljust, *[str.rjust] * (len(widths) - 1))
        lines.append(
            "  ".join(side(text, width) for side, text, width in zip(sides, row, widths, strict=True)).rstrip()
        )
    return lines
