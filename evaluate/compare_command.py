"""`python -m evaluate compare`: several detectors on one set of pictures."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import EXIT_OK, UserError
from common.path_flag import StorePath
from evaluate.lines import aligned, say

if TYPE_CHECKING:
    from common.detectors.detector import Detector
    from evaluate.compare import Compared, Objects
    from evaluate.compare_output import Comparison
    from evaluate.truth import Truth

log = logging.getLogger(__name__)

EPILOG = """Each detector looks at one picture at a time, as a video is looked at; what it believes counts, so a run
counts with the thresholds that were chosen for it. Boxes are compared. Times are of this machine, without reading."""


def add(commands: _SubParsersAction) -> None:
    """Add the command to a parser."""
    what = "several detectors on one set: accuracy, misses, speed"
    parser: ArgumentParser = commands.add_parser("compare", help=what, description=what, epilog=EPILOG)
    parser.add_argument(
        "detectors",
        nargs="+",
        metavar="DETECTOR",
        help="centerface, haar, a run folder, an .h5, .onnx or .pb file, coco",
    )
    parser.add_argument("--data", action=StorePath, required=True, metavar="DATASET", help="dataset folder")
    parser.add_argument("--split", default="val", metavar="NAME", help="val (default), test, train")
    parser.add_argument(
        "--same", action="append", default=[], metavar="A=B", help="class A counts as B, in truth and detections"
    )
    parser.add_argument("--class", dest="only", metavar="NAMES", help="with commas (default: what all of them find)")
    parser.add_argument(
        "--classes",
        action="append",
        default=[],
        metavar="DETECTOR=NAMES",
        help="class names, or a file of them, for a model that carries none",
    )
    parser.add_argument("--overlap", type=float, default=0.5, metavar="IOU", help="that finds an object (%(default)s)")
    parser.add_argument("--score", type=float, help="that counts, for all (default: each detector's own)")
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto (default), cpu, cuda")
    parser.add_argument("--limit", type=int, default=60, metavar="N", help="contested objects drawn (%(default)s)")
    parser.add_argument("-o", "--out", action=StorePath, metavar="DIR", help="write tables, pictures and a page there")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=run)


def run(flags: Namespace) -> int:
    """Compare; print the table; write what was asked for."""
    from evaluate import compare_output
    from evaluate.folders import made_folder

    _check(flags)
    _model_classes(flags)
    if flags.out is not None:
        compare_output.check(flags.out)
    with made_folder(flags.out):
        comparison = _compared(flags)
        say(*aligned(compare_output.HEADINGS, compare_output.lines(comparison)), "", comparison.words)
        for each in comparison.measured:
            blind = [name for name in comparison.objects.class_names[1:] if name not in each.looked.classes]
            if blind:
                log.warning("%s does not know %s: all of these count as missed", each.looked.name, ", ".join(blind))
        if flags.out is not None:
            say(compare_output.write(flags.out, comparison, flags.limit))
    return EXIT_OK


def _compared(flags: Namespace) -> Comparison:
    from evaluate import run_command
    from evaluate.compare import compared_classes, objects_of
    from evaluate.compare_output import Comparison
    from evaluate.truth import read_truth

    same = same_names(flags.same)
    truth = read_truth(flags.data, flags.split)
    opened = {name: _open(given, flags) for name, given in _names(flags.detectors).items()}
    asked = run_command.class_names(flags.only) or ()
    classes = {name: detector.classes for name, detector in opened.items()}
    names = compared_classes(truth.class_names[1:], classes, asked, same)
    objects = objects_of(truth, names, same)
    measured = [_measured(name, detector, truth, objects, same, flags) for name, detector in opened.items()]
    return Comparison(truth, objects, measured, same)


def _measured(
    name: str, detector: Detector, truth: Truth, objects: Objects, same: dict[str, str], flags: Namespace
) -> Compared:
    from common.progress import Progress
    from evaluate.compare import look, measure

    def shown(pictures: Iterable[int]) -> Iterable[int]:
        with Progress(name, len(truth.paths), unit="pictures", quiet=flags.quiet) as progress:
            yield from progress.count(pictures)

    return measure(look(name, detector, truth, objects.class_names[1:], same, shown), objects, flags.overlap)


def _open(given: str, flags: Namespace) -> Detector:
    from evaluate.compare import FLOOR
    from mrcnn.detectors import open_named

    classes = _model_classes(flags)
    return open_named(given, classes=classes.get(given), device=flags.device, sure=flags.score, floor=FLOOR)


def _model_classes(flags: Namespace) -> dict[str, str]:
    """Read `--classes old.h5=BG,dog`: detector as given -> names."""
    pairs = [text.partition("=") for text in flags.classes]
    for name, _, classes in pairs:
        if name not in flags.detectors or not classes:
            raise UserError(f"--classes {name}={classes}: expected DETECTOR=NAMES, a detector as it is given here")
    return {name: classes for name, _, classes in pairs}


def _check(flags: Namespace) -> None:
    if flags.score is not None and not 0 < flags.score < 1:
        raise UserError(f"--score {flags.score:g}: expected a score between 0 and 1")
    if not any(abs(flags.overlap - place / 20) < 1e-9 for place in range(10, 20)):
        raise UserError(f"--overlap {flags.overlap:g}: expected 0.5, 0.55 ... 0.95")
    if flags.limit < 1:
        raise UserError(f"--limit {flags.limit}: expected a number of pictures, 1 or more")


def same_names(texts: list[str]) -> dict[str, str]:
    """Read `--same face=nface`.

    Raises:
        UserError: it is not two names, or a name counts as two others.
    """
    same: dict[str, str] = {}
    for text in texts:
        name, _, other = (part.strip() for part in text.partition("="))
        if not name or not other:
            raise UserError(f"--same {text}: expected A=B, e.g. face=nface")
        if same.get(name, other) != other:
            raise UserError(f"--same: {name} cannot count as both {same[name]} and {other}")
        same[name] = other
    return same


def _names(given: list[str]) -> dict[str, str]:
    """Short name -> detector as given; a longer one where two would be called the same.

    Raises:
        UserError: one is given twice.
    """
    if len(set(given)) < len(given):
        twice = next(name for place, name in enumerate(given) if name in given[:place])
        raise UserError(f"{twice} is given twice; name each detector once")
    short = [Path(name).name or name for name in given]
    return {name if short.count(name) == 1 else full: full for name, full in zip(short, given, strict=True)}
