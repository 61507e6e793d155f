"""`python -m train smile`: a classifier of face crops, e.g. smile or no smile."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from typing import Any

from common.errors import EXIT_INCOMPLETE, EXIT_OK, UserError
from common.path_flag import StorePath

NOTHING, IMAGENET = "none", "imagenet"
SIZES = (32, 512)
# What `python -m train` has beside this.
ELSEWHERE = {
    "devices": "a classifier learns on one device; --device chooses which",
    "machines": "a classifier learns on one machine",
    "resume": "a run takes minutes and is not taken up again; --weights RUN starts a new one from its best checkpoint",
}
EXAMPLES = """\
examples:
  python -m train smile --data faces -o runs/smile                faces/smile/*.jpg, faces/no_smile/*.jpg
  python -m train smile --data photos -o runs/smile --detector centerface
                                                                  whole photographs: the largest face of each counts
  python -m train smile --data faces -o runs/smile --weights none --backbone MobileNetV3Small --image-size 64

DIR holds a folder for each class, or train/ and val/ with such folders. RUN gets checkpoints/best.h5 and last.h5,
metrics.jsonl (a line an epoch), settings.json and val_answers.csv (the pictures it is most wrong about first).
exit codes: 0 done · 1 done, and pictures that were left out were named · 2 wrong input or flag · 130 interrupted
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m train smile",
        description="Teach a classifier of face crops: smile or no smile, or any other folders of faces.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data", action=StorePath, required=True, metavar="DIR", help="a folder of pictures for each class"
    )
    parser.add_argument("-o", "--out", action=StorePath, required=True, metavar="RUN", help="the folder to write to")
    parser.add_argument("--classes", metavar="NAMES", help="class folders in their order (default: all, by alphabet)")
    parser.add_argument(
        "--validation-share", type=float, metavar="S", help="of a DIR without train/ and val/ (default 0.2)"
    )
    parser.add_argument(
        "--group-by",
        metavar="RULE",
        help="which pictures are of one source and stay on one side: folder, or a regular expression whose group names "
        "it, e.g. '(.+)_\\d+' (default: names such as party@00012.480)",
    )
    parser.add_argument("--detector", choices=["centerface", "haar"], help="the pictures are whole: cut out the faces")
    parser.add_argument(
        "--margin",
        type=float,
        default=0.2,
        metavar="M",
        help="share of a face's longer side around it (default 0.2); without --detector: what the crops have, kept in "
        "the file",
    )
    parser.add_argument("--epochs", type=int, default=15, metavar="N", help="in all (default 15)")
    parser.add_argument(
        "--head-epochs",
        type=int,
        metavar="N",
        help="of them, with a frozen trunk (default: a third; none from nothing)",
    )
    parser.add_argument("--layers", choices=["head", "all"], default="all", help="head: the trunk stays frozen")
    parser.add_argument(
        "--weights",
        default=IMAGENET,
        metavar="WHAT",
        help="imagenet (default), none, a run or file of this command, or a 'notop' file of keras.applications",
    )
    parser.add_argument(
        "--backbone", default="ResNet50", metavar="NAME", help="of keras.applications (default ResNet50)"
    )
    parser.add_argument("--image-size", type=int, default=128, metavar="PIXELS", help="of the crops (default 128)")
    parser.add_argument("--batch-size", type=int, default=32, metavar="N", help="default 32")
    parser.add_argument("--learning-rate", type=float, default=1e-3, metavar="RATE", help="of the head (default 0.001)")
    parser.add_argument("--augment", choices=["none", "light", "standard"], default="standard", help="default standard")
    parser.add_argument("--seed", type=int, default=0, help="of split, order and weights (default 0)")
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto (default), cpu, gpu")
    parser.add_argument("--overwrite", action="store_true", help="write into a RUN that holds something")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    for name in ELSEWHERE:
        parser.add_argument(f"--{name}", nargs="?", const=True, help=argparse.SUPPRESS)
    return parser


def _check(flags: argparse.Namespace) -> None:
    """Hold what no library would say in one line."""
    for name, instead in ELSEWHERE.items():
        if getattr(flags, name) is not None:
            raise UserError(f"--{name}: not for `train smile`: {instead}")
    for name, wrong, expected in (
        ("epochs", flags.epochs < 1, "1 or more"),
        ("head-epochs", flags.head_epochs is not None and flags.head_epochs < 0, "0 or more"),
        ("batch-size", flags.batch_size < 1, "1 or more"),
        ("image-size", not SIZES[0] <= flags.image_size <= SIZES[1], f"{SIZES[0]} to {SIZES[1]}"),
        ("learning-rate", not 0 < flags.learning_rate < 1, "above 0, below 1"),
        ("margin", not 0 <= flags.margin <= 1, "0 to 1"),
        ("seed", not 0 <= flags.seed < 1 << 31, "0 or more, below 2^31"),
        (
            "validation-share",
            flags.validation_share is not None and not 0.05 <= flags.validation_share <= 0.5,
            "0.05 to 0.5",
        ),
    ):
        if wrong:
            raise UserError(f"--{name} {getattr(flags, name.replace('-', '_'))}: expected {expected}")
    if flags.weights == NOTHING and flags.layers == "head":
        raise UserError(
            "--layers head freezes the trunk, which with --weights none has learnt nothing; drop one of them"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; errors are for an edge such as `common.cli.run`.

    Args:
        argv: arguments after "smile".

    Returns:
        The exit code.

    Raises:
        UserError: something is the user's to mend.
    """
    flags = _parser().parse_args(argv)
    _check(flags)
    from train import run_lock
    from train.smile import run_files
    from train.smile.listing import FRAME, list_pictures
    from train.smile.splitting import split

    names = None if flags.classes is None else [name.strip() for name in flags.classes.split(",")]
    listing = list_pictures(flags.data, names, FRAME if flags.group_by is None else flags.group_by)
    if listing.is_split and flags.validation_share is not None:
        raise UserError(f"--validation-share: {flags.data} is split already into train/ and val/; drop the flag")
    share = 0.2 if flags.validation_share is None else flags.validation_share
    split(listing.pictures, listing.class_names, share, flags.seed)  # what cannot be split is said before any work
    run_lock.check_free(flags.out)
    run_files.check_run(flags.out, flags.overwrite)
    with run_lock.held(flags.out), _placed(flags.device):
        return _teach(flags, argv, listing, share)


def _placed(device: str) -> AbstractContextManager[Any]:
    if device == "auto":
        return nullcontext()
    from mrcnn import devices

    return devices.placed(devices.choose(device)[0])


def _teach(flags: argparse.Namespace, argv: Sequence[str] | None, listing: Any, share: float) -> int:
    from train.smile import run_files
    from train.smile.cutting import cut
    from train.smile.splitting import split

    detector = _detector(flags.detector)
    classifier, head_epochs = _classifier(flags, listing.class_names)
    run_files.open_run(flags.out)
    with cut(
        listing.pictures,
        flags.image_size,
        flags.out,
        detector,
        flags.margin,
        lambda items, number: _shown(flags, items, number),
    ) as crops:
        faults = [*listing.faults, *crops.faults]
        for fault in faults:
            print(fault, file=sys.stderr)
        places = split(crops.pictures, listing.class_names, share, flags.seed)
        _say(flags, _counted(listing.class_names, crops, places))
        run_files.write_settings(flags.out, _settings(flags, argv, listing, crops, places))
        _learn(flags, classifier, head_epochs, crops, places)
    return EXIT_INCOMPLETE if faults else EXIT_OK


def _detector(name: str | None) -> Any:
    if name is None:
        return None
    from common.detectors import open_detector

    return open_detector(name)


def _shown(flags: argparse.Namespace, items: Iterable[Any], number: int) -> Iterable[Any]:
    from common.progress import Progress

    with Progress("cutting faces" if flags.detector else "reading", number, unit="pictures", quiet=flags.quiet) as bar:
        yield from bar.count(items)


def _classifier(flags: argparse.Namespace, class_names: Sequence[str]) -> tuple[Any, int]:
    """A new classifier with the weights asked for, and how many epochs its trunk stays frozen."""
    import keras

    from mrcnn.attribute_classifier import AttributeClassifier, build, settings_for
    from train.smile.learning import take_weights

    keras.utils.set_random_seed(flags.seed)
    settings = settings_for(class_names, flags.backbone, flags.image_size, flags.margin)
    classifier = AttributeClassifier(settings, build(settings))
    if flags.weights == NOTHING:
        return classifier, 0
    with redirect_stdout(sys.stderr):  # Keras says there what it fetches
        with_head = take_weights(classifier, flags.weights)
    if flags.layers == "head":
        return classifier, flags.epochs
    if flags.head_epochs is not None:
        return classifier, flags.head_epochs
    return classifier, 0 if with_head else flags.epochs // 3


def _learn(flags: argparse.Namespace, classifier: Any, head_epochs: int, crops: Any, places: Any) -> None:
    from mrcnn.attribute_classifier import load
    from train.smile import run_files
    from train.smile.learning import Lesson, probabilities, teach
    from train.smile.measures import Measures

    lesson = Lesson(
        epochs=flags.epochs,
        head_epochs=head_epochs,
        batch_size=flags.batch_size,
        learning_rate=flags.learning_rate,
        augment=flags.augment,
        seed=flags.seed,
        from_nothing=flags.weights == NOTHING,
    )
    began = time.monotonic()

    def on_epoch(epoch: Any) -> None:
        run_files.add_epoch(flags.out, epoch, classifier)
        _say(flags, _line(epoch, flags.epochs, began))

    teach(classifier, (crops.pixels, crops.class_ids), places, lesson, on_epoch)
    answers = probabilities(load(flags.out / "checkpoints" / "best.h5"), crops.pixels, places[1])
    tested = [crops.pictures[place] for place in places[1]]
    run_files.write_answers(flags.out, tested, classifier.class_names, answers)
    measures = Measures.of(crops.class_ids[places[1]], answers)
    print(
        f"best: accuracy {measures.accuracy:.3f}, balanced {measures.balanced_accuracy:.3f}, AUC {measures.auc:.3f} "
        f"on {len(tested)} pictures that did not teach"
    )
    print(flags.out)


def _settings(flags: argparse.Namespace, argv: Any, listing: Any, crops: Any, places: Any) -> dict[str, Any]:
    splits = {
        name: {
            "pictures": len(part),
            "classes": {
                each: int((crops.class_ids[part] == place).sum()) for place, each in enumerate(listing.class_names)
            },
        }
        for name, part in zip(("train", "val"), places, strict=True)
    }
    return {
        "argv": ["smile", *(sys.argv[2:] if argv is None else argv)],
        "flags": {name: value for name, value in vars(flags).items() if name not in ELSEWHERE},
        "seed": flags.seed,
        "dataset": {
            "path": str(flags.data.resolve()),
            "fingerprint": listing.fingerprint,
            "class_names": list(listing.class_names),
            "splits": splits,
            "val": [crops.pictures[place].name for place in places[1]],
        },
    }


def _counted(class_names: Sequence[str], crops: Any, places: Any) -> str:
    parts = []
    for name, part in zip(("training", "validation"), places, strict=True):
        counts = (f"{(crops.class_ids[part] == place).sum()} {each}" for place, each in enumerate(class_names))
        parts.append(f"{name}: {', '.join(counts)}")
    return "; ".join(parts)


def _line(epoch: Any, epochs: int, began: float) -> str:
    from common.progress import clock_time

    left = (time.monotonic() - began) / epoch.number * (epochs - epoch.number)
    return (
        f"epoch {epoch.number}/{epochs} ({epoch.stage}): loss {epoch.loss:.3f}, accuracy {epoch.accuracy:.3f}; "
        f"validation loss {epoch.val.loss:.3f}, accuracy {epoch.val.accuracy:.3f}, balanced "
        f"{epoch.val.balanced_accuracy:.3f}, AUC {epoch.val.auc:.3f}{' *' if epoch.best else ''}; "
        f"{epoch.images_per_second:.0f} pictures/s, {clock_time(left)} left"
    )


def _say(flags: argparse.Namespace, line: str) -> None:
    if not flags.quiet:
        print(line, file=sys.stderr, flush=True)
