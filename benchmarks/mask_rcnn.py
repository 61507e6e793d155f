"""Mask R-CNN beside a port of the original: seconds a picture, memory, first call, and whether it finds the same."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import libraries, weight_recipes
from benchmarks.libraries import OURS, PEER, Library
from benchmarks.weight_recipes import LARGE, SMALL
from common.errors import EXIT_OK, UserError


@dataclass(frozen=True)
class Case:
    """A network and a picture.

    Attributes:
        title: for the table.
        weights: see `weight_recipes.weight_file`.
        side: of the square.
        picture: see `weight_recipes.picture`.
        own: settings of ours alone.
    """

    title: str
    weights: str
    side: int
    picture: str
    own: dict[str, Any] = field(default_factory=dict)


CASES = {
    "r50_256": Case("R50, 256 x 256", SMALL, 256, "street"),
    "r50_512": Case("R50, 512 x 512", SMALL, 512, "street"),
    "r101_1024": Case("R101, 1024 x 1024", LARGE, 1024, "street"),
    "r101_frame": Case(
        "R101, a frame of 16:9: ours 576 x 1024, the port 1024 x 1024",
        LARGE,
        1024,
        "frame",
        {"IMAGE_RESIZE_MODE": "pad64", "LIMIT_PAD64": True},
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks mask_rcnn",
        description=libraries.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    libraries.add_options(parser, rounds=7)
    parser.add_argument("--case", action="append", choices=list(CASES), help="default: all")
    parser.add_argument("--half", action="store_true", help="also our network in bfloat16")
    parser.add_argument("--proposals", type=int, metavar="N", help="also our network with N proposals, not 1000")
    arguments = parser.parse_args(argv)
    with_peer = libraries.check_options(arguments)
    rows: dict[str, dict[str, Any]] = {PEER: {}} if with_peer else {}
    rows[OURS] = {}
    if arguments.half:
        rows[f"{OURS}, bfloat16"] = {"MIXED_PRECISION": "bfloat16"}
    if arguments.proposals:
        rows[f"{OURS}, {arguments.proposals} proposals"] = {"POST_NMS_ROIS_INFERENCE": arguments.proposals}
    print(libraries.describe_machine())
    results = {name: _measure(CASES[name], rows, arguments) for name in arguments.case or CASES}
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    return EXIT_OK


def _measure(case: Case, rows: dict[str, dict[str, Any]], arguments: argparse.Namespace) -> dict[str, Any]:
    """Open a library for each row with its settings, let each find the objects in turn, print the table."""
    weights, sure = weight_recipes.weight_file(case.weights)
    picture = weight_recipes.picture(case.picture)
    square = weight_recipes.settings(case.weights, case.side, sure)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        opened: list[Library] = []
        first: dict[str, dict[str, Any]] = {}
        for name, own in rows.items():
            library = stack.enter_context(libraries.start(name, arguments))
            settings = square | ({} if name == PEER else case.own) | own
            start = library.ask("open", mode="inference", settings=settings, weights=str(weights))
            answer = library.ask("detect", picture=str(picture), save=str(folder / f"{name}.npz"))
            first[name] = {**start, "first": answer["seconds"], "ready": answer["since start"]}
            opened.append(library)
        answers = libraries.in_turn(opened, arguments.rounds, lambda one: one.ask("detect", picture=str(picture)))
        found = {name: _load(folder / f"{name}.npz") for name in rows}
    reference = found[PEER] if PEER in rows else found[OURS]
    _show(case, answers, first, {name: agreement(found[name], reference) for name in rows})
    return {"first": first, "answers": answers}


def _load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


def agreement(found: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> tuple[float, float]:
    """Share of objects found by both, and the least overlap of masks of an object that both found.

    Two objects are the same with one class, sides within 2 pixels and scores within 0.01.
    """
    if not len(found["rois"]) or not len(others["rois"]):
        raise UserError("nothing was found: there is nothing to compare")
    near = np.abs(found["rois"][:, None].astype(float) - others["rois"][None]).max(axis=-1) <= 2
    near &= np.abs(found["scores"][:, None] - others["scores"][None]) <= 0.01
    near &= found["class_ids"][:, None] == others["class_ids"][None]
    overlaps = []
    for one, other in zip(*np.nonzero(near), strict=True):
        first, second = (np.unpackbits(objects["masks"][at]) for objects, at in ((found, one), (others, other)))
        overlaps.append(np.sum(first & second) / max(np.sum(first | second), 1))
    share = float(min(near.any(axis=1).mean(), near.any(axis=0).mean()))
    return share, float(min(overlaps, default=0.0))


def _show(case: Case, answers: dict[str, list], first: dict[str, dict], agreements: dict[str, tuple]) -> None:
    columns = ("s", "CPU s", "x port", "x port, CPU", "peak MB", "import s", "first s", "objects", "same", "least IoU")
    print(f"\n{case.title}\n{'':22}" + "".join(f"{column:>12}" for column in columns))
    for name, rows in answers.items():
        share, overlap = agreements[name]
        ratios = [libraries.shown(libraries.times_faster(answers, name, key)) for key in ("seconds", "cpu")]
        cells = (
            f"{libraries.median(rows, 'seconds'):.3f}",
            f"{libraries.median(rows, 'cpu'):.3f}",
            *ratios,
            f"{max(row['memory'] for row in rows) / 2**20:.0f}",
            f"{first[name]['import']:.1f}",
            f"{first[name]['first']:.1f}",
            str(rows[-1]["objects"]),
            f"{share:.1%}",
            f"{overlap:.3f}",
        )
        print(f"{name:22}" + "".join(f"{cell:>12}" for cell in cells), flush=True)
