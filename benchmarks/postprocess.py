"""What the original's names cost around the network: detections to masks of a frame, pictures to training examples.

The masks beside a plain rendering of the original's way (scikit-image for every mask, whole frames stacked on the last
axis), in turn, the quickest of several runs. The masks are blobs, as a network draws them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from skimage import transform

from common import imgaug_numpy2
from common.errors import EXIT_OK
from mrcnn import examples, postprocess
from mrcnn.dataset import Dataset

FRAMES = ((480, 640), (1080, 1920), (3000, 4000))
SIDE, MOLDED = 28, 1024


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks postprocess", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each, default: %(default)s")
    parser.add_argument("--pictures", type=int, default=10, metavar="N", help="JPEGs to load, default: %(default)s")
    given = parser.parse_args(argv)
    print(f"{'frame':>10} {'masks':>6} | {'compact ms':>10} {'MB':>6} | {'full ms':>8} {'MB':>6} | {'original ms':>11}")
    for size in FRAMES:
        for count in (33, 100):
            _unmold(size, count, given.runs)
    print(f"\n{'pictures a second':24} {'plain':>7} {'flip':>7} {'flip+affine+blur':>17}")
    _load(given.pictures, given.runs)
    return EXIT_OK


def found(size: tuple[int, int], count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Make what a network gives for a frame: (K, 6) detections, (K, 28, 28) masks, and the molded picture's window."""
    dice = np.random.default_rng(seed)
    scale = MOLDED / max(size)
    height, width = round(size[0] * scale), round(size[1] * scale)
    top, left = (MOLDED - height) // 2, (MOLDED - width) // 2
    detections = np.zeros((100, 6), np.float32)
    sides = dice.uniform(0.03, 0.3, (count, 2)) * (height, width)
    corners = dice.uniform(0, 1, (count, 2)) * ((height, width) - sides) + (top, left)
    detections[:count, :2] = corners / (MOLDED - 1)
    detections[:count, 2:4] = (corners + sides) / (MOLDED - 1)
    detections[:count, 4], detections[:count, 5] = dice.integers(1, 81, count), 0.9
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    blob = 1 / (1 + np.exp(8 * (y**2 + x**2 - 0.8)))
    masks = np.clip(blob + dice.normal(0, 0.05, (100, SIDE, SIDE)), 0, 1).astype(np.float32)
    return detections, masks, (top, left, top + height, left + width)


def as_original(masks: np.ndarray, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize every mask by scikit-image into a frame of its own, then stack the frames on the last axis."""
    frames = []
    for mask, (top, left, bottom, right) in zip(masks, boxes, strict=True):
        frame = np.zeros(size, bool)
        part = transform.resize(mask, (bottom - top, right - left), order=1, mode="constant", anti_aliasing=False)
        frame[top:bottom, left:right] = part >= postprocess.THRESHOLD
        frames.append(frame)
    return np.stack(frames, axis=-1)


def _unmold(size: tuple[int, int], count: int, runs: int) -> None:
    detections, drawn, window = found(size, count)

    def boxes_and_masks() -> tuple[np.ndarray, np.ndarray]:
        boxes, places = postprocess.boxes_in_picture(detections, window, (MOLDED, MOLDED), size)
        return boxes, drawn[places]

    def compact() -> Any:
        boxes, masks = boxes_and_masks()
        return postprocess.compact_masks(masks, boxes, size)

    def full() -> np.ndarray:
        boxes, masks = boxes_and_masks()
        return postprocess.full_masks(masks, boxes, size)

    def original() -> np.ndarray:
        boxes, masks = boxes_and_masks()
        return as_original(masks, boxes, size)

    ours, bare, theirs = _in_turn((compact, full, original), runs)
    runs_of = compact()
    megabytes = sum(runs_of._rles[place].nbytes for place in range(len(runs_of))) / 1e6
    print(
        f"{size[1]:>5}x{size[0]:<4} {count:>6} | {ours:>10.1f} {megabytes:>6.2f} | "
        f"{bare:>8.1f} {full().nbytes / 1e6:>6.0f} | {theirs:>11.1f}"
    )


def _in_turn(parts: Sequence[Callable[[], Any]], runs: int) -> list[float]:
    """Milliseconds of each part, the quickest of `runs`, one after the other so that all see the same machine."""
    best = [float("inf")] * len(parts)
    for _ in range(runs):
        for place, part in enumerate(parts):
            start = time.perf_counter()
            part()
            best[place] = min(best[place], 1000 * (time.perf_counter() - start))
    return best


class Pictures(Dataset):
    """JPEGs of 640 x 480 with eight ellipses each."""

    def make(self, folder: Path, count: int) -> None:
        """Write the pictures."""
        dice = np.random.default_rng(0)
        for number in range(count):
            noise = dice.integers(0, 256, (60, 80, 3), dtype=np.uint8)
            path = folder / f"{number}.jpg"
            cv2.imwrite(str(path), cv2.resize(noise, (640, 480), interpolation=cv2.INTER_CUBIC))
            places = dice.integers((60, 60, 15, 15), (580, 420, 60, 60), (8, 4))
            self.add_image("made", number, path, places=places)
        self.add_class("made", 1, "thing")
        self.prepare()

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw the ellipses."""
        masks = np.zeros((8, 480, 640), np.uint8)
        for mask, (x, y, wide, high) in zip(masks, self.image_info[image_id]["places"].tolist(), strict=True):
            cv2.ellipse(mask, (x, y), (wide, high), 0, 0, 360, 1, -1)
        return masks.astype(bool).transpose(1, 2, 0), np.ones(8, np.int32)


def _load(count: int, runs: int) -> None:
    iaa = imgaug_numpy2.load().augmenters
    flip = iaa.Fliplr(0.5)
    much = iaa.Sequential([flip, iaa.Affine(rotate=(-10, 10), scale=(0.9, 1.1)), iaa.GaussianBlur((0, 1.0))])
    with tempfile.TemporaryDirectory() as folder:
        data = Pictures()
        data.make(Path(folder), count)
        for side, least in ((256, 256), (1024, 800)):
            for mini in ((56, 56), None):
                resizing = examples.Resizing(min_dim=least, max_dim=side, mini_masks=mini)

                def every(augmentation: Any, resizing: examples.Resizing = resizing) -> Callable[[], None]:
                    def load() -> None:
                        for image_id in data.image_ids:
                            examples.load(data, int(image_id), resizing, augmentation=augmentation)

                    return load

                rates = [1000 * count / taken for taken in _in_turn([every(a) for a in (None, flip, much)], runs)]
                name = f"{side}, {'mini' if mini else 'full'} masks"
                print(f"{name:24} {rates[0]:>7.1f} {rates[1]:>7.1f} {rates[2]:>17.1f}")
