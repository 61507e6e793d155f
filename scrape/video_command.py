"""The command `scrape video`: flags, progress and exit code. The heavy part is imported inside."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from common.errors import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_OK, UserError
from common.path_flag import StorePath
from common.progress import Progress
from common.times import parse_time

if TYPE_CHECKING:
    from scrape.frame_choice import Choice
    from scrape.video_frames import Taken

Say = Callable[[str], None]
_LEAST = Fraction(1, 10_000)  # seconds between two frames
_MOST = 1_000_000
EXAMPLES = """\
examples:
  python -m scrape video party.mp4 --every 0.5 --start 1:44 --count 500 --out frames
  python -m scrape video https://example.org/party.mp4 --count 50 --out frames       spread over all of it
  python -m scrape video clips/*.mp4 --scenes --drop-near-duplicates --out frames    the sharpest frame of each scene
"""


def add_parser(commands: Any, say: Say, warn: Say) -> None:
    """Add the command to those of `python -m scrape`.

    Args:
        commands: the subparsers.
        say: takes a line for stdout.
        warn: takes a line for stderr.
    """
    what = "take frames of videos for labelling"
    parser = commands.add_parser(
        "video", help=what, description=what, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "sources",
        nargs="+",
        action=StorePath,
        type=str,
        metavar="SOURCE",
        help="video file, or address of one (through yt-dlp)",
    )
    parser.add_argument(
        "-o", "--out", action=StorePath, required=True, metavar="DIR", help="folder for frames and manifest"
    )
    which = parser.add_argument_group("which frames")
    one = which.add_mutually_exclusive_group()
    one.add_argument("--every", metavar="S", help="one every S seconds, such as 0.5 or 1/3")
    one.add_argument("--fps", metavar="F", help="F a second")
    one.add_argument("--scenes", action="store_true", help="the sharpest frame of each scene")
    which.add_argument("--count", type=int, metavar="N", help="at most N of a video; alone: N spread over all of it")
    which.add_argument("--start", metavar="TIME", help="from here: seconds, m:ss or h:mm:ss")
    which.add_argument("--end", metavar="TIME", help="up to here")
    which.add_argument("--skip-blurred", action="store_true", help="take the next sharp frame in a blurred one's place")
    which.add_argument(
        "--drop-near-duplicates", action="store_true", help="drop frames that look like another picture in the folder"
    )
    which.add_argument(
        "--distance", type=int, default=6, metavar="BITS", help="of 64 between look-alikes (%(default)s)"
    )
    parser.add_argument("--quality", type=int, default=95, metavar="Q", help="of the JPEGs (%(default)s)")
    parser.add_argument("--name", metavar="NAME", help="in place of the file's name in NAME@SECONDS.jpg")
    parser.add_argument("--allow-private", action="store_true", help="also fetch from private addresses")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=lambda flags: run(flags, say, warn))


def run(flags: argparse.Namespace, say: Say, warn: Say) -> int:
    """Take the frames of each source; return the exit code."""
    choice = _choice(flags)
    if flags.name is not None and len(flags.sources) > 1:
        raise UserError("--name is for one SOURCE")

    from scrape.download_settings import DownloadSettings
    from scrape.video_frames import FrameFolder, FrameSettings

    DownloadSettings(quality=flags.quality, distance=flags.distance)  # refuses what makes no sense
    settings = FrameSettings(
        flags.quality, flags.drop_near_duplicates, flags.distance, flags.name, flags.allow_private, flags.quiet
    )
    code = EXIT_OK
    try:
        with FrameFolder(flags.out, settings) as folder:
            for source in dict.fromkeys(flags.sources):
                try:
                    taken = folder.take(source, choice, lambda label, items: _watched(label, items, flags.quiet))
                except UserError as error:
                    if len(flags.sources) == 1:
                        raise
                    warn(f"error: {error}")
                    code = EXIT_INCOMPLETE
                    continue
                code = max(code, _report(taken, choice, flags, say, warn))
    except KeyboardInterrupt:
        warn(f"interrupted: the frames in {flags.out} are whole; the same command goes on from there")
        return EXIT_INTERRUPTED
    return code


def _choice(flags: argparse.Namespace) -> Choice:
    from scrape.frame_choice import Choice

    every = None
    if flags.every is not None:
        every = _interval("--every", flags.every)
    elif flags.fps is not None:
        every = _interval("--fps", flags.fps)
    return Choice(
        every=every,
        count=flags.count,
        scenes=flags.scenes,
        start=None if flags.start is None else parse_time(flags.start),
        end=None if flags.end is None else parse_time(flags.end),
        skip_blurred=flags.skip_blurred,
    )


def _interval(flag: str, text: str) -> Fraction:
    """Read seconds, or frames a second; returns the seconds between two frames.

    Raises:
        UserError: it is no number, or one that no video needs: without an end to it, counting would have none either.
    """
    try:
        number = Fraction(text) if re.search(r"e[+-]?\d{3}", text, re.IGNORECASE) is None else Fraction(0)
    except (ValueError, ZeroDivisionError):
        number = Fraction(0)
    if not number > 0:
        raise UserError(f"{flag} {text}: expected a number above 0, such as 0.5 or 30000/1001")
    seconds = 1 / number if flag == "--fps" else number
    if not _LEAST <= seconds <= _MOST:
        raise UserError(f"{flag} {text}: expected from {float(_LEAST):g} to {_MOST} seconds between two frames")
    return seconds


def _watched(label: str, items: Iterator[Any], quiet: bool) -> Iterator[Any]:
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(label, quiet=quiet, closing=False))
        yield from progress.count(items)


def _report(taken: Taken, choice: Choice, flags: argparse.Namespace, say: Say, warn: Say) -> int:
    """Say what came of a video; return its part of the exit code."""
    counts = [f"{taken.had} frames"]
    if taken.kept:
        counts[0] += f" ({taken.kept} of them by an earlier run)"
    counts += [
        f"{number} {what}"
        for number, what in (
            (taken.duplicates, "dropped as look-alikes"),
            (taken.blurred, "blurred ones passed over"),
            (taken.corrupt, "corrupt ones passed over"),
        )
        if number
    ]
    say(f"{taken.source}: {', '.join(counts)} in {flags.out}")
    if taken.damage:
        warn(f"{taken.source}: damaged: {taken.damage}")
    short = choice.is_spread and choice.count is not None and taken.had + taken.duplicates < choice.count
    if short:
        warn(f"error: {taken.source}: the span has no {choice.count} frames that can be taken")
    return EXIT_INCOMPLETE if short or taken.damage or not taken.had + taken.duplicates else EXIT_OK
