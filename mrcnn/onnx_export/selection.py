"""Anchors, proposals and detections as ONNX nodes.

Legend: B batch, A anchors, N the best of them, R ratios, L levels, n proposals of all pictures, C classes with
background, K detections. Boxes are normalised (y1, x1, y2, x2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrcnn.onnx_export.graph import FLOAT, INT64, Graph


@dataclass(frozen=True)
class AnchorNumbers:
    """Where anchors lie, see `anchors.normalized_anchors`."""

    scales: tuple[float, ...]
    ratios: tuple[float, ...]
    strides: tuple[int, ...]
    anchor_stride: int


def columns(graph: Graph, boxes: str, axis: int) -> list[str]:
    """Take (..., 4) apart into four (..., 1)."""
    return graph.split(boxes, 4, axis)


def apply_deltas(graph: Graph, boxes: str, deltas: str, axis: int) -> str:
    """Move and stretch boxes; source: `boxes.apply_deltas`."""
    top, left, bottom, right = columns(graph, boxes, axis)
    shift_y, shift_x, log_height, log_width = columns(graph, deltas, axis)
    corners = []
    for near, far, shift, log in ((top, bottom, shift_y, log_height), (left, right, shift_x, log_width)):
        extent = graph.add("Sub", far, near)
        centre = graph.add(
            "Add", graph.add("Add", near, graph.add("Mul", extent, 0.5)), graph.add("Mul", shift, extent)
        )
        extent = graph.add("Mul", extent, graph.add("Exp", log))
        start = graph.add("Sub", centre, graph.add("Mul", extent, 0.5))
        corners.append((start, graph.add("Add", start, extent)))
    (top, bottom), (left, right) = corners
    return graph.add("Concat", top, left, bottom, right, axis=axis)


def anchors_at(graph: Graph, places: str, maps: Sequence[str], size: str, numbers: AnchorNumbers) -> str:
    """Compute anchors from their places in the list of all, so that the list itself is never made.

    Args:
        graph: to write into.
        places: (B, N) int64.
        maps: of each level, (B, any, H, W); one place for anchors a cell.
        size: (2,) float32 height and width of the molded picture.
        numbers: where they lie.

    Returns:
        (B, N, 4) float32.
    """
    ratios = len(numbers.ratios)
    shapes = [graph.add("Shape", each) for each in maps]
    widths = graph.add("Concat", *(graph.add("Slice", each, *ints([3], [4], [0])) for each in shapes), axis=0)
    cells = [graph.add("ReduceProd", graph.add("Slice", each, *ints([2], [4], [0])), keepdims=1) for each in shapes]
    counts = graph.add("Mul", graph.add("Concat", *cells, axis=0), np.array(ratios))
    starts = graph.add("CumSum", counts, np.array(0), exclusive=1)
    later = graph.add("Slice", starts, *ints([1], [len(maps)], [0]))
    beyond = graph.add("GreaterOrEqual", graph.add("Unsqueeze", places, np.array([-1])), later)  # (B, N, L - 1)
    level = graph.add("ReduceSum", graph.add("Cast", beyond, to=INT64), np.array([-1]), keepdims=0)
    local = graph.add("Sub", places, graph.add("Gather", starts, level))
    cell, ratio = graph.add("Div", local, np.array(ratios)), graph.add("Mod", local, np.array(ratios))
    width = graph.add("Gather", widths, level)
    row, column = graph.add("Div", cell, width), graph.add("Mod", cell, width)
    step = graph.add("Gather", np.array(numbers.strides, np.float32) * numbers.anchor_stride, level)
    roots = np.sqrt(np.array(numbers.ratios, float))
    halves = np.array(numbers.scales, float)[:, None] / 2
    kind = graph.add("Add", graph.add("Mul", level, np.array(ratios)), ratio)
    last = graph.add("Sub", size, 1.0)
    corners = []
    for place, half, axis in ((row, halves / roots, 0), (column, halves * roots, 1)):
        centre = graph.add("Mul", graph.add("Cast", place, to=FLOAT), step)
        extent = graph.add("Gather", half.astype(np.float32).ravel(), kind)
        whole = graph.add("Gather", last, np.array(axis))
        start = graph.add("Div", graph.add("Sub", centre, extent), whole)
        end = graph.add("Div", graph.add("Sub", graph.add("Add", centre, extent), 1.0), whole)
        corners.append([graph.add("Unsqueeze", each, np.array([-1])) for each in (start, end)])
    (top, bottom), (left, right) = corners
    return graph.add("Concat", top, left, bottom, right, axis=-1)


def ints(*values: Sequence[int]) -> tuple[np.ndarray, ...]:
    """Return int64 arrays."""
    return tuple(np.array(value, np.int64) for value in values)


@dataclass(frozen=True)
class ProposalNumbers:
    """See `network.Selection`."""

    pre_nms_limit: int
    count: int
    nms_threshold: float
    std_dev: tuple[float, ...]


def proposals(
    graph: Graph, maps: Sequence[str], size: str, anchors: AnchorNumbers, numbers: ProposalNumbers
) -> tuple[str, str]:
    """Keep the best boxes that do not overlap too much; source: `proposals.ProposalLayer`.

    Args:
        graph: to write into.
        maps: of each level, (B, 6 * R, H, W): of each anchor two logits, then of each anchor four deltas.
        size: (2,) float32 height and width of the molded picture.
        anchors: where they lie.
        numbers: which stay.

    Returns:
        Boxes (n, 4) and their pictures (n,) int64: no more than there are, no padding.
    """
    ratios = len(anchors.ratios)
    rows = []
    for each in maps:
        cells_last = graph.add("Transpose", each, perm=[0, 2, 3, 1])
        rows.append(graph.add("Reshape", cells_last, np.array([0, -1, 6 * ratios])))
    joined = graph.add("Concat", *rows, axis=1)  # (B, cells, 6 * R)
    logits = graph.add("Slice", joined, *ints([0], [2 * ratios], [2]))
    deltas = graph.add("Slice", joined, *ints([2 * ratios], [6 * ratios], [2]))
    probabilities = graph.add("Softmax", graph.add("Reshape", logits, np.array([0, -1, 2])), axis=-1)
    scores = graph.add("Gather", probabilities, np.array(1), axis=2)  # (B, A)
    count = graph.add("Slice", graph.add("Shape", scores), *ints([1], [2], [0]))
    limit = graph.add("Min", count, np.array([numbers.pre_nms_limit]))
    _, places = graph.add("TopK", scores, limit, name="best_anchors", outputs=2, axis=1)
    deltas = graph.add("Reshape", deltas, np.array([0, -1, 4]))
    chosen = graph.add("GatherND", deltas, graph.add("Unsqueeze", places, np.array([-1])), batch_dims=1)
    chosen = graph.add("Mul", chosen, np.array(numbers.std_dev, np.float32))
    boxes = apply_deltas(graph, anchors_at(graph, places, maps, size, anchors), chosen, axis=2)
    boxes = graph.add("Clip", boxes, 0.0, 1.0)
    # Places in the ranking instead of scores: of equal scores the first stays.
    ranks = graph.add("Range", np.array(0), graph.add("Squeeze", limit), np.array(1))
    ranks = graph.add("Expand", graph.add("Neg", graph.add("Cast", ranks, to=FLOAT)), batched(graph, places))
    kept = graph.add(
        "NonMaxSuppression", boxes, ranks, np.array([numbers.count]), np.float32(numbers.nms_threshold).reshape(1),
        name="proposals",
    )  # fmt: skip
    picture, place = graph.add("Gather", kept, np.array(0), axis=1), graph.add("Gather", kept, np.array([0, 2]), axis=1)
    return graph.add("GatherND", boxes, place), picture


def batched(graph: Graph, rows: str) -> str:
    """Return the shape (B, 1, N) as int64 for (B, N)."""
    batch, count = graph.split(graph.add("Shape", rows), 2, axis=0)
    return graph.add("Concat", batch, np.array([1]), count, axis=0)


@dataclass(frozen=True)
class Heads:
    """The heads' answer and where it belongs: names of tensors.

    Attributes:
        rois: (n, 4).
        pictures: (n,) int64.
        probabilities: (n, C).
        deltas: (n, C, 4).
    """

    rois: str
    pictures: str
    probabilities: str
    deltas: str


@dataclass(frozen=True)
class Limits:
    """What may be changed from run to run, names of tensors; and what may not.

    Attributes:
        windows: (B, 4) normalised.
        min_confidence: scalar.
        nms_threshold: scalar.
        batch: (1,) int64.
        max_instances: K.
        num_classes: C.
        std_dev: four.
    """

    windows: str
    min_confidence: str
    nms_threshold: str
    batch: str
    max_instances: int
    num_classes: int
    std_dev: tuple[float, ...]


def detections(graph: Graph, heads: Heads, limits: Limits) -> str:
    """Name, correct, cut and thin out the proposals; source: `detections.refine`.

    Returns:
        (B, K, 6) float32 (y1, x1, y2, x2, class, score), highest score first, then rows of zeros.
    """
    found = graph.add("ArgMax", heads.probabilities, axis=1, keepdims=0)
    at_found = graph.add("Unsqueeze", found, np.array([-1]))
    scores = graph.add("GatherND", heads.probabilities, at_found, batch_dims=1)
    sure = graph.add("GreaterOrEqual", scores, limits.min_confidence)
    usable = graph.add("And", graph.add("Greater", found, np.array(0)), sure)
    usable = graph.add("Reshape", graph.add("NonZero", usable), np.array([-1]))  # places in n: u of them
    rois, pictures, found, scores, deltas = (
        graph.add("Gather", each, usable) for each in (heads.rois, heads.pictures, found, scores, heads.deltas)
    )
    chosen = graph.add("GatherND", deltas, graph.add("Unsqueeze", found, np.array([-1])), batch_dims=1)
    chosen = graph.add("Mul", chosen, np.array(limits.std_dev, np.float32))
    boxes = apply_deltas(graph, rois, chosen, axis=1)
    window = graph.add("Gather", limits.windows, pictures)  # (u, 4)
    near, far = graph.split(window, 2, axis=1)
    boxes = graph.add("Max", graph.add("Min", boxes, graph.add("Concat", far, far, axis=1)),
                      graph.add("Concat", near, near, axis=1))  # fmt: skip
    # A group is a class of a picture; each is thinned out on its own.
    groups = graph.add("Add", graph.add("Mul", pictures, np.array(limits.num_classes)), found)
    number = graph.add("Squeeze", graph.add("Mul", limits.batch, np.array([limits.num_classes])))
    numbers = graph.add("Unsqueeze", graph.add("Range", np.array(0), number, np.array(1)), np.array([1]))
    table = graph.add("Where", graph.add("Equal", groups, numbers), scores, -1.0)  # (B * C, u)
    kept = graph.add(
        "NonMaxSuppression",
        graph.add("Unsqueeze", boxes, np.array([0])),
        graph.add("Unsqueeze", table, np.array([0])),
        np.array([limits.max_instances]),
        limits.nms_threshold,
        np.zeros(1, np.float32),
        name="detections_kept",
    )
    places = graph.add("Gather", kept, np.array(2), axis=1)
    stays = graph.add("ScatterElements", graph.add("Mul", scores, 0.0), places, graph.add("Gather", scores, places))
    batches = graph.add("Range", np.array(0), graph.add("Squeeze", limits.batch), np.array(1))
    own = graph.add("Equal", pictures, graph.add("Unsqueeze", batches, np.array([1])))
    ranking = graph.add("Where", own, stays, 0.0)  # (B, u)
    # Filled up with K zeros, so that there are K to take.
    filler = graph.add("Expand", 0.0, graph.add("Concat", limits.batch, np.array([limits.max_instances]), axis=0))
    ranking = graph.add("Concat", ranking, filler, axis=1)
    best, places = graph.add("TopK", ranking, np.array([limits.max_instances]), outputs=2, axis=1)
    class_column = graph.add("Unsqueeze", graph.add("Cast", found, to=FLOAT), np.array([1]))
    rows = graph.add("Concat", boxes, class_column, graph.add("Unsqueeze", scores, np.array([1])), axis=1)  # (u, 6)
    rows = graph.add("Concat", rows, np.zeros((limits.max_instances, 6), np.float32), axis=0)
    real = graph.add("Cast", graph.add("Greater", best, 0.0), to=FLOAT)
    return graph.add("Mul", graph.add("Gather", rows, places), graph.add("Unsqueeze", real, np.array([-1])))
