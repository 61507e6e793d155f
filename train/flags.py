"""The flags of `python -m train`. Imports nothing heavy."""

from __future__ import annotations

import argparse

from common.path_flag import StorePath

EXAMPLES = """\
examples:
  python -m train --data dataset --epochs 40                                   heads on COCO weights, for a GPU
  python -m train --data dataset --epochs 160 --layers schedule                heads, then 4+, then everything
  python -m train --data dataset --epochs 30 --preset small                    a small network from nothing, on a CPU
  python -m train --data dataset --epochs 20 --preset small --backbone mobilenet_v3_small --weights imagenet
  python -m train --data dataset --epochs 40 --layers mrcnn                    can share its trunk with COCO in `infer`
  python -m train --data dataset --epochs 1 --dry-run                          check the data, estimate time and memory
  python -m train --data dataset --epochs 15 --preset small --overfit 4 --steps 10   can it learn four?
  python -m train -o runs/clown --resume                                       go on where it was interrupted
  python -m train smile --help                                                 a classifier of face crops

exit codes: 0 done · 1 --overfit: it could not · 2 wrong input or flag, or the loss became no number · 130 interrupted ·
143 asked to end
"""

LAYERS = "heads, mrcnn, 3+, 4+, 5+, all, schedule, or a regular expression"


def parser() -> argparse.ArgumentParser:
    """Build the parser; flags that were not given are None, except for switches."""
    made = argparse.ArgumentParser(
        prog="python -m train",
        description="Teach Mask R-CNN the classes of a dataset folder, as `python -m annotate convert` makes it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--data", action=StorePath, metavar="DATASET", help="the dataset folder")
    made.add_argument("--epochs", type=int, metavar="N", help="epochs in all")
    made.add_argument("-o", "--out", action=StorePath, metavar="RUN", help="run folder (default: runs/DATASET-TIME)")
    _network(made)
    _learning(made)
    _running(made)
    return made


def _network(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("network")
    group.add_argument("--preset", metavar="NAME", help="standard (default) or small: network and numbers that fit")
    group.add_argument("--weights", metavar="START", help="coco, imagenet, none, a run folder or a file to start from")
    group.add_argument("--backbone", metavar="NAME", help="resnet50, resnet101, mobilenet_v3_small, …")
    group.add_argument("--image-size", type=int, metavar="PIXELS", help="side of the molded square, a multiple of 64")
    group.add_argument("--classes", metavar="NAMES", help="only these of the dataset; others become background")
    group.add_argument("--layers", metavar="WHICH", help=f"which layers learn: {LAYERS}")
    group.add_argument(
        "--train-bn",
        choices=["auto", "yes", "no"],
        help="whether batch normalisation learns: auto (default) where the trunk starts from nothing",
    )
    group.add_argument("--precision", choices=["float32", "float16", "bfloat16"], help="default float32")
    group.add_argument(
        "--config", action=StorePath, metavar="FILE", help="settings of the model, as `Config.save` writes them"
    )
    group.add_argument(
        "--set", action="append", metavar="NAME=VALUE", help="one setting of the model, e.g. RPN_NMS_THRESHOLD=0.8"
    )


def _learning(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("learning")
    group.add_argument("--batch-size", type=int, metavar="N", help="pictures of a step")
    group.add_argument("--steps", type=int, metavar="N", help="steps of an epoch (default: every picture once)")
    group.add_argument("--optimizer", choices=["sgd", "adamw"])
    group.add_argument("--learning-rate", type=float, metavar="R", help="highest rate")
    group.add_argument("--schedule", choices=["constant", "step", "cosine"], help="of the rate")
    group.add_argument("--warm-up", type=int, metavar="STEPS", help="in which the rate rises from zero")
    group.add_argument("--clip-norm", type=float, metavar="X", help="largest norm of the gradient (default 5; 0: none)")
    group.add_argument("--weight-decay", type=float, metavar="R", help="of kernels (default: sgd 0.0001, adamw 0.01)")
    group.add_argument("--augment", metavar="RECIPE", help="none, light, standard, heavy, or module:function")
    group.add_argument("--negatives", action="store_true", help="learn from pictures that show nothing, too")
    group.add_argument("--early-stopping", type=int, metavar="N", help="end after N epochs without a better one")
    group.add_argument("--seed", type=int, metavar="N", help="of weights, order and chances (default 0)")
    group.add_argument(
        "--deterministic", action="store_true", help="the same numbers from the same seed to the last bit; slower"
    )


def _running(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("running")
    group.add_argument("--validate-every", type=int, metavar="N", help="epochs (default 1; 0: never)")
    group.add_argument("--val-pictures", type=int, metavar="N", help="at most so many (default 200)")
    group.add_argument("--keep-last", type=int, metavar="K", help="checkpoints of epochs to keep (default 3; 0: all)")
    group.add_argument(
        "--resume", action="store_true", help="go on with the run of -o; its flags count where none is given"
    )
    group.add_argument("--overfit", type=int, metavar="N", help="learn N pictures and say whether that went")
    group.add_argument("--dry-run", action="store_true", help="end after the checks and the estimate")
    group.add_argument("--tensorboard", action="store_true", help="also write RUN/tensorboard")
    group.add_argument("--workers", type=int, metavar="N", help="processes that load pictures (default: by the cores)")
    group.add_argument("--device", metavar="NAME", help="auto (default), cpu, gpu")
    group.add_argument("--devices", metavar="N", help="GPUs to spread a batch over, or all (with KERAS_BACKEND=jax)")
    group.add_argument(
        "--machines", metavar="I/N@HOST:PORT", help="this is machine I of N, which meet at machine 0's address"
    )
    group.add_argument("--quiet", action="store_true", help="no progress")
