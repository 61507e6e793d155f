"""Which ranges the tensors of a network take on pictures of the user's kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from common.detectors import runtime
from mrcnn.onnx_export.quantize import Range

_SEEN = "calibration"


def find_ranges(
    model: onnx.ModelProto, tensors: Sequence[str], pictures: Iterable[Mapping[str, np.ndarray]], threads: int = 0
) -> dict[str, Range]:
    """Run a network and note the lowest and highest value of tensors.

    Args:
        model: as exported.
        tensors: float tensors of it.
        pictures: inputs of the graph, one set a run.
        threads: see `runtime.open_session`.

    Returns:
        Lowest and highest value of each tensor over all pictures.
    """
    session = runtime.open_session(_watched(model, tensors).SerializeToString(), "cpu", threads).session
    lows, highs = [], []
    for inputs in pictures:
        low, high = session.run([_SEEN], dict(inputs))[0].reshape(2, -1)
        lows.append(low)
        highs.append(high)
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
    # Where no box came, nothing was seen: infinities.
    low, high = np.where(low <= high, low, 0), np.where(low <= high, high, 0)
    return {name: (float(low[place]), float(high[place])) for place, name in enumerate(tensors)}


def _watched(model: onnx.ModelProto, tensors: Sequence[str]) -> onnx.ModelProto:
    """Return the model with one output more: the lowest values of tensors, then their highest."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    graph = watched.graph
    graph.initializer.append(numpy_helper.from_array(np.array([1]), f"{_SEEN}/shape"))
    seen = []
    for kind in ("ReduceMin", "ReduceMax"):
        for name in tensors:
            found = f"{_SEEN}/{kind}/{name}"
            graph.node.append(helper.make_node(kind, [name], [found], keepdims=0))
            graph.node.append(helper.make_node("Reshape", [found, f"{_SEEN}/shape"], [f"{found}/row"]))
            seen.append(f"{found}/row")
    graph.node.append(helper.make_node("Concat", seen, [_SEEN], axis=0))
    graph.output.append(helper.make_tensor_value_info(_SEEN, onnx.TensorProto.FLOAT, [len(seen)]))
    return watched
