"""`python -m train`: flags in, exit code out. The heavy part is imported inside."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import EXIT_INCOMPLETE, EXIT_OK, EXIT_USAGE, UserError
from train.flags import parser
from train.settings import TrainSettings, resolve

if TYPE_CHECKING:
    from train.job import Outcome


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["smile"]:
        from train.smile.cli import main as smile

        return smile(arguments[1:])
    flags = parser().parse_args(arguments)
    settings = _settings(flags)
    from train.faults import FaultsError
    from train.job import train

    def say(line: str) -> None:
        if not settings.quiet or line.startswith("warning"):
            print(line, file=sys.stderr, flush=True)

    try:
        outcome = train(settings, arguments, say)
    except FaultsError as error:
        for fault in error.faults:
            print(f"error: {' '.join(fault.split())}", file=sys.stderr)
        return EXIT_USAGE
    return _told(settings, outcome)


def _settings(flags: Namespace) -> TrainSettings:
    given = dict(vars(flags))
    if given.get("classes") is not None:
        given["classes"] = tuple(name.strip() for name in given["classes"].split(",") if name.strip())
    return resolve(given, _before(flags.out) if flags.resume else None)


def _before(run: Path | None) -> TrainSettings:
    """The settings of the run that is taken up again."""
    from train.run_folder import RunFolder

    if run is None:
        raise UserError("--resume goes on with the run of -o: give it")
    return TrainSettings.of_run(RunFolder.open(run).settings(), run)


def _told(settings: TrainSettings, outcome: Outcome) -> int:
    if outcome.run is None:
        print(f"dry run: nothing was written; {outcome.estimate}")
        return EXIT_OK
    row: dict[str, Any] = next((row for row in outcome.rows if row["epoch"] == outcome.best_epoch), {})
    names = (("mask AP50", "val_mask_ap50"), ("box AP50", "val_box_ap50"), ("recall", "val_recall50"))
    numbers = [f"{name} {row[key]:.3f}" for name, key in names if row.get(key) is not None]
    found = ", ".join(numbers) if numbers else f"loss {row.get('val_loss', row.get('loss', float('nan'))):.3f}"
    early = " (stopped early)" if outcome.stopped_early else ""
    print(f"{outcome.run}: {len(outcome.rows)} epochs{early}, best {outcome.best_epoch}: {found}")
    print(f"losses: {outcome.run / 'losses.png'}")
    if outcome.learnt_by_heart is not None:
        return _told_overfit(settings, outcome, row)
    print(f"next: python -m evaluate --run {outcome.run}")
    print(f"      python -m infer video CLIP --weights {outcome.run}")
    return EXIT_OK


def _told_overfit(settings: TrainSettings, outcome: Outcome, row: dict[str, Any]) -> int:
    reached = row.get("val_mask_ap50") or 0.0
    if outcome.learnt_by_heart:
        print(f"it can learn {settings.overfit} pictures: mask AP50 {reached:.3f} on them")
        return EXIT_OK
    print(
        f"it could not learn {settings.overfit} pictures in {len(outcome.rows)} epochs: mask AP50 {reached:.3f} on "
        "them; give more --epochs or --steps, a higher --learning-rate, or look at the labels"
    )
    return EXIT_INCOMPLETE
