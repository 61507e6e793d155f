"""`python -m annotate`: check labels, look at them, turn them into a dataset."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from common import cli
from common.errors import EXIT_INCOMPLETE, EXIT_OK, UserError
from common.path_flag import StorePath

EXAMPLES = """\
examples:
  python -m annotate check labels/ --images photos/               every fault of a set in one list
  python -m annotate convert labels/ --images photos/ -o dataset  a dataset to train with
  python -m annotate convert labels/ -o dataset --masks grabcut --split train=0.7,val=0.2,test=0.1
  python -m annotate view dataset -o sheet.png                    look at it
  python -m annotate stats dataset -o stats                       stats.csv and stats.png
  python -m annotate suggest photos/ -o labels --detector centerface
  python -m annotate export labels/ -o yolo --to yolo

Labels may be PASCAL VOC .xml, labelme or COCO .json, or YOLO .txt. exit codes: 0 done · 1 done, and faults were named ·
2 wrong input or flag · 130 interrupted
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m annotate",
        description="From labelled pictures to a dataset that can be trusted.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = _command(commands, "check", "name every fault of a set, with file, line and reason", _check)
    check.add_argument("--json", action="store_true", help="print the faults as JSON")
    check.add_argument("--fix", action=StorePath, metavar="DIR", help="write the set, mended, to this new folder")
    convert = _command(commands, "convert", "make a dataset folder", _convert)
    convert.add_argument("-o", "--out", action=StorePath, required=True, metavar="DATASET", help="the folder to make")
    convert.add_argument(
        "--masks", choices=["box", "grabcut", "model"], default="box", help="for objects without an outline"
    )
    convert.add_argument("--weights", metavar="RUN_OR_FILE", help="for --masks model: the checkpoint, or coco")
    convert.add_argument("--split", default="train=0.8,val=0.2", metavar="SHARES", help="default %(default)s")
    convert.add_argument("--seed", type=int, default=0, help="of the split (default 0)")
    convert.add_argument(
        "--keep-together", action="store_true", help="pictures that look alike go into one split, whatever their names"
    )
    convert.add_argument(
        "--difficult",
        choices=["keep", "ignore", "drop"],
        default="keep",
        help="objects marked difficult: kept (default), neither hit nor miss, or dropped",
    )
    convert.add_argument("--workers", type=int, default=0, metavar="N", help="threads (default: all cores)")
    stats = _command(commands, "stats", "count classes, sizes and shapes", _stats)
    stats.add_argument(
        "-o",
        "--out",
        action=StorePath,
        metavar="NAME",
        help="also write NAME.csv and NAME.png, or stats.* into a folder",
    )
    view = _command(commands, "view", "draw a contact sheet of pictures with boxes and masks", _view)
    view.add_argument("-o", "--out", action=StorePath, required=True, metavar="PNG", help="the picture to write")
    view.add_argument("--count", type=int, default=16, metavar="N", help="pictures on it (default 16)")
    view.add_argument("--columns", type=int, default=4, metavar="N", help="in a row (default 4)")
    view.add_argument("--seed", type=int, default=0, help="of the choice (default 0)")
    export = _command(commands, "export", "write the set in another format", _export)
    export.add_argument("-o", "--out", action=StorePath, required=True, metavar="DIR", help="the folder to make")
    export.add_argument("--to", choices=["voc", "labelme", "yolo", "coco"], required=True, help="the format")
    _suggest_parser(commands)
    return parser


def _command(commands: Any, name: str, what: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=what, description=what)
    parser.add_argument(
        "labels", action=StorePath, metavar="LABELS", help="folder of labels, one file, or a dataset folder"
    )
    parser.add_argument(
        "--images", action=StorePath, metavar="DIR", help="folder of pictures (default: beside the labels)"
    )
    parser.add_argument(
        "--format", choices=["auto", "voc", "labelme", "coco", "yolo"], default="auto", help="default: by content"
    )
    parser.add_argument(
        "--classes", metavar="NAMES", help="only these count, in this order; others are named as faults"
    )
    parser.add_argument("--ignore", metavar="NAMES", default="", help="classes to leave out without a word")
    parser.add_argument(
        "--rename", metavar="OLD=NEW", action="append", default=[], help="take a class as another; repeat it"
    )
    parser.add_argument(
        "--class-file", action=StorePath, metavar="FILE", help="class names for YOLO (default: beside it)"
    )
    parser.add_argument(
        "--voc-origin",
        choices=["auto", "0", "1"],
        default="auto",
        help="number of the first pixel in VOC files: 0 for LabelImg, RectLabel and CVAT, 1 for the challenge's own",
    )
    parser.add_argument("--negatives", action="store_true", help="pictures without labels show nothing: keep them")
    parser.add_argument(
        "--group-by",
        metavar="RULE",
        help="which pictures are of one clip: folder, or a regular expression whose group is the clip's name "
        "(default: names such as party@00012.480, as `scrape video` gives them)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what exists")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=run)
    return parser


