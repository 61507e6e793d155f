"""Moments of a video as people write them."""

from __future__ import annotations

import math
import re

from common.errors import UserError

_SECONDS = r"\d+(?:\.\d*)?|\.\d+"


def parse_time(text: str) -> float:
    """Parse a time: seconds (12.5), m:ss (1:05.5) or h:mm:ss (1:02:03).

    Raises:
        UserError: it is none of these.
    """
    parts = text.strip().split(":")
    whole = all(re.fullmatch(r"\d+", part) for part in parts[:-1])
    if len(parts) > 3 or not whole or not re.fullmatch(_SECONDS, parts[-1]):
        raise UserError(f'"{text}" is not a time; expected seconds (12.5), m:ss (1:05) or h:mm:ss (1:02:03)')
    numbers = [float(part) for part in parts]
    if any(number >= 60 for number in numbers[1:]):
        raise UserError(f'"{text}" is not a time; minutes and seconds behind a colon go to 59')
    return math.fsum(number * 60**place for place, number in enumerate(reversed(numbers)))
