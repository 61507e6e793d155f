"""Retry-After: how long a server wants to be left alone (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def pause_asked(header: str | None) -> float | None:
    """Read the header.

    Args:
        header: a number of seconds or a date; None where the answer has none.

    Returns:
        Seconds from now on, 0 for what has passed; None where nothing is asked for, or nothing that can be understood.
    """
    text = (header or "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]*)?", text):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
        return max(0.0, (when - datetime.now(UTC)).total_seconds()) if when.tzinfo else None
    except (ValueError, OverflowError):
        return None
