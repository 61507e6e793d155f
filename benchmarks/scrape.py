"""Pictures a second of `scrape`'s download beside other downloaders, from a local site that answers late.

The others live in environments of their own, which anybody can make:

    python3.11 -m venv PEER && PEER/bin/pip install img2dataset      (or icrawler)

and are named by `--img2dataset PEER/bin/python` and `--icrawler PEER/bin/python`; without any our own row is printed.
The clock covers starting the tool's processes, not starting Python. Our rows do more than the others': perceptual
hashes, look-alikes dropped, a line of where it came from for every picture.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.libraries import ROOT, describe_machine
from benchmarks.picture_site import picture_site
from common.errors import EXIT_OK, UserError
from common.looks import Looks
from common.perceptual_hash import DISTANCE

WORKER = Path(__file__).with_name("scrape_worker.py")
PEERS = ("img2dataset", "icrawler")
LOOKUPS = 2000


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks scrape", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=2000, metavar="N", help="on the site (default %(default)s)")
    parser.add_argument("--side", type=int, default=640, metavar="PIXELS", help="of the longer side (%(default)s)")
    parser.add_argument("--latency", type=float, default=0.05, metavar="S", help="of an answer (default %(default)s)")
    parser.add_argument("--concurrency", type=int, default=32, metavar="N", help="requests at a time (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes that decode (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="turns of each (%(default)s)")
    for peer in PEERS:
        parser.add_argument(f"--{peer}", type=Path, metavar="PYTHON", help=f"of the environment that holds {peer}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers")
    parser.add_argument(
        "--looks", type=int, metavar="N", help="only: the time of finding a look-alike among N pictures"
    )
    arguments = parser.parse_args(argv)
    if arguments.looks is not None:
        print(f"{looks_table(arguments.looks)}\n\n{describe_machine()}")
        return EXIT_OK
    tools = _tools(arguments)
    print(describe_machine())
    results = _measure(tools, arguments)
    print(
        f"{arguments.pictures} JPEG of {arguments.side}x{arguments.side * 3 // 4}, {arguments.latency * 1000:g} ms, "
        f"{arguments.concurrency} at a time, {arguments.workers} processes, median of {arguments.rounds}\n"
    )
    print(table(results))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    return EXIT_OK


def _tools(arguments: argparse.Namespace) -> dict[str, Path]:
    if min(arguments.pictures, arguments.side, arguments.concurrency, arguments.workers, arguments.rounds) < 1:
        raise UserError("--pictures, --side, --concurrency, --workers and --rounds must be 1 or more")
    tools = {name: getattr(arguments, name) for name in PEERS if getattr(arguments, name) is not None}
    for name, python in tools.items():
        if not python.is_file():
            raise UserError(f"--{name} {python}: no such file; name the Python of the environment that holds {name}")
    return tools | {"ours": Path(sys.executable)}


def _measure(tools: dict[str, Path], arguments: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in tools}
    with (
        tempfile.TemporaryDirectory() as folder,
        picture_site(arguments.pictures, arguments.side, arguments.latency) as address,
    ):
        addresses = Path(folder) / "addresses.txt"
        addresses.write_text("".join(f"{address}/{number}.jpg\n" for number in range(arguments.pictures)))
        for turn in range(arguments.rounds):
            for name, python in tools.items():
                with tempfile.TemporaryDirectory(dir=folder) as out:
                    results[name].append(_run(name, python, addresses, Path(out), arguments))
                print(f"round {turn + 1}: {name} {results[name][-1]}", file=sys.stderr)
    return results


def _run(name: str, python: Path, addresses: Path, out: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    numbers = (arguments.concurrency, arguments.workers, min(128, arguments.side // 2))
    done = subprocess.run(
        [str(python), "-P", str(WORKER), name, str(addresses), str(out), *map(str, numbers)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT) if name == "ours" else ""},
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise UserError(f"{name} failed: {done.stderr.strip()[-800:]}")
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    """Rows of median pictures a second and CPU time, fewest saved and most memory, fastest first."""
    rows = sorted(((_speed(runs), name) for name, runs in results.items()), reverse=True)
    lines = ["| | pictures/s | CPU a picture | saved | most memory |", "|---|---:|---:|---:|---:|"]
    for speed, name in rows:
        runs = results[name]
        saved = min(run["saved"] for run in runs)
        most = max(run["memory_mb"]["most"] for run in runs)
        cpu = statistics.median(1000 * run["cpu_seconds"] / max(1, run["saved"]) for run in runs)
        lines.append(f"| {name} | {speed:.0f} | {cpu:.1f} ms | {saved} | {most:.0f} MB |")
    return "\n".join(lines)


def looks_table(most: int) -> str:
    """Processor time of adding a perceptual hash and of finding the nearest, among ever more of them.

    Args:
        most: hashes in the last row; each row before has a tenth of the next one.

    Raises:
        UserError: there is nothing to look among.
    """
    if most < 1:
        raise UserError(f"--looks {most}: expected 1 or more")
    lines = ["| hashes | added | looked up |", "|---:|---:|---:|"]
    for count in sorted({max(1, most // 100), max(1, most // 10), most}):
        hashes = [int(one) for one in np.random.default_rng(count).integers(0, 2**64, count, np.uint64)]
        known = Looks()
        begin = time.process_time()
        for one in hashes:
            known.add(one)
        added = time.process_time()
        for one in hashes[:LOOKUPS]:
            known.nearest(one ^ 0b111, DISTANCE)
        looked = (time.process_time() - added) / min(LOOKUPS, count)
        lines.append(f"| {count:,} | {1e6 * (added - begin) / count:.1f} µs | {1e6 * looked:.0f} µs |")
    return "\n".join(lines)


def _speed(runs: Sequence[dict[str, Any]]) -> float:
    return statistics.median(run["saved"] / run["seconds"] for run in runs)
