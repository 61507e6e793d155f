"""`python -m data`: makes the demo material."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from common import cli
from common.errors import EXIT_OK, UserError
from common.path_flag import StorePath


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m data", description="Makes the material that the demos run on.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    clip = commands.add_parser("clip", help="render the sample clip: a real face, sound, nothing downloaded")
    clip.add_argument(
        "--out", action=StorePath, required=True, metavar="FILE", help="video file to write, e.g. clip.mp4"
    )
    clip.add_argument("--seconds", type=float, default=6.0, help="length (default %(default)g)")
    clip.add_argument("--truth", action=StorePath, metavar="FILE", help="also write where the face really is (JSONL)")
    clip.add_argument("--overwrite", action="store_true", help="replace files that exist")
    clip.set_defaults(run=_clip)
    _add_demo(commands)
    weights = commands.add_parser("weights", help="fetch trained weights once: whole, checked, kept in the cache")
    weights.add_argument("name", help="coco: Mask R-CNN with the 80 classes of COCO, 246 MB")
    weights.add_argument(
        "--out", action=StorePath, metavar="FILE", help="where to; default: the cache, where infer looks"
    )
    weights.add_argument("--quiet", action="store_true", help="no progress")
    weights.set_defaults(run=_weights)
    return parser


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    demo = commands.add_parser("demo", help="draw a set of clowns, plain people and balls with exact labels and masks")
    demo.add_argument("--out", action=StorePath, required=True, metavar="DIR", help="folder to make")
    demo.add_argument("--count", type=int, required=True, metavar="N", help="pictures")
    demo.add_argument("--seed", type=int, default=0, metavar="S", help="same seed, same set (default %(default)s)")
    demo.add_argument(
        "--videos", type=int, default=0, metavar="K", help="short videos with truth (default %(default)s)"
    )
    demo.add_argument("--size", default="640x480", metavar="WxH", help="of pictures and videos (default %(default)s)")
    demo.add_argument("--processes", type=int, metavar="P", help="that draw (default: one a core)")
    demo.add_argument("--overwrite", action="store_true", help="replace a set made before")
    demo.add_argument("--quiet", action="store_true", help="no progress")
    demo.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    from data.demo_set import make_set

    width, cross, height = arguments.size.lower().partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise UserError(f"--size {arguments.size} is not a size; give width and height, e.g. 640x480")
    if arguments.processes is not None and arguments.processes < 1:
        raise UserError(f"--processes {arguments.processes} cannot draw anything; give 1 or more")
    _make_folder(arguments.out.absolute().parent)
    facts = make_set(
        arguments.out.absolute(),
        arguments.count,
        arguments.seed,
        videos=arguments.videos,
        size=(int(height), int(width)),
        processes=arguments.processes,
        overwrite=arguments.overwrite,
        quiet=arguments.quiet,
    )
    for name in facts.classes if arguments.count else ():
        print(f"{name}: {facts.labelled[name]} labelled, {facts.ignored[name]} ignored")
    print(arguments.out)
    return EXIT_OK


def _clip(arguments: argparse.Namespace) -> int:
    from contextlib import ExitStack

    from common.detections import DetectionsWriter
    from common.staging import check_target, staged
    from data import demo_clip

    if not 0.1 <= arguments.seconds <= 3600:
        raise UserError(f"--seconds {arguments.seconds:g} is not a length; give 0.1 to 3600")
    if arguments.out.suffix.lower() not in (".mp4", ".mov", ".mkv"):
        raise UserError(f"{arguments.out} cannot hold the clip; give a name that ends in .mp4, .mov or .mkv")
    _make_folder(arguments.out.parent)
    if arguments.truth:
        _make_folder(arguments.truth.parent)
        check_target(arguments.truth, overwrite=arguments.overwrite)
    with ExitStack() as stack:
        video = stack.enter_context(staged(arguments.out, overwrite=arguments.overwrite))
        truth = None
        if arguments.truth:
            path = stack.enter_context(staged(arguments.truth, overwrite=arguments.overwrite))
            truth = stack.enter_context(DetectionsWriter(path, demo_clip.header()))
        for objects in demo_clip.render(video, arguments.seconds):
            if truth is not None:
                truth.write(objects)
    for path in filter(None, (arguments.out, arguments.truth)):
        print(path)
    return EXIT_OK


def _weights(arguments: argparse.Namespace) -> int:
    from data.weights import fetch_weights

    print(fetch_weights(arguments.name, arguments.out, arguments.quiet))
    return EXIT_OK


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}; choose another place") from error


def _run(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    return int(arguments.run(arguments))


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    return cli.run(_run, argv)
