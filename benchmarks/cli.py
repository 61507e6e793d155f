"""`python -m benchmarks`: what the toolkit measures about itself and its peers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from common import cli
from common.errors import EXIT_OK, UserError

COMMANDS = {
    "leak": "what slips through on clips with known truth, part by part, beside deface",
    "fidelity": "what of a video survives: time, size, colour, sound, subtitles, tags",
    "detectors": "how well each detector finds faces, and what it costs",
    "masks": "how near masks made from boxes come to exact ones",
    "effects": "what each effect costs and how well it hides",
    "postprocess": "what a model's masks and a training's pictures cost around the network",
    "stages": "where the first pass spends its time, per frame",
    "shared_trunk": "two models on one trunk beside each by itself: time and deviation",
    "mask_rcnn": "Mask R-CNN beside a port of the original: time, memory, the same objects",
    "engines": "one checkpoint in Keras, in ONNX Runtime and in ONNX Runtime with 8 bits",
    "parts": "where one picture's time goes in Mask R-CNN, beside a port of the original",
    "training_step": "a training step of Mask R-CNN beside a port of the original",
    "scrape": "pictures a second of the download, beside img2dataset and icrawler",
    "loader": "pictures a second into a training, beside a port of the original",
    "speed": "frames a second and memory, beside deface and a run without a detector",
}


def _help() -> str:
    lines = ["usage: python -m benchmarks COMMAND [OPTIONS]", "", "Each command explains itself with --help.", ""]
    return "\n".join(lines + [f"  {name:<14} {about}" for name, about in COMMANDS.items()])


def _run(argv: Sequence[str] | None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_help())
        return EXIT_OK
    name, *rest = arguments
    if name not in COMMANDS:
        raise UserError(f"unknown benchmark {name!r}: choose one of {', '.join(COMMANDS)}")
    # Each benchmark pulls in its own heavy libraries: only the one asked for is imported.
    return int(import_module(f"benchmarks.{name}").main(rest))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one benchmark and return its exit code."""
    return cli.run(_run, argv)
