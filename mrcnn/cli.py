"""`python -m mrcnn SCRIPT [ARGUMENTS]`: a script written for the original, run as `python SCRIPT` would run it.

What differs: this `mrcnn` is found wherever the script lies, and `import imgaug` works under NumPy 2, also where the
script imports it before anything of ours.
"""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from common import cli
from common.errors import EXIT_OK, UserError
from common.path_flag import StorePath


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m mrcnn", description=__doc__)
    parser.add_argument("script", action=StorePath, metavar="SCRIPT", help="a Python file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENTS", help="its own arguments")
    given = parser.parse_args(argv)
    run_script(given.script, given.arguments)
    return EXIT_OK


def run_script(script: Path, arguments: Sequence[str]) -> None:
    """Run a script with its own arguments.

    Raises:
        UserError: there is no such file.
    """
    if not script.is_file():
        raise UserError(f"{script}: no such script")
    if find_spec("imgaug"):
        from common import imgaug_numpy2

        imgaug_numpy2.load()
    root = str(Path(__file__).resolve().parents[1])
    before = sys.argv, sys.path
    # Ours stands first: scripts append the folder of the original, which may hold its `mrcnn`.
    sys.argv, sys.path = [str(script), *arguments], [root, str(script.resolve().parent), *sys.path]
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.argv, sys.path = before


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return cli.run(_run, argv)
