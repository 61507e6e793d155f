"""How far the work is: a bar on a terminal, a line now and then elsewhere, on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TextIO, TypeVar

Item = TypeVar("Item")


class Progress:
    """Counts items and shows count, speed and time left; a context manager.

    Use `with Progress("finding", total) as progress: for frame in progress.count(frames): ...`.

    Attributes:
        done: items so far.
    """

    def __init__(
        self,
        label: str,
        total: int | None = None,
        *,
        unit: str = "frames",
        quiet: bool = False,
        closing: bool = True,
        stream: TextIO | None = None,
        interval: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is shown before the block is entered.

        Args:
            label: what is being done, a word or two.
            total: expected number of items, None when unknown. More may come.
            unit: what is counted.
            quiet: show nothing at all.
            closing: say in a line what was done, when the block ends.
            stream: where to show it; None: stderr as it is when the block is entered.
            interval: seconds between lines where there is no terminal.
            clock: seconds, for tests.
        """
        self.label, self.total, self.unit, self.quiet, self.closing = label, total, unit, quiet, closing
        self.done = 0
        self._notes = ""
        self._stream = stream
        self._interval = interval
        self._clock = clock
        self._bar: Any = None
        self._begin = self._next = 0.0

    def __enter__(self) -> Self:
        """Start the clock, and the bar where there is a terminal."""
        self._stream = sys.stderr if self._stream is None else self._stream
        self._begin = self._clock()
        self._next = self._begin + self._interval
        if not self.quiet and self._stream.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                desc=self.label,
                total=self.total,
                unit=f" {self.unit}",
                file=self._stream,
                dynamic_ncols=True,
                mininterval=0.2,
                leave=False,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away; say in a line what was done, unless an error ended it."""
        if self._bar is not None:
            self._bar.close()
        if error is None and self.done and self.closing:
            seconds = self._clock() - self._begin
            self._say(f"{self.label}: {self.done} {self.unit} in {clock_time(seconds)} ({self._rate()})")

    def advance(self, count: int = 1) -> None:
        """Count items that are finished."""
        self.done += count
        if self._bar is not None:
            self._bar.update(count)
        elif (now := self._clock()) >= self._next:
            self._next = now + self._interval
            self._say(self._line())

    def note(self, **counts: int) -> None:
        """Show further counts behind the first: `note(found=120, failed=7)`; they stay until the next call."""
        self._notes = ", ".join(f"{name} {count}" for name, count in counts.items())
        if self._bar is not None:
            self._bar.set_postfix_str(self._notes)
        elif (now := self._clock()) >= self._next:
            self._next = now + self._interval
            self._say(self._line())

    def count(self, items: Iterable[Item]) -> Iterator[Item]:
        """Pass items through; each counts when the next one is asked for."""
        for item in items:
            yield item
            self.advance()

    def _rate(self) -> str:
        rate = self.done / max(self._clock() - self._begin, 1e-9)
        return f"{rate:.1f} {self.unit}/s"

    def _line(self) -> str:
        return f"{self._main_line()} · {self._notes}" if self._notes else self._main_line()

    def _main_line(self) -> str:
        if self.total is None or self.done > self.total or not self.done:
            return f"{self.label}: {self.done} {self.unit}, {self._rate()}"
        left = (self.total - self.done) * (self._clock() - self._begin) / self.done
        share = f"{100 * self.done / self.total:.0f} %"
        so_far = f"{self.label}: {self.done} of {self.total} {self.unit} ({share})"
        return f"{so_far}, {self._rate()}, {clock_time(left)} left"

    def _say(self, line: str) -> None:
        if not self.quiet and self._stream is not None:
            self._stream.write(line + "\n")
            self._stream.flush()


def clock_time(seconds: float) -> str:
    """Write a duration as m:ss or h:mm:ss, rounded up so that a moment is not 0:00."""
    whole = max(0, int(-(-seconds // 1)))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
