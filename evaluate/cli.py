"""`python -m evaluate`: which epoch, which threshold, and what still slips through."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from common import cli
from evaluate import choose_command, compare_command, gallery_command, leak_command, report_command, run_command

EXAMPLES = """\
examples:
  python -m evaluate --run runs/clown                             every epoch on the validation pictures
  python -m evaluate --run runs/clown --split test --epochs 8-12  some epochs, on others
  python -m evaluate choose --run runs/clown --target-recall 0.99 --class clown
  python -m evaluate report --run runs/clown                      all of it on one page, with misses as pictures
  python -m evaluate compare haar centerface runs/clown --data set --same face=nface
  python -m evaluate leak videos/ --detections masked/            what slips through on videos with truth

`python -m evaluate --run RUN` is short for `python -m evaluate run --run RUN`. exit codes: 0 done · 1 done, but some
checkpoints could not be used, or the target cannot be reached · 2 wrong input or flag · 130 interrupted
"""
# each one's `add` brings its flags
COMMANDS = (run_command, choose_command, report_command, gallery_command, compare_command, leak_command)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluate",
        description="Which epoch, which threshold, and what still slips through.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


def _run(argv: Sequence[str] | None) -> int:
    import sys

    given = list(sys.argv[1:] if argv is None else argv)
    if given and given[0].startswith("-") and given[0] not in ("-h", "--help"):
        given = [run_command.NAME, *given]
    flags = _parser().parse_args(given)
    return int(flags.run(flags))


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    return cli.run(_run, argv)
