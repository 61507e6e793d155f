"""What computes a checkpoint: Keras, ONNX Runtime in 32-bit float, ONNX Runtime in 8 bits; in turn, on one picture.

Objects are what each finds; "again" is the share of those of Keras that the other finds with the same class and boxes
that overlap by a half. The weights are seeded, not trained: what 8 bits lose is to be judged on a model of yours, by
`python -m infer export --int8`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import supervision as sv

from benchmarks import weight_recipes
from benchmarks.mask_rcnn import CASES, Case
from benchmarks.weight_recipes import CACHE
from common.errors import EXIT_OK

KINDS = ("float32", "int8")
FIRST = (
    "import json, sys, time; begin = time.perf_counter()\n"
    "import numpy as np\n"
    "from mrcnn.detector import MaskRCNNDetector\n"
    "detector = MaskRCNNDetector(sys.argv[1], device='cpu', runtime=sys.argv[2])\n"
    "detector([np.load(sys.argv[3])])\n"
    "print(json.dumps(time.perf_counter() - begin))\n"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks engines",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--case", choices=CASES, action="append", help="default: all")
    parser.add_argument("--rounds", type=int, default=5, help="pictures for each, in turn (default 5)")
    flags = parser.parse_args(argv)
    print("| network | engine | s a picture | median | CPU s | × Keras | import + first | objects | again |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for name in flags.case or CASES:
        for line in _compare(CASES[name], flags.rounds):
            print(line, flush=True)
    return EXIT_OK


def _compare(case: Case, rounds: int) -> list[str]:
    from mrcnn.detector import MaskRCNNDetector

    weights, picture = _checkpoint(case), weight_recipes.picture(case.picture)
    files = {"Keras": (weights, "keras"), **{f"ONNX {kind}": (_exported(weights, kind), "onnx") for kind in KINDS}}
    image = np.load(picture)
    detectors = {
        words: MaskRCNNDetector(path, device="cpu", runtime=runtime) for words, (path, runtime) in files.items()
    }
    found = {words: detector([image])[0] for words, detector in detectors.items()}
    walls: dict[str, list[float]] = {words: [] for words in files}
    cpus: dict[str, list[float]] = {words: [] for words in files}
    for _ in range(rounds):
        for words, detector in detectors.items():
            cpu, begin = time.process_time(), time.perf_counter()
            detector([image])
            walls[words].append(time.perf_counter() - begin)
            cpus[words].append(time.process_time() - cpu)
    lines = []
    for words, (path, runtime) in files.items():
        done = subprocess.run(
            [sys.executable, "-c", FIRST, str(path), runtime, str(picture)], check=True, capture_output=True, text=True
        )
        first = json.loads(done.stdout.splitlines()[-1])
        gain = np.median([one / other for one, other in zip(walls["Keras"], walls[words], strict=True)])
        lines.append(
            f"| {case.title} | {words} | {min(walls[words]):.2f} | {np.median(walls[words]):.2f} | "
            f"{min(cpus[words]):.2f} | {gain:.1f} | {first:.1f} | {len(found[words])} | "
            f"{_again(found['Keras'], found[words]):.0%} |"
        )
    return lines


def _checkpoint(case: Case) -> Path:
    """Return the case's weights with its settings and class names inside."""
    import h5py

    from mrcnn.config import Config

    plain, sure = weight_recipes.weight_file(case.weights)
    path = CACHE.resolve() / f"{case.weights}_{case.side}_{case.picture}_checkpoint.h5"
    if not path.exists():
        settings = weight_recipes.settings(case.weights, case.side, sure) | case.own
        config = type("Measured", (Config,), settings)()
        unfinished = path.with_suffix(".part")
        shutil.copyfile(plain, unfinished)
        with h5py.File(unfinished, "a") as file:
            file.attrs["config"] = config.to_json()
            names = ["BG", *(f"class {number}" for number in range(1, config.NUM_CLASSES))]
            file.attrs["class_names"] = json.dumps(names)
        unfinished.replace(path)
    return path


def _exported(weights: Path, kind: str) -> Path:
    from infer.export import ExportSettings, export

    path = weights.with_name(f"{weights.stem}_{kind}.onnx")
    if not path.exists():
        settings = ExportSettings(target="cpu", force=True, overwrite=True, limit=0.0)
        if kind == "int8":
            settings = replace(settings, calibrate=_photographs())
        export(str(weights), path, settings)
    return path


def _photographs() -> Path:
    """Pieces of the street for calibration."""
    import cv2

    folder = CACHE.resolve() / "calibration"
    if not folder.is_dir():
        folder.mkdir(parents=True)
        image = np.load(weight_recipes.picture("street"))
        height, width = image.shape[:2]
        for number in range(6):
            top, left = number * height // 12, (5 - number) * width // 12
            piece = image[top : top + height // 2, left : left + width // 2]
            cv2.imwrite(str(folder / f"{number}.png"), np.ascontiguousarray(piece[..., ::-1]))
    return folder


def _again(reference: sv.Detections, other: sv.Detections) -> float:
    """Share of the objects of one answer that the other has."""
    from mrcnn.boxes import overlaps

    if not len(reference):
        return 1.0
    near = overlaps(reference.xyxy, other.xyxy) >= 0.5
    near &= np.asarray(reference.class_id)[:, None] == np.asarray(other.class_id)[None]
    return float(near.any(axis=1).mean())
