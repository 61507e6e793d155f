"""Where one picture's time goes in Mask R-CNN, part by part, beside a port of the original.

The network is compiled up to the end of each part; a part's time is the median difference to the part before, both
taken in the same round. Preparing is resizing and subtracting the mean; post-processing brings boxes and masks back.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks import libraries, weight_recipes
from benchmarks.libraries import OURS, PEER
from benchmarks.mask_rcnn import CASES, Case
from common.errors import EXIT_OK

MOLDING, WHOLE, EVERYTHING = "molding", "mask head", "everything"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks parts", description=__doc__)
    libraries.add_options(parser, rounds=7)
    parser.add_argument("--case", action="append", choices=list(CASES), help="default: all squares")
    arguments = parser.parse_args(argv)
    names = [*([PEER] if libraries.check_options(arguments) else []), OURS]
    print(libraries.describe_machine())
    results = {}
    for name in arguments.case or [name for name, case in CASES.items() if not case.own]:
        results[name] = _measure(CASES[name], names, arguments)
        _show(CASES[name], results[name])
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    return EXIT_OK


def _measure(case: Case, names: Sequence[str], arguments: argparse.Namespace) -> dict[str, list[dict]]:
    """Answers of every round by library: part to {"seconds", "cpu"}."""
    weights, sure = weight_recipes.weight_file(case.weights)
    picture = weight_recipes.picture(case.picture)
    with ExitStack() as stack:
        opened = []
        for name in names:
            library = stack.enter_context(libraries.start(name, arguments))
            settings = weight_recipes.settings(case.weights, case.side, sure) | (case.own if name != PEER else {})
            library.ask("open", mode="inference", settings=settings, weights=str(weights))
            parts = library.ask("prepare_parts", picture=str(picture))["parts"]
            opened.append(library)
        return libraries.in_turn(
            opened, arguments.rounds, lambda one: {part: one.ask("part", name=part) for part in parts}
        )


def split(rounds: Sequence[dict[str, dict]], field: str) -> dict[str, float]:
    """Turn times up to the end of each part into the parts' own.

    Args:
        rounds: of each round, part to {field: seconds up to its end}, in order; "molding" stands by itself, "mask head"
            is the whole network, "everything" the whole call.
        field: "seconds" or "cpu".

    Returns:
        Part to its median seconds, "post-processing" and "everything" at the end.
    """
    parts = [part for part in rounds[0] if part not in (MOLDING, EVERYTHING)]
    own = {MOLDING: [row[MOLDING][field] for row in rounds]}
    for before, part in zip([None, *parts[:-1]], parts, strict=True):
        own[part] = [row[part][field] - (row[before][field] if before else 0.0) for row in rounds]
    own["post-processing"] = [row[EVERYTHING][field] - row[WHOLE][field] - row[MOLDING][field] for row in rounds]
    own[EVERYTHING] = [row[EVERYTHING][field] for row in rounds]
    return {part: statistics.median(values) for part, values in own.items()}


def _show(case: Case, rounds: dict[str, list[dict]]) -> None:
    print(f"\n{case.title}: ms, and ms of processor time\n{'':26}" + "".join(f"{name:>20}" for name in rounds))
    tables = {name: (split(rows, "seconds"), split(rows, "cpu")) for name, rows in rounds.items()}
    for part in next(iter(tables.values()))[0]:
        cells = (f"{1000 * wall[part]:.0f} / {1000 * cpu[part]:.0f}" for wall, cpu in tables.values())
        print(f"{part:26}" + "".join(f"{cell:>20}" for cell in cells), flush=True)
