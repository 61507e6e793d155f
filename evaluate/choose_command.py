"""`python -m evaluate choose`: the checkpoint and thresholds that reach a recall, written where `infer` looks."""

from __future__ import annotations

import logging
from argparse import Namespace, _SubParsersAction
from dataclasses import asdict
from typing import TYPE_CHECKING

from common.errors import EXIT_INCOMPLETE, EXIT_OK, UserError
from evaluate import run_command
from evaluate.lines import aligned, say

if TYPE_CHECKING:
    from evaluate.choose import Chosen
    from evaluate.chosen import Written
    from evaluate.evaluation import Evaluation

log = logging.getLogger(__name__)

SPARE = 0.1  # room below a threshold that is worth a word
EPILOG = """In each checkpoint every class gets the highest threshold that reaches the recall; among the checkpoints
that can, the best precision wins. The thresholds go into RUN/choice.json, which `python -m infer video … --weights RUN`
follows."""


def add(commands: _SubParsersAction) -> None:
    """Add the command to a parser."""
    what = "choose checkpoint and thresholds for a wanted recall"
    parser = commands.add_parser("choose", help=what, description=what, epilog=EPILOG)
    parser.add_argument("--target-recall", type=float, required=True, metavar="SHARE", help="e.g. 0.99")
    parser.add_argument(
        "--level", choices=["object", "frame"], default="object", help="what is to be found (default object)"
    )
    parser.add_argument("--best-effort", action="store_true", help="write the nearest where it cannot be reached")
    run_command.add_flags(parser)
    parser.set_defaults(run=run)


def run(flags: Namespace) -> int:
    """Choose, print, write."""
    from evaluate import summary
    from evaluate.choose import choose_point
    from evaluate.chosen import write_choice

    if not 0 < flags.target_recall <= 1:
        raise UserError(f"--target-recall {flags.target_recall}: expected a share above 0, at most 1, e.g. 0.99")
    names = run_command.class_names(flags.only)
    evaluation = run_command.opened(flags, names)
    chosen = choose_point(evaluation, flags.target_recall, names, flags.level)
    split = evaluation.truth.split
    say(*_table(chosen))
    for name in chosen.absent:
        log.warning("the split %s shows no %s: it keeps the model's own threshold", split, name)
    if not chosen.reached:
        say(f"recall {flags.target_recall:g} cannot be reached on {split}; the nearest is {chosen.result.name}:")
    else:
        say(f"recall {flags.target_recall:g} on {split}: {chosen.result.name}")
    for each in chosen.classes.values():
        say(f"  {summary.chosen_line(each)}")
        if each.point.threshold - each.next_false_alarm >= SPARE:
            least = f"down to {each.next_false_alarm:.4f}" if each.next_false_alarm else "however low it is"
            say(f"    none is added here {least}: lower is safer on other pictures")
    code = EXIT_OK if chosen.reached and not evaluation.faults else EXIT_INCOMPLETE
    if not chosen.reached and not flags.best_effort:
        say("nothing was written; lower the target, train on, or take the nearest with --best-effort")
        return code
    about = {
        "target_recall": flags.target_recall,
        "level": flags.level,
        "reached": chosen.reached,
        "settings": asdict(evaluation.settings),
    }
    written = write_choice(evaluation, chosen.result, chosen.classes, about)
    say(*[f"  {name} from {value:.4f}: kept, chosen before" for name, value in written.kept.items()], written.path)
    for note in (*_limits(written, chosen, evaluation), *summary.notes(evaluation, None)):
        log.warning(note)
    log.warning("%s chose these thresholds, so its numbers flatter them; judge them with another --split", split)
    return code


def _limits(written: Written, chosen: Chosen, evaluation: Evaluation) -> list[str]:
    """What the choice asks for elsewhere, a line each."""
    from evaluate.predictions import flags_for_infer
    from mrcnn.choice import CHOICE

    notes = []
    if written.dropped:
        names = ", ".join(f"{name} ({value:.4f})" for name, value in written.dropped.items())
        every = ",".join([*written.dropped, *written.kept, *chosen.classes])
        notes.append(
            f"dropped from {CHOICE}: {names}, chosen for another checkpoint, on other pictures or under other "
            f"settings; to choose for all in one call: --class {every}"
        )
    if flags := flags_for_infer(evaluation.settings, chosen.result.checkpoint.config):
        notes.append(f"these thresholds hold where infer is given the same flags: {flags}")
    return notes


def _table(chosen: Chosen) -> list[str]:
    """All checkpoints, as they were compared."""
    cells = [
        (
            each.result.name,
            "yes" if all(each.reached.values()) else "no",
            f"{each.recall:.3f}",
            f"{each.precision:.3f}",
            str(each.false_alarms),
        )
        for each in chosen.candidates
    ]
    return aligned(("checkpoint", "reached", "lowest recall", "mean precision", "false alarms"), cells)
