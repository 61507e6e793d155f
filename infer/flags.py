"""The flags of `python -m infer`, grouped as a person thinks of them. Imports nothing heavy."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter, _ArgumentGroup
from collections.abc import Callable, Iterable
from typing import Any

from common.path_flag import StorePath

_PATH: Any = {"action": StorePath, "type": str}  # a path as it was typed

EXAMPLES = """\
examples:
  python -m infer video clip.mp4 --hide face                      writes clip.masked.mp4
  python -m infer video clip.mp4 -o out.mp4 --hide face --effect fill --color black
  python -m infer video clip.mp4 -o out.mp4 --hide face --start 0:50 --end 1:05
  python -m infer video FOLDER -o FOLDER2 --hide face             every video and picture in it
  python -m infer video clip.mp4 -o out.mp4 --hide dog            COCO's classes; the model is fetched on first use
  python -m infer video clip.mp4 -o out.mp4 --weights runs/clown --hide clown
  python -m infer video clip.mp4 -o out.mp4 --weights coco --weights runs/clown --hide phobia-clown
  python -m infer image photo.jpg -o out.jpg --hide face
  python -m infer render clip.mp4 --detections clip.masked.mp4.detections.jsonl -o out.mp4

exit codes: 0 done · 1 some of many files failed · 2 wrong input or flag · 3 damaged source · 4 --strict and something
needs review · 130 interrupted
"""


def parser() -> ArgumentParser:
    """Build the parser of all commands."""
    top = ArgumentParser(
        prog="python -m infer",
        description="Hide things in videos and pictures: sound kept, no frame left bare.",
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (what, groups) in COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("source", **_PATH, metavar="IN", help="a file; for video and image also a folder")
        command.add_argument(
            "-o", "--output", **_PATH, metavar="OUT", help="default: a name made from IN; needed for folders"
        )
        if name == "render":
            command.add_argument(
                "--detections", **_PATH, metavar="FILE", required=True, help="the detections file, one line a frame"
            )
        for title in groups:
            GROUPS[title](command.add_argument_group(title))
        command.set_defaults(**_defaults(title for title in GROUPS if title not in groups))
    classes = commands.add_parser("classes", help="list what can be hidden, and what finds it")
    classes.add_argument("--presets", **_PATH, metavar="FILE", help="a file with presets of your own (JSON)")
    _models(classes)
    _export(commands.add_parser("export", help="write a model as ONNX, which needs no Keras and is faster"))
    return top


def _export(command: ArgumentParser) -> None:
    command.description = "Write a model as one ONNX file with its class names and settings inside."
    command.add_argument(
        "weights", **_PATH, metavar="RUN_OR_FILE", help="a training's folder, an .h5 checkpoint, or coco"
    )
    command.add_argument("-o", "--output", **_PATH, metavar="OUT", help="an .onnx file; default: beside the checkpoint")
    command.add_argument("--classes", metavar="NAMES", help="for a checkpoint that carries no class names")
    command.add_argument("--opset", type=positive, metavar="N", help="version of the operator set (default 17)")
    command.add_argument(
        "--for", dest="target", default="auto", metavar="WHAT", help="cpu, gpu or auto (default: what this machine has)"
    )
    command.add_argument("--int8", action="store_true", help="8-bit integers: for CPUs; needs --calibrate")
    command.add_argument(
        "--calibrate", **_PATH, metavar="IN", help="a video or a folder of pictures like those that will be analysed"
    )
    command.add_argument("--input-size", type=positive, metavar="PX", help="longer side at which they are looked at")
    command.add_argument(
        "--limit", type=share, default=0.98, metavar="S", help="share of objects that 8 bits must find (default 0.98)"
    )
    command.add_argument("--force", action="store_true", help="write the file though 8 bits find fewer")
    command.add_argument("--overwrite", action="store_true", help="replace an existing file")


def _defaults(titles: Iterable[str]) -> dict[str, Any]:
    """What the flags of these groups stand at where a command does not have them."""
    unused = ArgumentParser(add_help=False)
    for title in titles:
        GROUPS[title](unused.add_argument_group(title))
    return vars(unused.parse_known_args(["--hide", "face"])[0])


def _what(group: _ArgumentGroup) -> None:
    group.add_argument(
        "--hide",
        metavar="NAMES",
        action="append",
        required=True,
        help="classes or presets, with commas: face, faces, office-privacy, … (`python -m infer classes` lists them)",
    )
    group.add_argument("--presets", **_PATH, metavar="FILE", help="a file with presets of your own (JSON)")
    _owners(group)


def _search(group: _ArgumentGroup) -> None:
    group.add_argument("--detector", metavar="NAME", help="centerface (default for faces), haar or mask-rcnn")
    _models(group)
    group.add_argument("--runtime", choices=["auto", "keras", "onnx"], help="what computes a model (default auto)")
    group.add_argument(
        "--score",
        type=score,
        action="append",
        default=[],
        metavar="[NAME=]S",
        help="a sighting is believed from this score on (0..1); of one class: clown=0.8",
    )
    group.add_argument("--floor", type=share, metavar="S", help="lowest score that linking over the clip may use")
    group.add_argument("--nms", type=share, metavar="IOU", help="overlap above which two boxes are one object")
    group.add_argument("--mask-threshold", type=share, metavar="P", help="lower = larger masks (detectors with masks)")
    group.add_argument("--input-size", type=positive, metavar="PX", help="analyse pictures at this longer side")
    group.add_argument(
        "--detect-every", type=positive, default=1, metavar="K", help="analyse each K-th frame (default 1)"
    )
    group.add_argument(
        "--detector-option", metavar="NAME=VALUE", action="append", default=[], help="e.g. min_size=24 for haar"
    )
    group.add_argument("--no-track", action="store_true", help="each frame on its own: no linking over the clip")
    group.add_argument(
        "--on-error",
        choices=["cover", "stop"],
        default="cover",
        help="a frame that cannot be analysed is covered whole (default), or the run stops",
    )
    group.add_argument("--device", default="auto", metavar="NAME", help="auto (default), cpu, cuda, …")


def _models(group: _ArgumentGroup | ArgumentParser) -> None:
    group.add_argument(
        "--weights",
        metavar="RUN_OR_FILE",
        action="append",
        default=[],
        help="a model of yours: a training's folder, an .h5 checkpoint or an exported .onnx; a frozen graph (.pb) or "
        "SavedModel of the TensorFlow Object Detection API; coco: the 80 classes of COCO, fetched once (the default "
        "for these classes). Repeat it for several models",
    )
    group.add_argument(
        "--classes",
        "--labels",
        metavar="NAMES",
        action="append",
        default=[],
        help='for a checkpoint that carries no class names: "BG,dog", or a file with one name a line; for '
        "a graph its label map (.pbtxt)",
    )


def _owners(group: _ArgumentGroup) -> None:
    group.add_argument(
        "--cover-owner",
        metavar="PART=OWNER",
        action="append",
        default=[],
        help="hide the whole of what it belongs to: face=person hides the person whose face is seen, with the back of "
        "the head",
    )
    group.add_argument(
        "--unless", metavar="NAME", help="an owner that this class fits better is left alone, e.g. nface, a plain face"
    )


def _fragment(group: _ArgumentGroup) -> None:
    group.add_argument("--start", metavar="TIME", help="begin of the fragment: seconds, m:ss or h:mm:ss")
    group.add_argument("--end", metavar="TIME", help="end of the fragment, exclusive")


def _selection(group: _ArgumentGroup) -> None:
    group.add_argument("--keep", metavar="TRACKS", action="append", default=[], help="hide only these tracks, e.g. 1,4")
    group.add_argument("--exclude", metavar="TRACKS", action="append", default=[], help="leave these tracks visible")
    group.add_argument("--keep-class", metavar="NAMES", action="append", default=[], help="hide only these classes")
    group.add_argument("--exclude-class", metavar="NAMES", action="append", default=[], help="leave these visible")
    rectangle = "X1,Y1,X2,Y2[@FROM-TO]"
    for name, what in (
        ("--zone", "hide only what touches this rectangle; pixels or %%"),
        ("--zone-exclude", "leave visible what lies wholly inside"),
        ("--zone-cover", "always cover this rectangle"),
    ):
        group.add_argument(name, metavar=rectangle, action="append", default=[], help=what)
    group.add_argument("--between", metavar="FROM-TO", action="append", default=[], help="hide only in this time")


def _cover(group: _ArgumentGroup) -> None:
    group.add_argument("--effect", default="pixelate", metavar="NAME", help="pixelate (default), fill, gaussian, …")
    group.add_argument("--color", metavar="NAME", help="colour of fill and outline: a name or #rrggbb")
    group.add_argument(
        "--background", metavar="WHAT", help="for --effect background: a picture, gradient, blur or a keyword"
    )
    group.add_argument(
        "--strength", type=float, metavar="X", help="strength of the effect; the default cannot be undone"
    )
    group.add_argument(
        "--pictures", **_PATH, metavar="FOLDER", help="for --effect background: where a keyword is looked up"
    )
    group.add_argument("--shape", choices=["mask", "box", "ellipse"], help="what is covered of an object")
    group.add_argument("--grow", metavar="N", help="widen covers further: pixels (8) or a share of the object (15%%)")
    group.add_argument(
        "--tight", action="store_true", help="leave out the usual widening: faces by 25 %%, boxes and masks 15 %%"
    )
    group.add_argument(
        "--feather", metavar="N", help="soft edge, outwards only: pixels (4) or a share of its size (8%%)"
    )
    group.add_argument(
        "--effect-option", metavar="NAME=VALUE", action="append", default=[], help="any other option of it"
    )


def _output(group: _ArgumentGroup) -> None:
    group.add_argument("--codec", metavar="NAME", help="h264, hevc, vp9, av1, … or an encoder's name")
    group.add_argument("--crf", type=float, metavar="N", help="quality of the encoder: lower is better")
    group.add_argument("--preset", metavar="NAME", help="speed of the encoder, e.g. fast")
    group.add_argument("--audio", choices=["copy", "drop"], default="copy", help="sound tracks (default copy)")
    group.add_argument("--subtitles", choices=["copy", "drop"], default="copy", help="subtitle tracks (default copy)")
    group.add_argument("--keep-metadata", action="store_true", help="keep location, device, titles and the like")
    group.add_argument("--preview", **_PATH, metavar="PNG", help="before/after sheet; it shows what is hidden")
    group.add_argument("--strict", action="store_true", help="exit 4 when moments need to be checked by eye")


def _run(group: _ArgumentGroup) -> None:
    group.add_argument("--allow-damaged", action="store_true", help="go on although the source is damaged")
    group.add_argument("--overwrite", action="store_true", help="replace existing outputs")
    group.add_argument("--quiet", action="store_true", help="no progress")


WHAT, FOUND, FRAGMENT, LEFT_OUT = "what to hide", "how it is found", "which part", "what is kept or left out"
HIDDEN, OUTPUT, RUN = "how it is hidden", "the output", "the run"
GROUPS: dict[str, Callable[[_ArgumentGroup], None]] = {
    WHAT: _what,
    FOUND: _search,
    FRAGMENT: _fragment,
    LEFT_OUT: _selection,
    HIDDEN: _cover,
    OUTPUT: _output,
    RUN: _run,
}
COMMANDS = {
    "video": ("hide things in a video, a folder of videos and pictures, or a video behind an address", tuple(GROUPS)),
    "image": ("hide things in a picture, or in a folder of pictures and videos", tuple(GROUPS)),
    "render": (
        "hide what a detections file lists, e.g. after editing it by hand; nothing is analysed",
        (FRAGMENT, LEFT_OUT, HIDDEN, OUTPUT, RUN),
    ),
    "detect": ("write the detections file only", (WHAT, FOUND, FRAGMENT, RUN)),
}


def share(text: str) -> float:
    """Parse a number in 0..1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def score(text: str) -> tuple[str | None, float]:
    """Parse a number in 0..1, or one for a class: NAME=S."""
    name, equals, number = text.rpartition("=")
    if equals and not name.strip():
        raise ArgumentTypeError(f"{text!r} names no class: expected NAME=S, e.g. clown=0.8")
    return name.strip() or None, share(number)


def positive(text: str) -> int:
    """Parse a whole number of at least 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return value
