"""A picture under the temporary name that it waits under, whole, until its line is written."""

from __future__ import annotations

import re
from pathlib import Path

from common.errors import UserError

PART = ".part"
OWN_PART = re.compile(r"\.[0-9a-f]{64}\.\d+" + re.escape(PART))  # as `part_path` names them


def part_path(folder: Path, sha256: str, number: int) -> Path:
    """Temporary name of a picture that is written to `folder`; `number` tells copies apart."""
    return folder / f".{sha256}.{number}{PART}"


def write_part(folder: Path, sha256: str, number: int, data: bytes) -> Path:
    """Write a picture under its temporary name.

    Raises:
        UserError: the disk is full, or the folder cannot be written any more.
    """
    part = part_path(folder, sha256, number)
    try:
        part.write_bytes(data)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UserError(
            f"cannot write to {folder}: {error.strerror or error}; free some space or choose another folder, then run "
            "it again"
        ) from error
    return part
