import io

import pytest

from common.progress import Progress, clock_time


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    """Goes on by `step` seconds for each item."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def run(stream, count=10, step=2.0, **options):
    clock = Clock()
    with Progress("finding", stream=stream, clock=clock, **options) as progress:
        for _ in progress.count(range(count)):
            clock.now += step
    return stream.getvalue().splitlines()


def test_without_a_terminal_there_is_a_line_every_few_seconds():
    assert run(io.StringIO(), total=10) == [
        "finding: 3 of 10 frames (30 %), 0.5 frames/s, 0:14 left",
        "finding: 6 of 10 frames (60 %), 0.5 frames/s, 0:08 left",
        "finding: 9 of 10 frames (90 %), 0.5 frames/s, 0:02 left",
        "finding: 10 frames in 0:20 (0.5 frames/s)",
    ]


def test_an_unknown_or_wrong_total():
    assert run(io.StringIO(), total=None)[0] == "finding: 3 frames, 0.5 frames/s"
    assert run(io.StringIO(), total=2, unit="pictures")[0] == "finding: 3 pictures, 0.5 pictures/s"


def test_a_short_run_is_one_line_and_a_quiet_one_none():
    assert run(io.StringIO(), count=4, step=0.01, total=4) == ["finding: 4 frames in 0:01 (100.0 frames/s)"]
    assert run(io.StringIO(), quiet=True) == []
    assert run(Terminal(), quiet=True) == []


def test_a_terminal_gets_a_bar_with_speed_that_goes_away():
    clock, stream = Clock(), Terminal()
    with Progress("finding", 4, stream=stream, clock=clock) as progress:
        progress.advance(4)
        clock.now += 8
    shown = stream.getvalue()
    assert "finding:" in shown and "0/4" in shown and "frames/s" in shown
    assert shown.endswith("finding: 4 frames in 0:08 (0.5 frames/s)\n")


def test_further_counts_stand_behind_the_first():
    clock, stream = Clock(), io.StringIO()
    with Progress("collecting", 10, unit="pictures", stream=stream, clock=clock) as progress:
        clock.now += 6
        progress.note(found=3, failed=2)
        progress.advance()
        clock.now += 6
        progress.advance()
    assert stream.getvalue().splitlines()[:2] == [
        "collecting: 0 pictures, 0.0 pictures/s · found 3, failed 2",
        "collecting: 2 of 10 pictures (20 %), 0.2 pictures/s, 0:48 left · found 3, failed 2",
    ]


def test_a_bar_shows_further_counts():
    stream = Terminal()
    with Progress("collecting", 10, stream=stream) as progress:
        progress.note(found=3, failed=2)
    assert "found 3, failed 2" in stream.getvalue()


def test_after_an_error_nothing_is_claimed():
    stream = io.StringIO()
    with pytest.raises(OSError, match="gone"), Progress("finding", stream=stream) as progress:
        progress.advance(3)
        raise OSError("gone")
    assert stream.getvalue() == ""


def test_stderr_is_where_it_goes(capsys):
    with Progress("finding") as progress:
        progress.advance()
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("finding: 1 frames in ")


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (0.1, "0:01"), (59.2, "1:00"), (3661, "1:01:01")])
def test_durations(seconds, text):
    assert clock_time(seconds) == text
