"""One line of a manifest: what its fields may hold.

People open manifests in editors, and other programs write to them. What cannot be understood is refused before
anything is fetched: a line that is guessed at would lose a picture or fetch it twice.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

_TEXTS = tuple("outcome reason detail url final_url page engine query licence creator title time source".split())
_NAMES = ("file", "of", "frame")
_NUMBERS = ("width", "height", "bytes", "limit")
_NEEDED = {"saved": ("file", "sha256", "phash")}


def _is_name(value: Any) -> bool:
    """Whether it names a file of the folder itself; characters that no file system takes are not printable."""
    return isinstance(value, str) and value.isprintable() and "/" not in value and bool(value.strip("."))


def _is_number(value: Any) -> bool:
    """Whether it is a whole number; 640.0 is one, as tables in other programs write it."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and value % 1 == 0


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_hexadecimal(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


_DIGEST = (_is_hexadecimal("[0-9a-f]{64}"), "64 hexadecimal digits")
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(_TEXTS, (lambda value: isinstance(value, str), "a text")),
    **dict.fromkeys(_NAMES, (_is_name, "the name of a file in the folder")),
    **dict.fromkeys(_NUMBERS, (_is_number, "a whole number, 0 or more")),
    **dict.fromkeys(("sha256", "data_sha256"), _DIGEST),
    "phash": (_is_hexadecimal("[0-9a-f]{1,16}"), "up to 16 hexadecimal digits"),
    "seconds": (_is_time, "a number"),
    "thumbnail": (lambda value: isinstance(value, bool), "true or false"),
}


def understood(raw: bytes) -> dict[str, Any]:
    """Read a line.

    Args:
        raw: with or without the end of line.

    Returns:
        Its fields, without those that are null; those that are not known here are left as they are.

    Raises:
        ValueError: says in a few words what is wrong with it.
    """
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError("not a JSON object") from error
    if not isinstance(line, dict):
        raise ValueError("not a JSON object")
    line = {name: value for name, value in line.items() if value is not None}
    for name, value in line.items():
        rule = _RULES.get(name)
        if rule is not None and not rule[0](value):
            raise ValueError(f"{name} is {json.dumps(value)[:60]}, expected {rule[1]}")
    for name in _NEEDED.get(line.get("outcome", ""), ()):
        if name not in line:
            raise ValueError(f"a picture is called saved, but {name} is missing")
    return line
