"""Made pictures and objects for tests of planes and effects."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from common.detections import FrameObjects, make_detections
from common.planes import Planes
from common.video.frame import Frame

FORMATS = (
    "yuv420p yuv422p yuv444p yuvj420p yuvj444p yuv411p yuv440p nv12 nv16 p010le yuv420p9le yuv420p10le "
    "yuv422p12le yuv444p16le yuyv422 uyvy422 gray gray10le gray16le ya8 rgb24 bgr24 rgba bgra argb rgb0 rgb48le "
    "gbrp gbrp10le yuva420p"
).split()


def noise_picture(name: str, size: tuple[int, int], seed: int = 0) -> av.VideoFrame:
    """A picture of random samples in a viewable format, `size` (height, width)."""
    picture = av.VideoFrame(size[1], size[0], name)
    planes, random = Planes.of(picture), np.random.default_rng(seed)
    top = (1 << planes.layout.depth) - 1
    views = [*planes.channels] + ([planes.alpha] if planes.alpha is not None else [])
    for view in views:
        view[:] = random.integers(0, top + 1, view.shape) << planes.layout.shift
    return picture


def frame_of(picture: av.VideoFrame, *, rotation: int = 0, index: int = 0, corrupt: str | None = None) -> Frame:
    """Wrap a picture into a frame at 25 a second."""
    return Frame(index, index, Fraction(1, 25), index / 25, picture, corrupt, rotation)


def objects_of(boxes: list[list[float]], *, masks: object = None, index: int = 0, **more: object) -> FrameObjects:
    """Objects of class 0, sure, one track each; `whole` and `origins` may be given."""
    whole = more.pop("whole", None)
    detections = make_detections(
        np.array(boxes, float).reshape(-1, 4),
        [0.9] * len(boxes),
        [0] * len(boxes),
        tracks=list(range(1, len(boxes) + 1)),
        masks=masks,
        **more,
    )
    return FrameObjects(index, index / 25, detections, whole)
