"""`python -m evaluate run`: every checkpoint of a run on one split."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import EXIT_INCOMPLETE, EXIT_OK, UserError
from common.path_flag import StorePath
from evaluate.lines import say

if TYPE_CHECKING:
    from evaluate.evaluation import Evaluation

log = logging.getLogger(__name__)

NAME = "run"


def add(commands: _SubParsersAction) -> None:
    """Add the command to a parser."""
    what = "tables and plots of every checkpoint of a run (the default command)"
    parser = commands.add_parser(NAME, help=what, description=what)
    add_flags(parser)
    parser.set_defaults(run=run)


def add_flags(parser: ArgumentParser) -> None:
    """Add the flags that say what is evaluated."""
    parser.add_argument(
        "--run", action=StorePath, required=True, dest="source", metavar="RUN", help="run folder, or one .h5"
    )
    parser.add_argument("--split", default="val", metavar="NAME", help="val (default), test, train")
    parser.add_argument("--data", action=StorePath, metavar="DATASET", help="dataset folder (default: the training's)")
    parser.add_argument("--epochs", default="all", metavar="LIST", help="e.g. 1,3-5 (default: all)")
    parser.add_argument("--class", dest="only", metavar="NAMES", help="only these, with commas (default: all)")
    parser.add_argument("-o", "--out", action=StorePath, metavar="DIR", help="default: eval in the run")
    parser.add_argument(
        "--difficult",
        choices=["ignore", "count"],
        default="ignore",
        help="objects marked difficult are neither hit nor miss (default), or count",
    )
    parser.add_argument("--model-classes", metavar="NAMES", help="for checkpoints that carry no class names")
    parser.add_argument("--nms", type=float, metavar="S", help="as infer's (default: as trained)")
    parser.add_argument("--mask-threshold", type=float, default=0.5, metavar="P", help="as infer's (default 0.5)")
    parser.add_argument("--input-size", type=int, metavar="PIXELS", help="longer side (default: as trained)")
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto (default), cpu, cuda")
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="pictures at once; 8 suits a GPU (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the intervals (default 0)")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def opened(flags: Namespace, only: tuple[str, ...] | None) -> Evaluation:
    """Evaluate what the flags say; name what could not be used."""
    from dataclasses import replace

    from common.progress import Progress
    from evaluate.evaluation import open_evaluation
    from evaluate.predictions import Machine, PredictSettings

    if flags.batch < 1:
        raise UserError(f"--batch {flags.batch}: expected a number of pictures, 1 or more")
    if flags.seed < 0:
        raise UserError(f"--seed {flags.seed}: expected 0 or more")

    def shown(label: str, pictures: Iterable[int], total: int) -> Iterable[int]:
        with Progress(label, total, unit="pictures", quiet=flags.quiet) as progress:
            yield from progress.count(pictures)

    evaluation = open_evaluation(
        flags.source,
        flags.data,
        flags.split,
        flags.epochs,
        only=only,
        difficult=flags.difficult,
        out=flags.out,
        settings=PredictSettings(nms=flags.nms, mask_threshold=flags.mask_threshold, input_size=flags.input_size),
        machine=Machine(flags.device, flags.batch),
        model_classes=flags.model_classes,
        shown=shown,
    )
    for fault in evaluation.faults:
        log.warning("skipped %s", fault)
    return replace(evaluation, seed=flags.seed)


def class_names(text: str | None) -> tuple[str, ...] | None:
    """Read `--class clown,nface`."""
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise UserError(f"--class {text!r}: expected class names with commas, e.g. clown,nface")
    return names


def folder_of(flags: Namespace, evaluation: Evaluation) -> Path:
    """Return where the tables of this split go."""
    from evaluate.evaluation import EVALUATION

    out = evaluation.run.folder / EVALUATION if flags.out is None else flags.out
    return Path(out) / evaluation.truth.split


def run(flags: Namespace) -> int:
    """Write tables and plots; print the short table and what it says."""
    from evaluate import outputs, summary

    evaluation = opened(flags, class_names(flags.only))
    written = outputs.write(evaluation, folder_of(flags, evaluation))
    say(*summary.table_lines(written.tables["epochs"]), *summary.best_lines(written.epochs))
    if written.judgement is not None:
        say(*summary.choice_lines(written.judgement, evaluation.truth.split))
    for note in summary.notes(evaluation, written.judgement):
        log.warning(note)
    say(written.folder)
    return EXIT_INCOMPLETE if evaluation.faults else EXIT_OK
