"""The notebooks run on a small run, hold no output in git, and only import and show."""

import ast
import json
import os
import re
from contextlib import chdir
from pathlib import Path

import cv2
import nbformat
import numpy as np
import pytest
from made_run import dataset, found, objects, predict, run_folder

from common.detections import DetectionsWriter, FrameObjects, Header, make_detections

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
DOG, CAT = 1, 2
LARGE, MEDIUM = (50, 50, 90, 90), (20, 0, 40, 20)


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory):
    """A dataset, a run with two epochs whose sightings are known, a video's truth, and the cover of a run of infer."""
    folder = tmp_path_factory.mktemp("notebooks")
    data = dataset(folder / "set", [objects((DOG, LARGE), (CAT, MEDIUM)), objects((DOG, MEDIUM))])
    for number, path in enumerate(sorted((data / "images").iterdir())):
        noise = np.random.default_rng(number).integers(0, 256, (100, 100, 3), np.uint8)
        cv2.imwrite(str(path), noise)
    about = json.loads((data / "dataset.json").read_text())
    about["splits"] = {"val": {"images": 2, "objects": {"dog": 2, "cat": 1}}}
    (data / "dataset.json").write_text(json.dumps(about))
    run = run_folder(folder / "run", data)
    first = [found((DOG, LARGE, 0.9)), found((CAT, MEDIUM, 0.8))]
    predict(run, data, {1: first, 2: [found((DOG, LARGE, 0.9), (CAT, MEDIUM, 0.6)), found((DOG, MEDIUM, 0.7))]})
    seen = make_detections([(10, 10, 40, 40)], [1.0], [0], [1])
    nothing = make_detections(np.zeros((0, 4)), [], [])
    for name, place in (("show.truth.jsonl", None), ("show.mp4.detections.jsonl", 1)):
        with DetectionsWriter(folder / name, Header(64, 48, ("dog",), "show.mp4")) as writer:
            for index in range(3):
                writer.write(FrameObjects(index, index / 25, nothing if index == place else seen))
    named = {"DATASET": data, "RUN": run, "SPLIT": "val", "TARGET": "0.9", "VIDEOS": folder, "MASKED": folder}
    return {name: str(value) for name, value in named.items()}


def code(path):
    return [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


def test_there_are_five():
    assert [path.name for path in NOTEBOOKS] == [
        "01_dataset.ipynb",
        "02_epochs.ipynb",
        "03_confidence.ipynb",
        "04_errors.ipynb",
        "05_video_leak.ipynb",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stripped_of_output_and_explained(path):
    book = nbformat.read(path, 4)
    nbformat.validate(book)
    for cell in book.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
    words = " ".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    assert len(words.split()) > 100
    assert not re.search(r"(?:^|[\s\"'])/(?:home|tmp|work|root|Users)/", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_logic(path):
    logic = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try, ast.Lambda)
    for cell in code(path):
        assert not [node for node in ast.walk(ast.parse(cell)) if isinstance(node, logic)]
        assert len(cell.splitlines()) <= 16


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_cells_run(path, surroundings, monkeypatch, capsys):
    """In this process: quick."""
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    space = {"__name__": "__main__"}
    with chdir(ROOT):
        for number, cell in enumerate(code(path)):
            exec(compile(cell, f"{path.name} cell {number}", "exec"), space)
    printed = capsys.readouterr().out
    assert {
        "01_dataset": "",
        "02_epochs": "best by AP50 of masks: epoch_0002 (1.000)",
        "03_confidence": "epoch_0002, target reached: True",
        "04_errors": "epoch_0002, the model's own threshold: 1 missed, 0 false alarms",
        "05_video_leak": "0 of 1 visits of dog (0.0%) were never bare in 3 frames",
    }[path.stem] in printed


def test_a_video_without_objects_has_no_visits_to_show(tmp_path, monkeypatch, capsys):
    nothing = make_detections(np.zeros((0, 4)), [], [])
    for name in ("show.truth.jsonl", "show.mp4.detections.jsonl"):
        with DetectionsWriter(tmp_path / name, Header(64, 48, ("dog",), "show.mp4")) as writer:
            for index in range(2):
                writer.write(FrameObjects(index, index / 25, nothing))
    monkeypatch.setenv("VIDEOS", str(tmp_path))
    monkeypatch.setenv("MASKED", str(tmp_path))
    space = {}
    for cell in code(NOTEBOOKS[-1]):
        exec(compile(cell, "cell", "exec"), space)
    assert "nothing was to be hidden" in capsys.readouterr().out
    assert len(space["visits"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_jupyter_runs_it_and_shows_something(path, surroundings):
    from nbclient import NotebookClient

    book = nbformat.read(path, 4)
    resources = {"metadata": {"path": str(ROOT)}}
    client = NotebookClient(book, timeout=120, kernel_name="python3", resources=resources)
    client.execute(env={**os.environ, **surroundings})
    shown = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    kinds = {kind for output in shown if "data" in output for kind in output["data"]}
    assert {"image/png", "text/html"} <= kinds
    assert not [output for output in shown if output.output_type == "error"]
