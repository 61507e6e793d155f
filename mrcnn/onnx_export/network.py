"""The assembler: a Keras network with its weights in, one ONNX graph from pictures to detections and masks out.

Legend: B batch, H and W pixels of the molded picture, K detections, n boxes of all pictures, M side of a mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import onnx

from mrcnn.network import Architecture, Selection
from mrcnn.onnx_export.graph import FLOAT, Graph
from mrcnn.onnx_export.heads import box_head, mask_head
from mrcnn.onnx_export.layers import folded, padding
from mrcnn.onnx_export.pooling import Pyramid, crop
from mrcnn.onnx_export.selection import (
    AnchorNumbers,
    Heads,
    Limits,
    ProposalNumbers,
    detections,
    proposals,
)
from mrcnn.onnx_export.walk import Walk
from mrcnn.onnx_names import (
    DETECTIONS,
    IMAGES,
    MASKS,
    MIN_CONFIDENCE,
    NMS_THRESHOLD,
    WINDOWS,
)

LEVELS = ("fpn_p2", "fpn_p3", "fpn_p4", "fpn_p5", "fpn_p6")
OPSET = 17  # the first with LayerNormalization; every ONNX Runtime since 1.12 knows it
WHOLE = np.array([[0.0, 0.0, 1.0, 1.0]], np.float32)


def to_onnx(
    model: keras.Model,
    architecture: Architecture,
    selection: Selection,
    anchors: AnchorNumbers,
    opset: int = OPSET,
    standard: bool = False,
    metadata: dict[str, str] | None = None,
) -> onnx.ModelProto:
    """Write a network as ONNX.

    Inputs of the graph: `images` (B, H, W, channels) float32 RGB from 0 to 255, H and W multiples of 64, the mean not
    subtracted; and, where one likes, `windows` (B, 4) the part of each that is not padding, `min_confidence` and
    `nms_threshold`. Outputs: `detections` (B, K, 6) (y1, x1, y2, x2, class, score), highest score first, then zeros;
    `masks` (B, K, M, M) probabilities of each one's own class. Boxes are normalised as in `boxes.normalize`.

    Args:
        model: from `network.inference_model`, with its weights.
        architecture: that it was built with.
        selection: that it was built with; score and overlap are the defaults of the inputs of these names.
        anchors: where they lie.
        opset: version of the operator set, 17 or more.
        standard: only operators of the ONNX standard, see `pooling.Pyramid`.
        metadata: texts to store in the file.

    Raises:
        UserError: the backbone has a layer that cannot be written.
    """
    graph = Graph(opset)
    images = graph.input(IMAGES, np.float32, ["batch", "height", "width", architecture.image_channels])
    windows = graph.input(WINDOWS, np.float32, ["windows", 4], WHOLE)
    min_confidence = graph.input(MIN_CONFIDENCE, np.float32, [], np.float32(selection.min_confidence))
    nms_threshold = graph.input(NMS_THRESHOLD, np.float32, [], np.float32(selection.nms_threshold))
    batch, height, width, _ = graph.split(graph.add("Shape", images), 4, axis=0)
    size = graph.add("Cast", graph.add("Concat", height, width, axis=0), to=FLOAT)
    mean = np.array(architecture.mean_pixel, np.float32).reshape(1, -1, 1, 1)
    pixels = graph.add("Sub", graph.add("Transpose", images, perm=[0, 3, 1, 2]), mean, name="pixels")
    levels = Walk(graph, model, {"input_image": pixels}).names([model.get_layer(name).output for name in LEVELS])
    anchored = [_rpn(graph, level, model.get_layer("rpn_model")) for level in levels]
    rois, pictures = proposals(
        graph,
        anchored,
        size,
        anchors,
        ProposalNumbers(
            selection.pre_nms_limit, selection.proposal_count, selection.rpn_nms_threshold, selection.rpn_std_dev
        ),
    )
    area = graph.add("ReduceProd", size, keepdims=0)
    pyramid = Pyramid(levels[:4], area, standard)
    pooled, order = crop(graph, rois, pictures, pyramid, architecture.pool_size)
    probabilities, deltas = box_head(graph, pooled, model.get_layer, architecture.num_classes)
    limits = Limits(
        graph.add("Expand", windows, graph.add("Concat", batch, np.array([4]), axis=0)),
        min_confidence,
        nms_threshold,
        batch,
        selection.max_instances,
        architecture.num_classes,
        selection.std_dev,
    )
    heads = Heads(graph.add("Gather", rois, order), graph.add("Gather", pictures, order), probabilities, deltas)
    found = detections(graph, heads, limits)
    masks = _masks(graph, found, pyramid, model, architecture.mask_pool_size)
    kept, side = selection.max_instances, 2 * architecture.mask_pool_size
    graph.rename(_sound(graph, found, (*anchored, probabilities, deltas)), DETECTIONS)
    graph.rename(masks, MASKS)
    outputs: Sequence[Any] = [(DETECTIONS, ["batch", kept, 6]), (MASKS, ["batch", kept, side, side])]
    return graph.model(outputs, metadata or {})


def _sound(graph: Graph, found: str, parts: Sequence[str]) -> str:
    """Detections that are NaN where any of the parts is no number: that must not pass for "nothing found"."""
    total = graph.add("Sum", *(graph.add("ReduceSum", each, keepdims=0) for each in parts))
    return graph.add("Add", found, graph.add("Sub", total, total))  # 0 for numbers, NaN for the rest


def _rpn(graph: Graph, level: str, rpn: keras.Model) -> str:
    """(B, D, H, W) -> (B, 6 * R, H, W): logits and deltas of the anchors; one convolution gives both."""
    shared, logits, deltas = (rpn.get_layer(name) for name in ("rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"))
    if id(logits) not in graph.weights:
        for layer, parts in ((shared, (shared,)), (logits, (logits, deltas))):
            kernels, biases = zip(*(folded(part) for part in parts), strict=True)
            graph.weights[id(layer)] = (
                graph.constant(np.concatenate(kernels), f"{layer.name}/kernel"),
                graph.constant(np.concatenate(biases), f"{layer.name}/bias"),
            )
    x = graph.add(
        "Conv",
        level,
        *graph.weights[id(shared)],
        name=shared.name,
        strides=list(shared.strides),
        **padding(shared, shared.kernel_size),
    )
    return graph.add("Conv", graph.add("Relu", x), *graph.weights[id(logits)], name="rpn_class_and_bbox")


def _masks(graph: Graph, found: str, pyramid: Pyramid, model: keras.Model, samples: int) -> str:
    """(B, K, 6) detections -> (B, K, M, M): drawn where there is one, zeros elsewhere."""
    scores = graph.add("Gather", found, np.array(5), axis=2)
    real = graph.add("Transpose", graph.add("NonZero", scores), perm=[1, 0])  # (n, 2) picture, place
    rows = graph.add("GatherND", found, real)
    boxes = graph.add("Slice", rows, np.array([0]), np.array([4]), np.array([1]))
    pictures = graph.add("Gather", real, np.array(0), axis=1)
    pooled, order = crop(graph, boxes, pictures, pyramid, samples)
    class_ids = graph.add("Cast", graph.add("Gather", graph.add("Gather", rows, np.array(4), axis=1), order), to=7)
    drawn = mask_head(graph, pooled, class_ids, model.get_layer, samples)
    side = np.array([2 * samples, 2 * samples])
    shape = graph.add("Concat", graph.add("Shape", scores), side, axis=0)
    return graph.add("ScatterND", graph.add("Expand", 0.0, shape), graph.add("Gather", real, order), drawn)
