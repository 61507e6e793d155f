"""The command `scrape urls`: pictures whose addresses are known already, one a line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from common.errors import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_OK, UserError
from common.path_flag import StorePath
from common.progress import Progress
from scrape.download_settings import add_download_flags, settings_from
from scrape.found import Found

if TYPE_CHECKING:
    from scrape.outcome import Outcome

Say = Callable[[str], None]
ALL = 2**62  # more pictures than any list names


def add_parser(commands: Any, say: Say, warn: Say) -> None:
    """Add the command to those of `python -m scrape`.

    Args:
        commands: the subparsers.
        say: takes a line for stdout.
        warn: takes a line for stderr.
    """
    what = "download pictures from a list of addresses"
    parser = commands.add_parser("urls", help=what, description=what)
    parser.add_argument(
        "list",
        action=StorePath,
        type=str,
        metavar="FILE",
        help='addresses, one a line; "#" begins a remark; - is standard input',
    )
    parser.add_argument(
        "-o", "--out", action=StorePath, required=True, metavar="DIR", help="folder for pictures and manifest"
    )
    parser.add_argument("--count", type=int, metavar="N", help="stop at N pictures (default: all of the list)")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    add_download_flags(parser)
    parser.set_defaults(run=lambda flags: run(flags, say, warn))


def read_addresses(lines: TextIO) -> Iterator[Found]:
    """Pictures that a list names; read as they are needed."""
    for line in lines:
        address = line.strip()
        if address and not address.startswith("#"):
            yield Found(url=address, page=None, engine="list", query="")


def run(flags: argparse.Namespace, say: Say, warn: Say) -> int:
    """Download the list; return the exit code."""
    if flags.count is not None and flags.count < 1:
        raise UserError(f"--count {flags.count}: expected 1 or more")
    settings = settings_from(flags)

    from scrape.download import download
    from scrape.outcome import Outcome, described

    outcome = Outcome(flags.count or ALL)
    with _opened(flags.list) as lines, Progress("downloading", flags.count, unit="pictures", quiet=flags.quiet) as bar:

        def show(now: Outcome) -> None:
            nonlocal outcome
            outcome = now
            bar.advance(now.saved + now.kept - bar.done)
            bar.note(found=now.found, duplicate=now.duplicates, failed=now.failed.total())

        try:
            outcome = download(read_addresses(lines), flags.out, settings, outcome.wanted, show)
        except UnicodeDecodeError as error:
            raise UserError(f"{flags.list} is no text: expected addresses, one a line") from error
        except KeyboardInterrupt:
            warn(f"interrupted: {_summary(outcome, flags.out)}; the same command goes on from there")
            return EXIT_INTERRUPTED
    say(_summary(outcome, flags.out))
    for line in described(outcome.failed):
        warn(line)
    short = outcome.missing if flags.count else outcome.failed.total()
    return EXIT_INCOMPLETE if short else EXIT_OK


def _opened(name: str) -> TextIO:
    if name == "-":
        return sys.stdin
    try:
        return Path(name).open(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{name}: {error.strerror}; expected a file of addresses, one a line") from error


def _summary(outcome: Outcome, out: Path) -> str:
    kept = f" ({outcome.kept} of them by earlier runs)" if outcome.kept else ""
    return (
        f"{out}: {outcome.saved + outcome.kept} of {outcome.found} pictures{kept}; "
        f"duplicate {outcome.duplicates}, failed {outcome.failed.total()}"
    )
