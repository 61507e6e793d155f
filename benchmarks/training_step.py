"""Seconds a training step of Mask R-CNN beside a port of the original: R50, two pictures of 256 x 256, small masks."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import libraries, weight_recipes
from benchmarks.libraries import OURS, PEER, Library
from benchmarks.weight_recipes import SMALL
from common.errors import EXIT_OK

SIDE, PICTURES = 256, 2
LAYERS = ("heads", "all")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks training_step", description=__doc__)
    libraries.add_options(parser, rounds=7)
    parser.add_argument("--layers", action="append", choices=LAYERS, help="default: both")
    arguments = parser.parse_args(argv)
    names = [*([PEER] if libraries.check_options(arguments) else []), OURS]
    print(libraries.describe_machine())
    with tempfile.TemporaryDirectory() as folder:
        batch = Path(folder) / "batch.npz"
        arrays: dict[str, Any] = make_batch()
        np.savez(batch, **arrays)
        results = {layers: _measure(layers, names, batch, arguments) for layers in arguments.layers or LAYERS}
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    return EXIT_OK


def _settings() -> dict[str, Any]:
    return weight_recipes.settings(SMALL, SIDE, True) | {
        "IMAGES_PER_GPU": PICTURES,
        "USE_MINI_MASK": True,
        "TRAIN_BN": False,
    }


def make_batch() -> dict[str, np.ndarray]:
    """Two parts of a photograph with six ellipses each to learn, as the inputs of the network for training."""
    from mrcnn import image_meta, masks, resample
    from mrcnn.batches import inputs_of
    from mrcnn.config import Config
    from mrcnn.examples import Example
    from mrcnn.training import truth_of

    values = {name: np.array(value) if isinstance(value, list) else value for name, value in _settings().items()}
    truth = truth_of(type("Measured", (Config,), values)())
    photograph = np.load(weight_recipes.picture("street"))
    dice = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    examples = []
    for number in range(PICTURES):
        part = photograph[:, number * SIDE : number * SIDE + SIDE]
        image = resample.resize_like(np.ascontiguousarray(part), (SIDE, SIDE))
        drawn = []
        for _ in range(6):
            centre, half = dice.uniform(40, SIDE - 40, 2), dice.uniform(12, 40, 2)
            drawn.append(((rows - centre[0]) / half[0]) ** 2 + ((columns - centre[1]) / half[1]) ** 2 <= 1)
        full = np.stack(drawn, axis=-1)
        boxes = masks.extract_boxes(full)
        class_ids = dice.integers(1, 4, 6).astype(np.int32)
        meta = image_meta.compose(number, image.shape, image.shape, (0, 0, SIDE, SIDE), 1.0, np.ones(4, np.int32))
        example = Example(image, meta, class_ids, boxes, masks.minimize(boxes, full, (56, 56), "edge"))
        examples.append(inputs_of(example, truth, dice))
    filled = [example for example in examples if example is not None]
    return {name: np.stack([example[name] for example in filled]) for name in filled[0]}


def _measure(layers: str, names: Sequence[str], batch: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    weights, _ = weight_recipes.weight_file(SMALL)
    with ExitStack() as stack:
        opened: list[Library] = []
        first, imported = {}, {}
        for name in names:
            library = stack.enter_context(libraries.start(name, arguments))
            imported[name] = library.ask("open", mode="training", settings=_settings(), weights=str(weights))
            library.ask("prepare_training", batch=str(batch), layers=layers)
            first[name] = library.ask("step")
            opened.append(library)
        answers = libraries.in_turn(opened, arguments.rounds, lambda one: one.ask("step"))
    columns = ("s", "CPU s", "x port", "x port, CPU", "peak MB", "import MB", "first s", "first loss", "last loss")
    print(f"\n{layers}\n{'':10}" + "".join(f"{column:>12}" for column in columns))
    for name, rows in answers.items():
        ratios = [libraries.shown(libraries.times_faster(answers, name, key)) for key in ("seconds", "cpu")]
        cells = (
            f"{libraries.median(rows, 'seconds'):.2f}",
            f"{libraries.median(rows, 'cpu'):.2f}",
            *ratios,
            f"{max(row['memory'] for row in rows) / 2**20:.0f}",
            f"{imported[name]['import memory'] / 2**20:.0f}",
            f"{first[name]['seconds']:.1f}",
            f"{first[name]['loss']:.3f}",
            f"{rows[-1]['loss']:.3f}",
        )
        print(f"{name:10}" + "".join(f"{cell:>12}" for cell in cells), flush=True)
    return {"first": first, "answers": answers}
