"""Book of packets sent to the decoder and pictures that came back: which were lost, and which cannot be trusted.

Pictures come back in presentation order, packets go in in decoding order. A picture builds only on packets that went in
before its own, so it can be judged once each of those has come back or is known to be lost: a B-frame shown before a
damaged P-frame may well build on it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

REORDER = 32  # pictures that a decoder may hold back: 16 for H.264 and HEVC, twice that for separate fields
KEYS_KEPT = 64


@dataclass(frozen=True)
class Sent:
    """A packet that went into the decoder.

    Attributes:
        index: place in decoding order.
        pts: presentation time in stream units, None when the container does not know it.
        duration: in stream units.
        silent: it may rightly yield no picture (a hidden reference, a second field, a skipped frame).
        errors: decoding errors seen before it went in.
    """

    index: int
    pts: int | None
    duration: int
    silent: bool
    errors: int


@dataclass(frozen=True)
class Failure:
    """Something went wrong between packets `first` and `last` (decoding order, both included)."""

    first: int
    last: int
    reason: str


class Ledger:
    """The book. Indices are places in decoding order."""

    def __init__(self) -> None:
        self.errors = 0
        self._next = 0
        self._outstanding: dict[int, Sent] = {}  # in the order of sending
        self._failures: list[Failure] = []
        self._unplaced: list[Failure] = []  # errors of which it is not yet known which packet they belong to
        self._losses: set[int] = set()
        self._keys: deque[tuple[int, int]] = deque(maxlen=KEYS_KEPT)  # clean key frames: (index, pts)

    def send(self, packet: Sent) -> None:
        """Note a packet that goes into the decoder."""
        self._outstanding[packet.index] = packet
        self._next = packet.index + 1

    def fail(self, index: int, reason: str, reach: int = 0) -> None:
        """Note that a packet is damaged, lost, or decoded with flaws.

        The packet before it is distrusted as well: damage seldom stops at packet borders, and the end of a packet may
        be spoilt without the decoder noticing. `reach` is how many packets behind it may be hit too.
        """
        self._failures.append(Failure(max(0, index - 1), index + reach, reason))

    def error(self, first: int, last: int, reason: str) -> None:
        """Note that the decoder refused one of the packets from `first` to `last`; with threads it says so late."""
        self.errors += 1
        self._unplaced.append(Failure(max(0, first), last, reason))

    def receive(self, index: int, pts: int, clean_key: bool) -> list[Sent]:
        """Note a picture; returns the packets that should have come back before it and did not, by time."""
        self._outstanding.pop(index, None)
        if clean_key:
            self._keys.append((index, pts))
        return self._lost(lambda sent: sent.pts < pts if sent.pts is not None else sent.index < index - REORDER)

    def close(self) -> list[Sent]:
        """Nothing more will come; returns what did not come back."""
        self._next += 2 * REORDER
        return self._lost(lambda sent: True)

    def settled(self, index: int) -> bool:
        """Whether the fate of all packets up to the one behind `index` is known (see `fail` for why that one too)."""
        oldest = next(iter(self._outstanding), self._next)
        if self._unplaced:
            self._place_errors(oldest)
        return oldest > index + 1 and all(index < error.first for error in self._unplaced)

    def distrust(self, index: int, pts: int) -> str | None:
        """Why the picture of a packet cannot be trusted, or None.

        It builds, perhaps over many steps, on a failure that went in before it, unless a clean key frame lies
        between the two, in decoding order and in time.
        """
        for failure in (*self._failures, *self._unplaced):
            if failure.first <= index and not any(failure.last < key <= index and at <= pts for key, at in self._keys):
                return failure.reason
        return None

    def forget(self, index: int, pts: int) -> None:
        """All pictures up to this one are delivered: drop failures that a key frame among them has ended."""
        if self._failures:
            ended = [key for key, at in self._keys if at <= pts and key <= index]
            self._failures = [one for one in self._failures if not any(one.last < key for key in ended)]
            self._losses = {loss for loss in self._losses if loss > index - 2 * REORDER}

    def _place_errors(self, oldest: int) -> None:
        """Pin each error on a lost packet; one that fits none spoils the whole span it may come from."""
        waiting = []
        for error in self._unplaced:
            if oldest <= error.last:
                waiting.append(error)
                continue
            loss = next((one for one in sorted(self._losses) if error.first <= one <= error.last), None)
            if loss is None:
                self._failures.append(error)
            else:
                self._losses.discard(loss)
        self._unplaced = waiting

    def _lost(self, is_over: Callable[[Sent], bool]) -> list[Sent]:
        over = [sent for sent in self._outstanding.values() if is_over(sent)]
        for sent in over:
            del self._outstanding[sent.index]
        lost = [sent for sent in over if not sent.silent or self.errors > sent.errors]
        for sent in lost:
            self.fail(sent.index, "does not decode")
            self._losses.add(sent.index)
        return sorted(lost, key=lambda sent: sent.index if sent.pts is None else sent.pts)
