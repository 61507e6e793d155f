"""Folders that results go into: none is left that nothing was written to, and a stranger's is not replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import UserError

BROWSED = r"\.DS_Store|Thumbs\.db"  # what file managers leave where somebody looked


@contextmanager
def made_folder(folder: Path | None) -> Iterator[None]:
    """Make a folder for a block; where the block fails, what was made and is empty is taken away again.

    Args:
        folder: made with the folders above it; may be there. None: nothing is made.

    Raises:
        UserError: it cannot be made.
    """
    if folder is None:
        yield
        return
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _remove(missing)
        raise UserError(f"cannot make the folder {folder}: {error.strerror}; choose another with -o") from error
    try:
        yield
    except BaseException:
        _remove(missing)
        raise


def _remove(folders: list[Path]) -> None:
    """Remove empty folders, the innermost first."""
    for each in folders:
        try:
            each.rmdir()
        except OSError:
            continue  # not made, or something is in it


def check_replaceable(folder: Path, ours: str) -> None:
    """Refuse to replace a folder that holds something else than what was made here.

    Args:
        folder: that is to be replaced; may be missing or empty.
        ours: regular expression of the whole names that are written into it.

    Raises:
        UserError: it is a file, or a name in it is none of these.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(
            f"{folder} is a file, where a folder is to be written; move it, or choose another place with -o"
        )
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    foreign = [name for name in names if not re.fullmatch(f"{ours}|{BROWSED}", name)]
    if foreign:
        raise UserError(
            f"{folder} holds {foreign[0]}, which was not made here, and would be replaced; move it, or choose another "
            "place with -o"
        )
