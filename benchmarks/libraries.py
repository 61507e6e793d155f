"""Mask R-CNN libraries beside each other: each in a process of its own, asked in turn.

The peer is any port of the original `mrcnn` with its public names, in an environment of its own that anybody can make:

    git clone https://github.com/z-mahmud22/Mask-RCNN_TF2.14.0 PORT
    python3.11 -m venv PEER
    PEER/bin/pip install tensorflow==2.14.1 numpy==1.23.5 scikit-image==0.21 "scipy<1.12" h5py imgaug matplotlib

It is named by `--peer-python PEER/bin/python --peer PORT`; without one our own rows are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from common.errors import UserError

ROOT = Path(__file__).parents[1]
WORKER = Path(__file__).with_name("mask_rcnn_worker.py")
PEER, OURS = "the port", "ours"


def add_options(parser: argparse.ArgumentParser, rounds: int) -> None:
    """Add the options that all comparisons share."""
    parser.add_argument("--peer-python", type=Path, metavar="FILE", help="Python of the port's environment")
    parser.add_argument("--peer", type=Path, metavar="FOLDER", help="folder that holds the port's `mrcnn`")
    parser.add_argument("--rounds", type=int, default=rounds, help="turns of each library (default %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers")


def check_options(arguments: argparse.Namespace) -> bool:
    """Return whether there is a peer; UserError when it is named by halves or is not there."""
    python, folder = arguments.peer_python, arguments.peer
    if arguments.rounds < 1:
        raise UserError(f"--rounds {arguments.rounds}: at least 1 is needed")
    if python is None and folder is None:
        return False
    if python is None or folder is None:
        raise UserError("a peer needs both --peer-python and --peer")
    if not python.exists():
        raise UserError(f"--peer-python {python}: no such file")
    if not (folder / "mrcnn" / "model.py").is_file():
        raise UserError(f"--peer {folder}: holds no mrcnn/model.py; name the folder above the port's `mrcnn`")
    return True


def describe_machine() -> str:
    """Return one line about the machine."""
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


class Library:
    """A library in a process that answers requests; use it as a context manager.

    Args:
        name: for tables.
        python: interpreter.
        folder: folder above its `mrcnn`.
    """

    def __init__(self, name: str, python: Path, folder: Path) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile("w+")
        environment = {**os.environ, "PYTHONPATH": str(folder.resolve()), "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._process = subprocess.Popen(
            [str(python), str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            text=True,
        )

    def ask(self, do: str, **what: Any) -> dict[str, Any]:
        """Send a request and wait for the answer; UserError with the library's last words when it died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **what}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it died: the answer is missing below
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise UserError(f"{self.name} ended at {do!r}: {self._errors.read()[-800:].strip()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Library:
        """Return itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # it died before it read what was written last
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()


def start(name: str, arguments: argparse.Namespace) -> Library:
    """Start the peer by its name, or our own library under any other."""
    if name == PEER:
        return Library(name, arguments.peer_python, arguments.peer)
    return Library(name, Path(sys.executable), ROOT)


def in_turn(libraries: Sequence[Library], rounds: int, request: Callable[[Library], dict[str, Any]]) -> dict[str, list]:
    """Ask every library once a round; returns the answers by library."""
    answers: dict[str, list[dict[str, Any]]] = {library.name: [] for library in libraries}
    for _ in range(rounds):
        for library in libraries:
            answers[library.name].append(request(library))
    return answers


def median(answers: Sequence[Mapping[str, Any]], field: str) -> float:
    """Median of a field."""
    return statistics.median(answer[field] for answer in answers)


def times_faster(answers: Mapping[str, Sequence[Mapping[str, Any]]], name: str, field: str) -> float | None:
    """Median over the rounds of the peer's figure by the library's: both of a round met the same machine."""
    if PEER not in answers:
        return None
    pairs = zip(answers[PEER], answers[name], strict=True)
    return statistics.median(theirs[field] / ours[field] for theirs, ours in pairs)


def shown(ratio: float | None) -> str:
    """A ratio for a table; a dash where there is no peer."""
    return "-" if ratio is None else f"{ratio:.2f}x"