def _suggest_parser(commands: Any) -> None:
    what = "draft VOC labels with a detector, to be corrected in LabelImg"
    parser = commands.add_parser("suggest", help=what, description=what)
    parser.add_argument("images", action=StorePath, metavar="IMAGES", help="folder of pictures")
    parser.add_argument("-o", "--out", action=StorePath, required=True, metavar="DIR", help="folder for the .xml files")
    parser.add_argument("--detector", metavar="NAME", help="centerface (default) or haar")
    parser.add_argument("--weights", metavar="RUN_OR_FILE", help="a model instead: run folder, .h5, .onnx, .pb, coco")
    parser.add_argument("--model-classes", metavar="NAMES", help="for a model that carries no class names")
    parser.add_argument("--score", type=float, metavar="S", help="from which a sighting is drafted (default: its own)")
    parser.add_argument("--rename", metavar="OLD=NEW", action="append", default=[], help="class in the drafts")
    parser.add_argument("--input-size", type=int, metavar="PX", help="longer side at which pictures are looked at")
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto (default), cpu, cuda, …")
    parser.add_argument("--overwrite", action="store_true", help="replace label files, also corrected ones")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=_suggest)


def _settings(flags: argparse.Namespace) -> Any:
    from annotate.fitting import ClassRule
    from annotate.grouping import FRAME
    from annotate.reading import ReadSettings

    rule = ClassRule(
        wanted=None if flags.classes is None else _names(flags.classes, "--classes"),
        renamed=_renamed(flags.rename),
        ignored=tuple(name.strip() for name in flags.ignore.split(",") if name.strip()),
    )
    return ReadSettings(
        kind=flags.format,
        origin=flags.voc_origin,
        rule=rule,
        negatives=flags.negatives,
        group_by=FRAME if flags.group_by is None else flags.group_by,
        class_file=flags.class_file,
    )


