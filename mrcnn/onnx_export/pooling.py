"""RoIAlign over the pyramid as ONNX nodes.

Legend: n boxes of all pictures, S samples along a side, C channels, H and W cells of a level. Boxes are normalised
(y1, x1, y2, x2). As in `roi_align`: one sample a bin, the outermost on the box's edges, zero outside the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrcnn.onnx_export.graph import FLOAT, INT32, MICROSOFT, Graph
from mrcnn.roi_align import CANONICAL, CANONICAL_SIZE, COARSEST, FINEST


@dataclass(frozen=True)
class Pyramid:
    """What boxes are read from.

    Attributes:
        levels: names of P2 ... P5, (B, C, H, W).
        area: name of the number of pixels of the molded picture, float32 scalar.
        standard: only operators of the ONNX standard. Otherwise ONNX Runtime's CropAndResize, which is three times as
            fast on a CPU and does not exist on a GPU.
    """

    levels: Sequence[str]
    area: str
    standard: bool


def by_level(graph: Graph, boxes: str, pyramid: Pyramid) -> list[str]:
    """Return for P2 ... P5 the places (k,) int64 in n of the boxes that are read from it.

    Source: `roi_align.assign_levels`.
    """
    top, left, bottom, right = graph.split(boxes, 4, axis=1)
    areas = graph.add("Mul", graph.add("Sub", bottom, top), graph.add("Sub", right, left))
    side = graph.add("Sqrt", graph.add("Max", areas, 0.0))
    ratio = graph.add("Div", side, graph.add("Div", CANONICAL_SIZE, graph.add("Sqrt", pyramid.area)))
    octaves = graph.add("Div", graph.add("Log", graph.add("Max", ratio, 1e-12)), math.log(2.0))
    level = graph.add("Clip", graph.add("Add", graph.add("Round", octaves), CANONICAL), FINEST, COARSEST)
    flat = graph.add("Reshape", level, np.array([-1]))
    return [
        graph.add("Reshape", graph.add("NonZero", graph.add("Equal", flat, number)), np.array([-1]))
        for number in range(FINEST, COARSEST + 1)
    ]


def crop(graph: Graph, boxes: str, pictures: str, pyramid: Pyramid, samples: int) -> tuple[str, str]:
    """Sample every box on the level that fits its size.

    Args:
        graph: to write into.
        boxes: (n, 4) float32.
        pictures: (n,) int64, of each box.
        pyramid: what is sampled.
        samples: S.

    Returns:
        (n, C, S, S), level after level, and the places (n,) int64 that they have in the boxes.
    """
    places = by_level(graph, boxes, pyramid)
    parts = []
    for level, here in zip(pyramid.levels, places, strict=True):
        of_level, of_picture = graph.add("Gather", boxes, here), graph.add("Gather", pictures, here)
        sample = _standard if pyramid.standard else _microsoft
        parts.append(sample(graph, level, of_level, of_picture, samples))
    return graph.add("Concat", *parts, axis=0), graph.add("Concat", *places, axis=0)


def _microsoft(graph: Graph, level: str, boxes: str, pictures: str, samples: int) -> str:
    pictures = graph.add("Cast", pictures, to=INT32)
    size = np.array([samples, samples], np.int32)
    return graph.add("CropAndResize", level, boxes, pictures, size, domain=MICROSOFT)


def _standard(graph: Graph, level: str, boxes: str, pictures: str, samples: int) -> str:
    """RoIAlign takes the middle of each bin: the bins are laid so that their middles are the samples."""
    size = graph.add(
        "Cast", graph.add("Slice", graph.add("Shape", level), np.array([2]), np.array([4]), np.array([0])), to=FLOAT
    )  # H, W
    last = graph.add("Sub", size, 1.0)
    corners = graph.add("Mul", boxes, graph.add("Concat", last, last, axis=0))  # cells, (y1, x1, y2, x2)
    near, far = graph.split(corners, 2, axis=1)
    half = graph.add("Div", graph.add("Sub", far, near), 2.0 * (samples - 1))
    start = graph.add("Add", graph.add("Sub", near, half), 0.5)
    end = graph.add("Add", graph.add("Add", far, half), 0.5)
    turned = [graph.add("Gather", part, np.array([1, 0]), axis=1) for part in (start, end)]  # (x, y)
    return graph.add(
        "RoiAlign",
        level,
        graph.add("Concat", *turned, axis=1),
        pictures,
        output_height=samples,
        output_width=samples,
        sampling_ratio=1,
        coordinate_transformation_mode="half_pixel",
    )
