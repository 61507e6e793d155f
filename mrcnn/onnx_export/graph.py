"""An ONNX graph in the making: nodes one after the other, arrays as initialisers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

MICROSOFT = "com.microsoft"  # ONNX Runtime's own operators
FLOAT, INT32, INT64 = (int(kind) for kind in (onnx.TensorProto.FLOAT, onnx.TensorProto.INT32, onnx.TensorProto.INT64))
IR_VERSION = 8  # of the file format: what every reader of operator set 16 knows

# A tensor's name, or an array (or number) that becomes an initialiser.
Value = Any


class Graph:
    """Collects nodes; every method returns the names of the tensors that come out.

    Args:
        opset: version of the operator set.

    Attributes:
        opset: as given.
        padded: for the name of a tensor with zeros round it that a convolution is to lay itself: the tensor without
            them, and (top, left, bottom, right) rows of zeros.
        weights: names of the arrays of a layer that is called more than once, by its id.
        folded: tensors whose batch normalisation is in the weights already.
    """

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.padded: dict[str, tuple[str, tuple[int, int, int, int]]] = {}
        self.weights: dict[int, tuple[str, ...]] = {}
        self.folded: set[str] = set()
        self._nodes: list[onnx.NodeProto] = []
        self._arrays: list[onnx.TensorProto] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._names: set[str] = set()
        self._inputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, dtype: Any, shape: Sequence[int | str | None], default: Any = None) -> str:
        """Declare an input.

        Args:
            name: of the input.
            dtype: NumPy's.
            shape: numbers, or names where any size will do.
            default: what is taken where the caller gives nothing.
        """
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        self._names.add(name)
        if default is not None:
            self._arrays.append(numpy_helper.from_array(np.asarray(default, dtype), name))
        return name

    def constant(self, array: Any, name: str = "constant") -> str:
        """Keep an array; equal small ones are kept once."""
        array = np.ascontiguousarray(array) if np.ndim(array) else np.asarray(array)
        key = (array.dtype.str, array.shape, array.tobytes() if array.size <= 64 else b"")
        if array.size <= 64 and key in self._known:
            return self._known[key]
        name = self.unique(name)
        self._arrays.append(numpy_helper.from_array(array, name))
        if array.size <= 64:
            self._known[key] = name
        return name

    def add(self, kind: str, *inputs: Value, name: str | None = None, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node.

        Args:
            kind: operator, e.g. "Conv".
            inputs: names, None for what is left out, arrays; plain numbers are float32.
            name: of the node and its first output; the operator's where left out.
            outputs: how many tensors come out.
            attributes: of the operator; None is left out. `domain` where it is not ONNX's own.

        Returns:
            The name of the tensor that comes out, or a list of names.
        """
        names = [self._named(value) for value in inputs]
        title = self.unique(name or kind.lower())
        results = [title, *(self.unique(f"{title}_{number}") for number in range(1, outputs))]
        given = {key: value for key, value in attributes.items() if value is not None}
        self._nodes.append(helper.make_node(kind, names, results, name=title, **given))
        return results[0] if outputs == 1 else results

    def split(self, x: str, parts: int, axis: int) -> list[str]:
        """Cut a tensor into equal parts."""
        said: dict[str, Any] = {"num_outputs": parts} if self.opset >= 18 else {}
        names: list[str] = self.add("Split", x, outputs=parts, axis=axis, **said)
        return names

    def rename(self, tensor: str, name: str) -> str:
        """Give a tensor a name that callers see."""
        self._nodes.append(helper.make_node("Identity", [tensor], [name], name=name))
        return name

    def model(self, outputs: Sequence[tuple[str, Sequence[int | str]]], metadata: dict[str, str]) -> onnx.ModelProto:
        """Finish.

        Args:
            outputs: names of float32 tensors and their shapes.
            metadata: texts to store in the file.
        """
        given = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in outputs]
        graph = helper.make_graph(self._nodes, "mask_rcnn", self._inputs, given, self._arrays)
        sets = [helper.make_opsetid("", self.opset)]
        if any(node.domain == MICROSOFT for node in self._nodes):
            sets.append(helper.make_opsetid(MICROSOFT, 1))
        model = helper.make_model(graph, opset_imports=sets, ir_version=IR_VERSION)
        helper.set_model_props(model, metadata)
        return model

    def _named(self, value: Value) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if isinstance(value, float | int):
            value = np.float32(value)
        return self.constant(value)

    def unique(self, name: str) -> str:
        """Return a name that no tensor has, and keep it."""
        unique, number = name, 0
        while unique in self._names:
            number += 1
            unique = f"{name}_{number}"
        self._names.add(unique)
        return unique