def _names(text: str, flag: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names or len(set(names)) < len(names):
        raise UserError(f"{flag} {text}: expected class names with commas, each once, e.g. clown,nface")
    return names


def _renamed(texts: Sequence[str]) -> dict[str, str]:
    renamed = {}
    for text in texts:
        old, equals, new = (part.strip() for part in text.partition("="))
        if not (old and equals and new):
            raise UserError(f"--rename {text}: expected OLD=NEW, e.g. --rename face=nface")
        renamed[old] = new
    return renamed


def _check_numbers(flags: argparse.Namespace, **least: int) -> None:
    for name, number in least.items():
        if getattr(flags, name) < number:
            raise UserError(f"--{name} {getattr(flags, name)}: expected {number} or more")


def _read(flags: argparse.Namespace) -> Any:
    from annotate.reading import read_labels

    return read_labels(
        flags.labels, flags.images, _settings(flags), lambda items, number: _shown(flags, "reading", items, number)
    )


def _shown(flags: argparse.Namespace, label: str, items: Iterable[Any], number: int) -> Iterable[Any]:
    from common.progress import Progress

    with Progress(label, number, unit="pictures", quiet=flags.quiet) as progress:
        yield from progress.count(items)


def _end(faults: Sequence[Any]) -> int:
    """List faults on stderr and return the exit code."""
    for fault in faults:
        print(fault, file=sys.stderr)
    return EXIT_INCOMPLETE if faults else EXIT_OK


def _check(flags: argparse.Namespace) -> int:
    from annotate.faults import summary
    from annotate.target import SETS, check_folder
    from annotate.writing import write
    from common.staging import staged_folder

    if flags.fix and flags.overwrite:
        check_folder(flags.fix, flags.labels, flags.images, SETS)
    labels = _read(flags)
    if flags.json:
        print(json.dumps([fault.as_json() for fault in labels.faults], indent=1, ensure_ascii=False))
    else:
        for fault in labels.faults:
            print(fault)
    counted = ", ".join(f"{number} {name}" for name, number in labels.counts.items()) or "no objects"
    print(f"{len(labels.images)} pictures with {counted}; {summary(labels.faults)}", file=sys.stderr)
    if flags.fix:
        with staged_folder(flags.fix, overwrite=flags.overwrite) as folder:
            write(folder, labels, labels.kind)
        print(f"mended: {flags.fix}", file=sys.stderr)
    return EXIT_INCOMPLETE if labels.faults else EXIT_OK


def _convert(flags: argparse.Namespace) -> int:
    from annotate.convert import ConvertSettings, convert
    from annotate.split import parse_shares
    from mrcnn.detectors import open_named

    if (flags.masks == "model") != (flags.weights is not None):
        raise UserError("--masks model and --weights belong together; give both or neither")
    _check_numbers(flags, seed=0, workers=0)
    settings = ConvertSettings(
        read=_settings(flags),
        masks=flags.masks,
        shares=parse_shares(flags.split),
        seed=flags.seed,
        difficult=flags.difficult,
        keep_together=flags.keep_together,
        overwrite=flags.overwrite,
        workers=flags.workers,
    )
    made = convert(
        flags.labels,
        flags.images,
        flags.out,
        settings,
        detect=open_named(flags.weights) if flags.weights else None,
        progress=lambda label, items, number: _shown(flags, label, items, number),
    )
    for name, numbers in made.about["splits"].items():
        objects = ", ".join(f"{number} {class_name}" for class_name, number in numbers["objects"].items())
        print(f"{name}: {numbers['images']} pictures, {objects}")
    for name, numbers in made.about["splits"].items():
        absent = [each for each, number in numbers["objects"].items() if not number]
        if absent:
            print(f"warning: {name} shows no {', no '.join(absent)}", file=sys.stderr)
    if made.boxes_for_masks:
        print(f"boxes in which {flags.masks} found nothing, taken as masks: {made.boxes_for_masks}", file=sys.stderr)
    if made.leaks:
        print(
            f"warning: {made.leaks} pairs of pictures look alike on both sides of the split "
            f"({'; '.join(made.nearest)}): what is measured on one side was learnt on the other; use --keep-together, "
            "or --group-by for clips",
            file=sys.stderr,
        )
    print(flags.out)
    return _end(made.faults)


def _stats(flags: argparse.Namespace) -> int:
    from annotate import stats
    from common.staging import check_target, staged

    name = flags.out / "stats" if flags.out and flags.out.is_dir() else flags.out
    targets = [Path(f"{name}.{suffix}") for suffix in ("csv", "png")] if name else []
    for target in targets:
        check_target(target, overwrite=flags.overwrite)
    labels = _read(flags)
    splits: dict[str, list[int]] = {}
    if (flags.labels / "dataset.json").is_file():
        from mrcnn.dataset_folder import read_about

        splits = {name: [] for name in read_about(flags.labels)["splits"]}
        for place, image in enumerate(labels.images):
            if image.source is not None:  # a picture that was put there later, taken as a negative, is in no split
                splits.setdefault(image.source.stem, []).append(place)
    rows = stats.table(labels, splits)
    print(stats.text(rows))
    if targets:
        with ExitStack() as stack:
            table, picture = (stack.enter_context(staged(path, overwrite=flags.overwrite)) for path in targets)
            stats.write_csv(table, rows)
            stats.plot(picture, labels, splits)
        print(*targets, sep="\n", file=sys.stderr)
    return _end(labels.faults)


def _view(flags: argparse.Namespace) -> int:
    from PIL import Image

    from annotate import view
    from common.staging import check_target, staged

    _check_numbers(flags, count=1, columns=1, seed=0)
    if flags.out.suffix.lower() != ".png":
        raise UserError(f"{flags.out}: the sheet is a PNG; give a name that ends in .png")
    check_target(flags.out, overwrite=flags.overwrite)
    labels = _read(flags)
    if not labels.images:
        raise UserError(f"{flags.labels}: no labelled picture can be used; `python -m annotate check` says why")
    page = view.sheet(labels, view.choose(labels, flags.count, flags.seed), flags.columns)
    with staged(flags.out, overwrite=flags.overwrite) as path:
        Image.fromarray(page).save(path, "PNG")
    print(flags.out)
    return _end(labels.faults)


def _export(flags: argparse.Namespace) -> int:
    from annotate.target import SETS, check_folder
    from annotate.writing import write
    from common.staging import staged_folder

    if flags.overwrite:
        check_folder(flags.out, flags.labels, flags.images, SETS)
    labels = _read(flags)
    with staged_folder(flags.out, overwrite=flags.overwrite) as folder:
        write(folder, labels, flags.to)
    print(flags.out)
    return _end(labels.faults)


def _suggest(flags: argparse.Namespace) -> int:
    from annotate.suggest import Outcome, suggest
    from mrcnn.detectors import open_named

    if flags.detector and flags.weights:
        raise UserError("--detector and --weights exclude each other; a model is named by --weights alone")
    if flags.score is not None and not 0 < flags.score < 1:
        raise UserError(f"--score {flags.score}: expected a score between 0 and 1, e.g. 0.5")
    detector = open_named(
        flags.weights or flags.detector or "centerface",
        classes=flags.model_classes,
        device=flags.device,
        sure=flags.score,
        input_size=flags.input_size,
    )
    drafts = suggest(
        flags.images,
        flags.out,
        detector,
        detector.sure,
        _renamed(flags.rename),
        flags.overwrite,
        lambda pictures, number: _shown(flags, "drafting", pictures, number),
    )
    print(f"{detector.name} on {detector.device}", file=sys.stderr)
    try:
        flags.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {flags.out}: {error.strerror}; choose another place") from error
    outcomes: Counter[Outcome] = Counter()
    for draft in drafts:
        outcomes[draft.outcome] += 1
        if draft.reason:
            print(f"{draft.picture}: {draft.reason}", file=sys.stderr)
    print(f"{outcomes[Outcome.DRAFTED]} drafts in {flags.out}: open them in LabelImg and correct them")
    return EXIT_INCOMPLETE if outcomes[Outcome.UNREADABLE] else EXIT_OK


def _run(argv: Sequence[str] | None) -> int:
    flags = _parser().parse_args(argv)
    return int(flags.run(flags))


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    return cli.run(_run, argv)
