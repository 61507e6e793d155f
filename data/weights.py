"""Trained weights from the network, by name."""

from __future__ import annotations

import difflib
from pathlib import Path

from common.errors import UserError
from mrcnn.checkpoint import read
from mrcnn.download import KNOWN, cached, fetch


def fetch_weights(name: str, target: Path | None = None, quiet: bool = False) -> Path:
    """Fetch a weight file once, and make sure that it is one.

    Args:
        name: key of `download.KNOWN`.
        target: where to; None: the cache, where `infer` looks.
        quiet: no progress on stderr.

    Returns:
        Where the file is.

    Raises:
        UserError: no such name; it cannot be fetched (says what to put where); or what lies there is no weight file.
    """
    if name not in KNOWN:
        close = difflib.get_close_matches(name, KNOWN, 1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(KNOWN)}"
        raise UserError(f"no weights {name!r}; {hint}")
    path = cached(name) if target is None else target / cached(name).name if target.is_dir() else target
    fetch(KNOWN[name], path, quiet)
    read(path)
    return path
