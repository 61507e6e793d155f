"""`python -m evaluate gallery`: misses and false alarms as pictures, worst first."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction

from common.errors import EXIT_INCOMPLETE, EXIT_OK, UserError
from evaluate import run_command
from evaluate.lines import say


def add(commands: _SubParsersAction) -> None:
    """Add the command to a parser."""
    what = "misses and false alarms as pictures, worst first"
    parser = commands.add_parser("gallery", help=what, description=what)
    add_flags(parser)
    run_command.add_flags(parser)
    parser.set_defaults(run=run)


def add_flags(parser: ArgumentParser) -> None:
    """Add the flags that say what is looked at."""
    parser.add_argument("--checkpoint", metavar="NAME", help="or epoch (default: the chosen one, else the best)")
    parser.add_argument("--score", type=float, help="that counts (default: the chosen ones, else the model's own)")
    parser.add_argument("--limit", type=int, default=60, metavar="N", help="of each kind that are drawn (%(default)s)")


def check(flags: Namespace) -> None:
    """Raise UserError for a limit that is none."""
    if flags.limit < 1:
        raise UserError(f"--limit {flags.limit}: expected a number of pictures, 1 or more")


def run(flags: Namespace) -> int:
    """Write the gallery; say where it is."""
    from evaluate.point import looked_at, write_gallery_of

    check(flags)
    evaluation = run_command.opened(flags, run_command.class_names(flags.only))
    at = looked_at(evaluation, flags.checkpoint, flags.score)
    folder = run_command.folder_of(flags, evaluation)
    made, misses, false_alarms = write_gallery_of(evaluation, at, folder, flags.limit)
    say(f"{at.result.name}, {at.words}: {misses} missed, {false_alarms} false alarms", made)
    return EXIT_INCOMPLETE if evaluation.faults else EXIT_OK
