"""`python -m evaluate report`: everything about a run on one page."""

from __future__ import annotations

from argparse import Namespace, _SubParsersAction

from common.errors import EXIT_INCOMPLETE, EXIT_OK
from evaluate import gallery_command, run_command
from evaluate.lines import say

EPILOG = """The page holds tables, plots and pictures; it needs no network and no other file. What `leak -o` and
`compare -o` wrote into the folders leak and compare of the split's folder is on it too."""


def add(commands: _SubParsersAction) -> None:
    """Add the command to a parser."""
    what = "one HTML page: tables, plots, misses and false alarms"
    parser = commands.add_parser("report", help=what, description=what, epilog=EPILOG)
    gallery_command.add_flags(parser)
    run_command.add_flags(parser)
    parser.set_defaults(run=run)


def run(flags: Namespace) -> int:
    """Write tables, plots, gallery and page; say where it is."""
    from evaluate import gallery, outputs, report
    from evaluate.folders import check_replaceable
    from evaluate.point import looked_at, write_gallery_of

    gallery_command.check(flags)
    evaluation = run_command.opened(flags, run_command.class_names(flags.only))
    at = looked_at(evaluation, flags.checkpoint, flags.score)
    folder = run_command.folder_of(flags, evaluation)
    check_replaceable(folder / gallery.FOLDER, gallery.OURS)
    outputs.write(evaluation, folder)
    write_gallery_of(evaluation, at, folder, flags.limit)
    say(report.write_report(report.open_folder(evaluation.run.folder, folder)))
    return EXIT_INCOMPLETE if evaluation.faults else EXIT_OK
