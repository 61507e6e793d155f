"""What two models cost when what they have in common runs once a picture, beside each by itself.

The second model has the first one's weights up to a point, and from there on its own: behind the proposals when only
the heads were trained; behind C5 when pyramid and region proposals were trained too (`layers="heads"` of the original).
Both ways take turns on the same pictures. Weights are made: the time does not depend on what they know.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from common.errors import EXIT_OK

if TYPE_CHECKING:
    import keras

COMMON = {  # what the second model has from the first: beginnings of layer names
    "the proposals": ("conv1", "bn_conv1", "res", "bn", "fpn_", "rpn_"),
    "P6": ("conv1", "bn_conv1", "res", "bn", "fpn_"),
    "C5": ("conv1", "bn_conv1", "res", "bn"),
}
CLASSES = (81, 4)
FOUND = 10  # objects a model finds in a picture, about


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks shared_trunk", description=__doc__)
    parser.add_argument("--backbone", default="resnet50", help="default: %(default)s")
    parser.add_argument("--size", type=int, default=256, metavar="PX", help="side of the square; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="turns each; default: %(default)s")
    flags = parser.parse_args(argv)
    from mrcnn.inference import TwoSteps
    from mrcnn.shared_trunk import share

    print(f"{flags.backbone} at {flags.size}, {CLASSES[0]} and {CLASSES[1]} classes, median of {flags.rounds} turns")
    print(f"{'common up to':14} {'layers':>9} {'apart ms':>9} {'shared ms':>10} {'ratio':>6} {'deviation':>10}")
    for label, beginnings in COMMON.items():
        models = [_model(flags.backbone, classes, seed) for seed, classes in enumerate(CLASSES)]
        _copy(models[0], models[1], beginnings)
        asked = [_question(classes, flags.size) for classes in CLASSES]
        for model, question in zip(models, asked, strict=True):
            _tune(model, question)
        apart, shared = ([TwoSteps(model) for model in models] for _ in range(2))
        trunk = share(shared)
        if trunk is None:
            raise RuntimeError("the models share nothing, though one was made from the other")
        answers = [[engine(*question) for engine, question in zip(way, asked, strict=True)] for way in (apart, shared)]
        walls = _turns([apart, shared], asked, flags.rounds)
        deviation = max(
            float(np.abs(one - other).max(initial=0))
            for first, second in zip(*answers, strict=True)
            for one, other in zip(first, second, strict=True)
        )
        first, second = (1000 * statistics.median(each) for each in walls)
        layers = f"{len(trunk.layers)}/{trunk.weighted}"
        print(f"{label:14} {layers:>9} {first:9.0f} {second:10.0f} {first / second:6.2f} {deviation:10.1e}")
        print(f"{'':14} {' and '.join(str(_count(answer)) for answer in answers[0])} objects found", file=sys.stderr)
    return EXIT_OK


def _turns(ways: Sequence[Sequence[Any]], asked: Sequence[list[np.ndarray]], rounds: int) -> list[list[float]]:
    """Time both ways in turn, each on a picture of its own every time."""
    walls: list[list[float]] = [[] for _ in ways]
    for turn in range(rounds):
        for way, times in zip(ways, walls, strict=True):
            questions = [[question[0] + np.float32(turn), *question[1:]] for question in asked]
            begin = time.perf_counter()
            for engine, question in zip(way, questions, strict=True):
                engine(*question)
            times.append(time.perf_counter() - begin)
    return walls


def _model(backbone: str, classes: int, seed: int) -> keras.Model:
    import keras

    from mrcnn import network

    keras.utils.set_random_seed(seed)
    return network.inference_model(
        network.Architecture(num_classes=classes, backbone=backbone), network.Selection(min_confidence=0.0)
    )


def _copy(source: keras.Model, target: keras.Model, beginnings: tuple[str, ...]) -> None:
    for layer in target.layers:
        if layer.name.startswith(beginnings):
            layer.set_weights(source.get_layer(layer.name).get_weights())


def _tune(model: keras.Model, question: list[np.ndarray]) -> None:
    """Set the lowest score so that about as many objects are found as in a usual picture."""
    scores = np.sort(np.asarray(model.predict_on_batch(question)[0])[0, :, 5])[::-1]
    model.get_layer("mrcnn_detection").min_confidence = float(scores[min(FOUND, len(scores) - 1)])


def _question(classes: int, side: int) -> list[np.ndarray]:
    """Return a photograph, its row of meta and the anchors."""
    import cv2
    from skimage import data

    from mrcnn import anchors, image_meta

    photo = cv2.resize(data.astronaut(), (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) - 115
    row = image_meta.compose(0, (side, side, 3), (side, side, 3), (0, 0, side, side), 1.0, [0] * classes)
    laid = anchors.normalized_anchors((side, side), (32, 64, 128, 256, 512), (0.5, 1, 2), (4, 8, 16, 32, 64))
    return [photo[None], row[None].astype(np.float32), laid[None].astype(np.float32)]


def _count(answer: tuple[np.ndarray, np.ndarray]) -> int:
    return int((answer[0][..., 4] > 0).sum())
