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
    parts, outside = [], []
    for level, here in zip(pyramid.levels, places, strict=True):
        of_level, of_picture = graph.add("Gather", boxes, here), graph.add("Gather", pictures, here)
        last = _last_cells(graph, level)
        sample = _standard if pyramid.standard else _microsoft
        parts.append(sample(graph, level, of_level, of_picture, last, samples))
        outside.append(_ends_outside(graph, of_level, last, samples))
    pooled = _cleared(graph, graph.add("Concat", *parts, axis=0), graph.add("Concat", *outside, axis=0), samples)
    return pooled, graph.add("Concat", *places, axis=0)


def _microsoft(graph: Graph, level: str, boxes: str, pictures: str, last: str, samples: int) -> str:
    pictures = graph.add("Cast", pictures, to=INT32)
    size = np.array([samples, samples], np.int32)
    return graph.add("CropAndResize", level, boxes, pictures, size, domain=MICROSOFT)


def _standard(graph: Graph, level: str, boxes: str, pictures: str, last: str, samples: int) -> str:
    """RoIAlign takes the middle of each bin: the bins are laid so that their middles are the samples."""
    corners = graph.add("Mul", boxes, graph.add("Concat", last, last, axis=0))  # cells
    near, far = graph.split(corners, 2, axis=1)
    half = graph.add("Div", graph.add("Sub", far, near), 2.0 * max(samples - 1, 1))
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


def _last_cells(graph: Graph, level: str) -> str:
    """Return (H - 1, W - 1) float32."""
    size = graph.add("Slice", graph.add("Shape", level), np.array([2]), np.array([4]), np.array([0]))
    return graph.add("Sub", graph.add("Cast", size, to=FLOAT), 1.0)


def _ends_outside(graph: Graph, boxes: str, last: str, samples: int) -> str:
    """Return (n, 2) bool: whether the last sample down and across comes to lie beyond the picture's edge.

    Where a box ends on the edge the last bit decides: step by step as in `roi_align.sample_places`.
    """
    near, far = graph.split(boxes, 2, axis=1)
    step = graph.add("Div", graph.add("Mul", graph.add("Sub", far, near), last), float(max(samples - 1, 1)))
    place = graph.add("Add", graph.add("Mul", near, last), graph.add("Mul", step, float(samples - 1)))
    return graph.add("Greater", place, last)


def _cleared(graph: Graph, pooled: str, outside: str, samples: int) -> str:
    """Make samples outside zero: both operators take them from the edge. Few boxes have any, the others stay as is."""
    amounts = graph.add("Cast", outside, to=FLOAT)
    any_side = graph.add("Greater", graph.add("ReduceSum", amounts, np.array([1]), keepdims=0), 0.0)
    places = graph.add("Transpose", graph.add("NonZero", any_side), perm=[1, 0])  # (k, 1)
    rows, columns = graph.split(graph.add("GatherND", amounts, places), 2, axis=1)
    final = (np.arange(samples) == samples - 1).astype(np.float32)
    few = graph.add("GatherND", pooled, places)
    for part, shape in ((rows, (-1, 1, samples, 1)), (columns, (-1, 1, 1, samples))):
        kept = graph.add("Sub", 1.0, graph.add("Mul", part, final))
        few = graph.add("Mul", few, graph.add("Reshape", kept, np.array(shape)))
    return graph.add("ScatterND", pooled, places, few)
