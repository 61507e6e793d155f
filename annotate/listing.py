"""The files of a set: what people put into a folder, without what their programs left there."""

from __future__ import annotations

from pathlib import Path

ARCHIVER = "__MACOSX"  # where macOS' archiver puts "._NAME" beside every NAME


def files_below(folder: Path) -> list[Path]:
    """All files in a folder and those below, sorted, without hidden ones: "._a.xml" is no label file."""
    return sorted(
        path
        for path in folder.rglob("*")
        if not any(part.startswith(".") or part == ARCHIVER for part in path.relative_to(folder).parts)
        and path.is_file()
    )
