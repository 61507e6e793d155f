"""Pictures a second on their way into a training, beside a port of the original: decoded, molded, masks, targets.

The port loads with `load_image_gt` in one thread, as its generator does; so does ours in the rows "same program".
The rows "folder" are what `python -m train` uses, with its recipes in both tables with targets. Batches come from the
toolkit's own feed, Keras' queue, tf.data and, where it is installed, grain. On a busy machine trust the processor
milliseconds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import libraries
from benchmarks.libraries import OURS, PEER
from common.errors import EXIT_OK, UserError

RECIPES = ("none", "light", "standard", "heavy")
BATCH = 2
CASES = {
    "examples": (False, False),
    "examples, Fliplr": (True, False),
    "with anchors' targets": (False, True),
    "with anchors' targets, Fliplr": (True, True),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks loader", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path, help="dataset folder, see docs/datasets.md")
    libraries.add_options(parser, rounds=3)
    parser.add_argument("--pictures", type=int, default=12, metavar="N", help="of each turn (default %(default)s)")
    parser.add_argument("--sizes", type=int, nargs=2, default=(800, 1024), metavar=("MIN", "MAX"))
    parser.add_argument("--workers", type=int, nargs="*", default=(1, 2), metavar="N", help="default: 1 2")
    arguments = parser.parse_args(argv)
    with_peer = libraries.check_options(arguments)
    if arguments.pictures < 1 or min(arguments.workers, default=1) < 1:
        raise UserError("--pictures and --workers: at least 1 is needed")
    print(libraries.describe_machine())
    results = _beside(arguments, [PEER, OURS] if with_peer else [OURS])
    results["feeds"] = _feeds(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    return EXIT_OK


class _Folder:
    """Rows of the folder loader in this process."""

    def __init__(self, batches: Any, name: str) -> None:
        self.rows, self.name, self.place = batches.rows, name, 0

    def load(self, count: int) -> dict[str, float]:
        cpu, begin = time.process_time(), time.perf_counter()
        for _ in range(count):
            self.rows.row(0, self.place)
            self.place += 1
        return {"seconds": time.perf_counter() - begin, "cpu": time.process_time() - cpu, "count": count}


def _batches(arguments: argparse.Namespace, recipe: str) -> Any:
    import cv2

    from mrcnn.batches import TrainingBatches
    from mrcnn.config import Config
    from mrcnn.dataset_folder import FolderDataset
    from mrcnn.folder_examples import FolderLoader
    from mrcnn.training import resizing_of, truth_of
    from train.augmentation import find_augmentation

    cv2.setNumThreads(1)
    dataset = FolderDataset(arguments.dataset, "train")
    low, high = arguments.sizes
    config = type("Measured", (Config,), {"IMAGE_MIN_DIM": low, "IMAGE_MAX_DIM": high, "NAME": "measured"})()
    loader = FolderLoader(dataset, resizing_of(config, True), 3, find_augmentation(recipe))
    return TrainingBatches(loader, dataset.ids_with_objects, truth_of(config), BATCH, seed=0)


def _store(arguments: argparse.Namespace, folder: Path) -> tuple[list[str], Path, int]:
    """Write the first pictures' masks so that a program which knows no dataset folder can read them at once."""
    from mrcnn.dataset_folder import FolderDataset

    dataset = FolderDataset(arguments.dataset, "train")
    pictures = []
    arrays: dict[str, Any] = {}
    for number, image_id in enumerate(dataset.ids_with_objects[: arguments.pictures].tolist()):
        masks, class_ids = dataset.load_mask(image_id)
        keys = ("shape", "masks", "class_ids")
        values = (masks.shape, np.packbits(masks), class_ids)
        arrays |= {f"{number}.{key}": np.asarray(value) for key, value in zip(keys, values, strict=True)}
        pictures.append(str(Path(dataset.image_info[image_id]["path"]).resolve()))
    np.savez(folder / "masks.npz", **arrays)
    return pictures, folder / "masks.npz", dataset.num_classes


def _beside(arguments: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    low, high = arguments.sizes
    results = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pictures, masks, classes = _store(arguments, folder)
        settings = {
            "NAME": "measured",
            "NUM_CLASSES": classes,
            "IMAGE_MIN_DIM": low,
            "IMAGE_MAX_DIM": high,
            "USE_MINI_MASK": True,
        }
        opened: list[Any] = [stack.enter_context(libraries.start(name, arguments)) for name in names]
        for library in opened:
            library.ask("open_loader", settings=settings, pictures=pictures, masks=str(masks))
        fast = {recipe: _Folder(_batches(arguments, recipe), f"folder, {recipe}") for recipe in RECIPES}
        for case, (augmented, targets) in CASES.items():
            rows = opened + (list(fast.values()) if targets else [])

            def load(
                one: Any, count: int = len(pictures), augmented: bool = augmented, targets: bool = targets
            ) -> dict[str, float]:
                if isinstance(one, _Folder):
                    return one.load(count)
                answer: dict[str, float] = one.ask(
                    "load_pictures", augmented=augmented, targets=targets, first=0, count=count
                )
                return answer

            for one in rows:
                load(one, 2)
            results[case] = libraries.in_turn(rows, arguments.rounds, load)
            _show(case, results[case])
    return results


def _show(case: str, answers: dict[str, list[dict[str, float]]]) -> None:
    columns = ("images/s", "CPU ms", "x port", "x port, CPU")
    print(f"\n{case}\n{'':18}" + "".join(f"{column:>12}" for column in columns))
    for name, rows in answers.items():
        count = rows[0]["count"]
        ratios = [libraries.shown(libraries.times_faster(answers, name, key)) for key in ("seconds", "cpu")]
        speed, cpu = count / libraries.median(rows, "seconds"), 1000 * libraries.median(rows, "cpu") / count
        label = "ours, same program" if name == OURS else name
        print(f"{label:18}" + "".join(f"{cell:>12}" for cell in (f"{speed:.1f}", f"{cpu:.1f}", *ratios)), flush=True)


def _feeds(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    from benchmarks import feeders

    print(f"\nbatches of {BATCH} as `fit` gets them, standard recipe")
    steps = max(arguments.rounds * arguments.pictures // BATCH, 1)
    return feeders.compare(_batches(arguments, "standard"), tuple(arguments.workers), steps)
