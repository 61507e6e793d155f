"""The two heads as ONNX nodes, on as many boxes as there are.

Legend: n boxes of all pictures, S samples along a side of a pooled box, D channels of the pyramid, C classes with
background, U width of the fully connected layers; masks have 2S x 2S cells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mrcnn.onnx_export.graph import Graph
from mrcnn.onnx_export.layers import arrays, convolution, folded

Layers = Callable[[str], Any]  # a Keras layer by its name


def box_head(graph: Graph, pooled: str, layer: Layers, num_classes: int) -> tuple[str, str]:
    """Tell the class of every box and correct it; source: `heads.classifier_head`.

    Args:
        graph: to write into.
        pooled: (n, D, S, S).
        layer: the network's layers.
        num_classes: C.

    Returns:
        Probabilities (n, C) and deltas (n, C, 4).
    """
    x = graph.add("Flatten", pooled, axis=1)  # (n, D * S * S)
    for number in (1, 2):
        kernel, bias = folded(layer(f"mrcnn_class_conv{number}"), layer(f"mrcnn_class_bn{number}"))
        # (U, D, S, S) -> (D * S * S, U)
        x = _fully_connected(graph, x, kernel.reshape(len(kernel), -1).T, bias, f"mrcnn_class_conv{number}")
        x = graph.add("Relu", x)
    logits, deltas = (
        _fully_connected(graph, x, arrays(layer(name))["kernel"], arrays(layer(name))["bias"], name)
        for name in ("mrcnn_class_logits", "mrcnn_bbox_fc")
    )
    deltas = graph.add("Reshape", deltas, np.array([-1, num_classes, 4]))
    return graph.add("Softmax", logits, name="probabilities", axis=-1), deltas


def _fully_connected(graph: Graph, x: str, kernel: np.ndarray, bias: np.ndarray, name: str) -> str:
    kernel_name = graph.constant(np.ascontiguousarray(kernel), f"{name}/kernel")
    return graph.add("Gemm", x, kernel_name, graph.constant(bias, f"{name}/bias"), name=name)


def mask_head(graph: Graph, pooled: str, class_ids: str, layer: Layers, samples: int) -> str:
    """Draw the mask of every box for its own class only; source: `heads.mask_head`.

    Args:
        graph: to write into.
        pooled: (n, D, S, S).
        class_ids: (n,) int64.
        layer: the network's layers.
        samples: S.

    Returns:
        (n, 2S, 2S) probabilities.
    """
    x = pooled
    for number in (1, 2, 3, 4):
        x = convolution(graph, x, layer(f"mrcnn_mask_conv{number}"), layer(f"mrcnn_mask_bn{number}"))
        x = graph.add("Relu", x)
    # A transposed 2 x 2 convolution of stride 2 is a 1 x 1 one that gives four cells for each.
    deconv = arrays(layer("mrcnn_mask_deconv"))
    kernel = deconv["kernel"]  # (2, 2, out, in)
    depth = kernel.shape[2]
    kernel_name = graph.constant(np.ascontiguousarray(kernel.reshape(4 * depth, -1, 1, 1)), "mrcnn_mask_deconv/kernel")
    bias_name = graph.constant(np.tile(deconv["bias"], 4), "mrcnn_mask_deconv/bias")
    x = graph.add("Relu", graph.add("Conv", x, kernel_name, bias_name, name="mrcnn_mask_deconv"))
    x = graph.add("Reshape", x, np.array([-1, 4, depth, samples * samples]))
    last = arrays(layer("mrcnn_mask"))
    kernels = graph.constant(np.ascontiguousarray(last["kernel"][0, 0].T), "mrcnn_mask/kernel")  # (C, D)
    own = graph.add("Reshape", graph.add("Gather", kernels, class_ids), np.array([-1, 1, 1, depth]))
    bias = graph.add("Reshape", graph.add("Gather", last["bias"], class_ids), np.array([-1, 1, 1, 1]))
    drawn = graph.add("Sigmoid", graph.add("Add", graph.add("MatMul", own, x), bias))  # (n, 4, 1, S * S)
    cells = graph.add("Reshape", drawn, np.array([-1, 2, 2, samples, samples]))  # (n, row, column, S, S)
    cells = graph.add("Transpose", cells, perm=[0, 3, 1, 4, 2])
    return graph.add("Reshape", cells, np.array([-1, 2 * samples, 2 * samples]))
