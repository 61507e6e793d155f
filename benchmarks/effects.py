"""What the effects cost, on the Y, U, V planes and through RGB, and how well they hide.

python -m benchmarks.effects [--seconds 0.4] [--sizes 640x360,1280x720] [--objects 1,5,20]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from fractions import Fraction

import av
import cv2
import numpy as np
import skimage.data
import supervision as sv

from common.detections import FrameObjects, make_detections
from common.detectors import open_detector
from common.detectors.detector import Detector
from common.video.frame import Frame
from infer.effects import EFFECTS, Renderer, open_effect

SIZES = "640x360,1280x720,1920x1080"
SEEN = 0.5  # score from which a detection counts
FACE = 1 / 6  # height of a face, as a share of the picture's


def made_frame(size: tuple[int, int]) -> Frame:
    """A picture of smooth noise as 4:2:0, `size` (height, width)."""
    random = np.random.default_rng(1)
    coarse = random.integers(0, 256, (size[0] // 8, size[1] // 8, 3), np.uint8)
    rgb = np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    picture = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv420p")
    return Frame(0, 0, Fraction(1, 25), 0.0, picture)


def made_objects(size: tuple[int, int], count: int) -> FrameObjects:
    """`count` faces spread over a picture of `size` (height, width)."""
    random = np.random.default_rng(count)
    high, wide = size[0] * FACE, size[0] * FACE * 0.75
    x = random.uniform(0, size[1] - wide, count)
    y = random.uniform(0, size[0] - high, count)
    boxes = np.stack([x, y, x + wide, y + high], axis=1)
    return FrameObjects(0, 0.0, make_detections(boxes, [0.9] * count, [0] * count))


def through_rgb(frame: Frame, renderer: Renderer, objects: FrameObjects) -> av.VideoFrame:
    """The usual way: to RGB, the same effect, back to 4:2:0."""
    pixels = renderer.render_image(frame.picture.to_ndarray(format="rgb24"), objects)
    name = "rgb24" if pixels.shape[2] == 3 else "rgba"
    return av.VideoFrame.from_ndarray(pixels, name).reformat(format="yuv420p")


def interleaved(calls: Sequence[Callable[[], object]], seconds: float) -> list[float]:
    """Median milliseconds of each call, taken in turns so that a busy machine slows all of them alike."""
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    end = time.perf_counter() + seconds * len(calls)
    while time.perf_counter() < end or len(times[0]) < 3:
        for call, taken in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            taken.append((time.perf_counter() - start) * 1000)
    return [float(np.median(taken)) for taken in times]


def cell(name: str, size: tuple[int, int], count: int, seconds: float) -> str:
    """One cell of the table: milliseconds on the planes, through RGB, and the ratio."""
    frame, objects = made_frame(size), made_objects(size, count)
    on_planes, on_rgb = Renderer(open_effect(name)), Renderer(open_effect(name))
    if on_planes.effect.needs_preparation:
        empty = FrameObjects(0, 0.0, make_detections(np.zeros((0, 4)), [], []))
        on_planes.prepare([(frame, empty)])
        return f"{interleaved([lambda: on_planes.render(frame, objects)], seconds)[0]:7.2f} /      - (   - )"
    planes, rgb = interleaved(
        [lambda: on_planes.render(frame, objects), lambda: through_rgb(frame, on_rgb, objects)], seconds / 2
    )
    return f"{planes:7.2f} /{rgb:7.2f} ({rgb / planes:4.1f}x)"


def hiding_rows() -> list[str]:
    """How often a face detector still finds a face where one was covered, at the default and at weaker strengths.

    The face is skimage's astronaut at sizes from far to near. A blot of the right colours may still look like a face
    to a detector; a covered face that is found with certainty has kept too much.
    """
    portrait = skimage.data.astronaut()[:400]
    detector = open_detector("centerface")
    pictures, found = [], []
    for scale in (0.2, 0.3, 0.5, 0.75, 1.0, 1.5):
        picture = np.asarray(cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        detections = detector([picture])[0]
        best = detections[detections.confidence > SEEN] if detections.confidence is not None else detections[:0]
        if isinstance(best, sv.Detections) and len(best):
            pictures.append(picture)
            found.append(best)
    rows = [
        f"faces of {len(pictures)} sizes that CenterFace finds at {SEEN}: still found there when covered (mean score)"
    ]
    for name, entry in EFFECTS.items():
        if not entry.effect.hides == "objects":
            continue
        for strength in (1.0, 0.67, 0.4) if "strength" in entry.options else (None,):
            renderer = Renderer(open_effect(name, strength=strength))
            scores = [_score_inside(detector, renderer, *pair) for pair in zip(pictures, found, strict=True)]
            again = sum(score > SEEN for score in scores)
            label = f"{name} {strength:g}" if strength else name
            warned = "" if renderer.effect.anonymises else "  said to be reversible"
            rows.append(f"{label:18s} {again} of {len(scores)}  ({np.mean(scores):.2f}){warned}")
    return rows


def _score_inside(detector: Detector, renderer: Renderer, picture: np.ndarray, found: sv.Detections) -> float:
    """Best score of a detection whose middle lies in the first face of `found`, after covering."""
    assert found.confidence is not None
    objects = FrameObjects(0, 0.0, make_detections(found.xyxy, found.confidence, [0] * len(found)))
    after = detector([renderer.render_image(picture, objects)])[0]
    x1, y1, x2, y2 = found.xyxy[0]
    middle = (after.xyxy[:, :2] + after.xyxy[:, 2:]) / 2
    inside = (middle[:, 0] > x1) & (middle[:, 0] < x2) & (middle[:, 1] > y1) & (middle[:, 1] < y2)
    return float(after.confidence[inside].max(initial=0)) if after.confidence is not None else 0.0


def kernel_line(seconds: float) -> str:
    """A Gaussian of kernel 161 on a 720p picture against the same on a copy reduced eightfold."""
    picture = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)

    def reduced() -> np.ndarray:
        small = cv2.resize(picture, (160, 90), interpolation=cv2.INTER_AREA)
        return cv2.resize(cv2.GaussianBlur(small, (21, 21), 0), (1280, 720), interpolation=cv2.INTER_LINEAR)

    full, less = interleaved([lambda: cv2.GaussianBlur(picture, (161, 161), 0), reduced], seconds)
    return f"Gaussian, kernel 161 at 1280x720: {full:.0f} ms; on a copy reduced eightfold: {less:.1f} ms"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks effects", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=0.4, help="spent on each cell (default: %(default)s)")
    parser.add_argument("--sizes", default=SIZES, help="widthxheight, comma between (default: %(default)s)")
    parser.add_argument("--objects", default="1,5,20", help="objects in a frame (default: %(default)s)")
    options = parser.parse_args(argv)
    counts = [int(count) for count in options.objects.split(",")]
    sides = [text.split("x") for text in options.sizes.split(",")]
    sizes = [(int(height), int(width)) for width, height in sides]
    print("ms a frame on the planes / through RGB (times faster); faces of 1/6 of the picture's height, 4:2:0")
    print(f"{'effect':12s} {'size':>10s} " + " ".join(f"{f'{count} objects':>24s}" for count in counts))
    for name in EFFECTS:
        for size in sizes:
            cells = [f"{cell(name, size, count, options.seconds):>24s}" for count in counts]
            print(f"{name:12s} {f'{size[1]}x{size[0]}':>10s} " + " ".join(cells), flush=True)
    print(kernel_line(options.seconds))
    print("\n".join(hiding_rows()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
