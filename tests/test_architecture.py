"""The rules that hold the project together, read from the code itself."""

import ast
import subprocess
import sys
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


def imported(path):
    """Top-level packages that a file imports, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            raise AssertionError(f"{path}: relative import; name the package")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    package = path.relative_to(ROOT).parts[0]
    assert set(imported(path)) & OURS <= MAY_IMPORT[package]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_keras_is_imported_by_the_model_and_training_only():
    users = {path.relative_to(ROOT).parts[0] for path in FILES if {"keras", "tensorflow"} & set(imported(path))}
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


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_is_quick(command):
    """`--help` imports nothing heavy: it answers at once, on a machine where half of it is broken too."""
    script = (
        "import runpy, sys\n"
        f"sys.argv = {[*command, '--help']!r}\n"
        f"try: runpy.run_module({command[0]!r}, run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout
