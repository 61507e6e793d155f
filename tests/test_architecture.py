"""The rules that hold the project together, read from the code itself."""

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STAGES = {"scrape", "annotate", "train", "evaluate", "infer"}
OURS = STAGES | {"common", "mrcnn", "data", "benchmarks"}
MAY_IMPORT = {
    "common": {"common"},
    "mrcnn": {"mrcnn", "common"},
    "data": {"data", "mrcnn", "common"},
    "benchmarks": OURS,
    **{stage: {stage, "mrcnn", "common"} for stage in STAGES},
}
FILES = [path for name in sorted(OURS) for path in sorted((ROOT / name).rglob("*.py"))]


@cache
def imported(path):
    """Top-level packages that a file imports, wherever the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            raise AssertionError(f"{path}: relative import; name the package")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    package = path.relative_to(ROOT).parts[0]
    assert imported(path) & OURS <= MAY_IMPORT[package]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_keras_is_imported_by_the_model_and_training_only():
    users = {path.relative_to(ROOT).parts[0] for path in FILES if {"keras", "tensorflow"} & imported(path)}
    assert users <= {"mrcnn", "train", "benchmarks"}


def test_every_package_is_listed_in_setup():
    listed = {
        element.value
        for node in ast.walk(ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "packages"
        for element in node.value.elts
    }
    packages = {".".join(path.parent.relative_to(ROOT).parts) for path in FILES if path.name == "__init__.py"}
    assert packages - {"benchmarks"} == listed


COMMANDS = [
    ["infer"],
    ["infer", "video"],
    ["infer", "image"],
    ["infer", "render"],
    ["infer", "classes"],
    ["infer", "export"],
    ["annotate"],
    ["annotate", "convert"],
    ["annotate", "suggest"],
    ["scrape"],
    ["scrape", "images"],
    ["scrape", "urls"],
    ["scrape", "video"],
    ["data"],
    ["data", "clip"],
    ["data", "demo"],
    ["data", "weights"],
    ["benchmarks"],
    ["mrcnn"],
    ["train"],
    ["train", "smile"],
    ["evaluate"],
    ["evaluate", "run"],
    ["evaluate", "choose"],
    ["evaluate", "leak"],
    ["evaluate", "compare"],
    ["evaluate", "report"],
    ["evaluate", "gallery"],
]
HEAVY = (
    *("keras", "tensorflow", "torch", "jax", "cv2", "av", "onnxruntime", "supervision", "scipy", "matplotlib"),
    *("selenium", "aiohttp", "requests"),
)


HELP = """
import contextlib, io, json, runpy, sys
package, commands, heavy = json.loads(sys.argv[1])
for command in commands:
    sys.argv, said, code = [package, *command, "--help"], io.StringIO(), None
    with contextlib.redirect_stdout(said):
        try:
            runpy.run_module(package, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            code = end.code
    loaded = [name for name in heavy if name in sys.modules]
    print(json.dumps([[package, *command], code, "usage:" in said.getvalue(), loaded]), flush=True)
"""


@pytest.mark.parametrize("package", dict.fromkeys(command[0] for command in COMMANDS))
def test_help_is_quick(package):
    """`--help` imports nothing heavy: it answers at once, on a machine where half of it is broken too."""
    commands = [command[1:] for command in COMMANDS if command[0] == package]
    asked = [sys.executable, "-c", HELP, json.dumps([package, commands, HEAVY])]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers == [[[package, *command], 0, True, []] for command in commands], done.stderr
