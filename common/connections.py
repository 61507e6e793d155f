"""Holds the connections that a library makes to addresses that may be asked.

A library that follows redirects by itself, or resolves a name once more, may end up in the user's own network. What is
checked here is the address that is connected to, whatever led there. Python reports each connection to its audit hooks
before it is made (`socket.connect` in the table of audit events); programs that a library starts are not seen.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_MAY: Any = threading.local()  # .ask, .refused: of the block that this thread is in
_HOOK = threading.Lock()
_hooked = False


class RefusedConnection(OSError):
    """A connection that may not be made."""


@contextmanager
def only_to(may_connect: Callable[[str], bool]) -> Iterator[list[str]]:
    """Refuse what this thread connects to within the block, unless it may be.

    Args:
        may_connect: whether an IP address may be connected to.

    Yields:
        The addresses that were refused, filled as it happens.
    """
    _hook()
    before = getattr(_MAY, "ask", None), getattr(_MAY, "refused", None)
    _MAY.ask, _MAY.refused = may_connect, []
    try:
        yield _MAY.refused
    finally:
        _MAY.ask, _MAY.refused = before


def _hook() -> None:
    """Add the hook, once: there is no taking it away."""
    global _hooked
    with _HOOK:
        if not _hooked:
            sys.addaudithook(_audit)
            _hooked = True


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect" or (ask := getattr(_MAY, "ask", None)) is None:
        return
    where = arguments[1]
    if isinstance(where, tuple) and not ask(str(where[0])):  # the others are sockets of this machine's own files
        _MAY.refused.append(str(where[0]))
        raise RefusedConnection(f"{where[0]} may not be connected to")
