"""From 32-bit floats to 8-bit integers: pairs of QuantizeLinear and DequantizeLinear round what is to be computed so.

ONNX Runtime joins such a pair with the node between into one that computes in integers. Weights get a scale for each
channel that comes out, activations one for the tensor, from the ranges that were seen on pictures of the user's kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper, numpy_helper

WEIGHTED = ("Conv", "Gemm")  # by far most of the work
BETWEEN = ("Add", "Relu")  # what lies between them in a trunk
KEEPING = ("MaxPool", "Resize")  # numbers come out as they went in
TINY = 1e-8
Range = tuple[float, float]


@dataclass
class Plan:
    """What of a graph is computed in 8 bits.

    Attributes:
        nodes: names of nodes.
        tensors: float tensors whose ranges are needed.
    """

    nodes: list[str] = field(default_factory=list)
    tensors: list[str] = field(default_factory=list)


def plan(model: onnx.ModelProto, leave: Sequence[str] = ()) -> Plan:
    """Choose what is computed in 8 bits: convolutions, fully connected layers, and what lies between them.

    Args:
        model: as exported.
        leave: beginnings of the names of nodes that stay in float.
    """
    arrays = {each.name for each in model.graph.initializer}
    found, reached = Plan(), set()
    for node in model.graph.node:
        weighted = node.op_type in WEIGHTED and node.input[1] in arrays
        inner = node.op_type in (*BETWEEN, *KEEPING) and all(x in reached for x in node.input if x and x not in arrays)
        inner = inner and not (node.op_type == "Add" and any(x in arrays for x in node.input))
        if not (weighted or inner) or node.name.startswith(tuple(leave)):
            continue
        found.nodes.append(node.name)
        reached.update(node.output)
        found.tensors += [*(x for x in node.input if x and x not in arrays), *node.output]
    found.tensors = list(dict.fromkeys(found.tensors))
    return found


def quantize(model: onnx.ModelProto, chosen: Plan, ranges: Mapping[str, Range]) -> onnx.ModelProto:
    """Return the model with the chosen nodes in 8 bits.

    Args:
        model: as exported; is not changed.
        chosen: from `plan`.
        ranges: lowest and highest value of each of `chosen.tensors`.
    """
    return _Quantizer(model, chosen, ranges).run()


class _Quantizer:
    def __init__(self, model: onnx.ModelProto, chosen: Plan, ranges: Mapping[str, Range]) -> None:
        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        self.graph = self.model.graph
        self.chosen, self.ranges = set(chosen.nodes), ranges
        self.arrays = {each.name: each for each in self.graph.initializer}
        self.nodes: list[onnx.NodeProto] = []
        self.scales: dict[str, tuple[np.float32, np.uint8]] = {}  # of tensors that exist in 8 bits
        self.users: dict[str, list[onnx.NodeProto]] = {}
        for node in self.graph.node:
            for name in node.input:
                self.users.setdefault(name, []).append(node)
        for value in self.graph.output:
            self.users.setdefault(value.name, []).append(onnx.NodeProto())
        self.entered: set[str] = set()
        self.joined: set[str] = set()  # rectifiers that an 8-bit range without negative numbers replaces

    def run(self) -> onnx.ModelProto:
        for node in list(self.graph.node):
            if node.name in self.joined:
                continue
            if node.name not in self.chosen:
                self.nodes.append(node)
            elif node.op_type in KEEPING:
                self._keeping(node)
            else:
                self._compute(node)
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        used = {name for node in self.nodes for name in node.input}
        inputs = {each.name for each in self.graph.input}
        kept = [each for each in self.graph.initializer if each.name in used or each.name in inputs]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)
        return self.model

    def _keeping(self, node: onnx.NodeProto) -> None:
        node.input[0] = self._enter(node.input[0])
        self._leave(node, node.output[0], self.scales[node.input[0]])

    def _compute(self, node: onnx.NodeProto) -> None:
        """Write a convolution, fully connected layer or sum; the rectifier behind goes into the range."""
        weighted = node.op_type in WEIGHTED
        given = node.input[:1] if weighted else list(node.input)
        for place, name in enumerate(given):
            node.input[place] = self._enter(name)
        if weighted:
            self._weights(node)
        out = node.output[0]
        users = self.users.get(out, [])
        if len(users) == 1 and users[0].op_type == "Relu":
            self.joined.add(users[0].name)
            out = users[0].output[0]
        self._leave(node, out, _scale(*self.ranges[out]))

    def _enter(self, name: str) -> str:
        """Return the name under which a tensor exists as it comes out of 8 bits."""
        if name in self.scales:
            return name
        entered = f"{name}/8bit"
        if entered not in self.scales:
            self.scales[entered] = _scale(*self.ranges[name])
            self._pair(name, entered, self.scales[entered])
        return entered

    def _leave(self, node: onnx.NodeProto, out: str, scale: tuple[np.float32, np.uint8]) -> None:
        """Let a node's result go through 8 bits, and give what comes out its name."""
        self.nodes.append(node)
        node.output[0] = f"{out}/float"
        self.scales[out] = scale
        self._pair(node.output[0], out, scale)

    def _pair(self, source: str, target: str, scale: tuple[np.float32, np.uint8]) -> None:
        step, zero = (
            self._array(f"{target}/{part}", np.array(value))
            for part, value in zip(("step", "zero"), scale, strict=True)
        )
        self.nodes.append(
            helper.make_node("QuantizeLinear", [source, step, zero], [f"{target}/q"], name=f"{target}/quantize")
        )
        self.nodes.append(
            helper.make_node("DequantizeLinear", [f"{target}/q", step, zero], [target], name=f"{target}/dequantize")
        )

    def _weights(self, node: onnx.NodeProto) -> None:
        """Put kernel and bias into integers: (out, ...) of a convolution, (in, out) of a fully connected layer."""
        kernel = numpy_helper.to_array(self.arrays[node.input[1]])
        axis = 0 if node.op_type == "Conv" else 1
        rest = tuple(each for each in range(kernel.ndim) if each != axis)
        steps = np.maximum(np.abs(kernel).max(axis=rest), TINY).astype(np.float32) / 127
        shape = [-1 if each == axis else 1 for each in range(kernel.ndim)]
        whole = np.clip(np.round(kernel / steps.reshape(shape)), -127, 127).astype(np.int8)
        source, bias_source = node.input[1], node.input[2] if len(node.input) > 2 else None
        node.input[1] = self._dequantized(source, whole, steps, np.zeros(len(steps), np.int8), axis)
        if bias_source:
            # Integers are added to sums of products: their step is the product of the steps.
            bias, steps = numpy_helper.to_array(self.arrays[bias_source]), steps * self.scales[node.input[0]][0]
            limit = 2.0**31 - 1
            whole = np.clip(np.round(bias / steps.astype(np.float64)), -limit, limit).astype(np.int32)
            node.input[2] = self._dequantized(
                f"{node.name}/bias", whole, steps.astype(np.float32), np.zeros(len(steps), np.int32), 0
            )

    def _dequantized(self, name: str, whole: np.ndarray, steps: np.ndarray, zeros: np.ndarray, axis: int) -> str:
        target = f"{name}/{whole.dtype}"
        if target not in self.entered:
            self.entered.add(target)
            inputs = [
                self._array(f"{target}/{part}", array)
                for part, array in zip(("whole", "step", "zero"), (whole, steps, zeros), strict=True)
            ]
            self.nodes.append(
                helper.make_node("DequantizeLinear", inputs, [target], name=f"{target}/dequantize", axis=axis)
            )
        return target

    def _array(self, name: str, array: np.ndarray) -> str:
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name


def _scale(low: float, high: float) -> tuple[np.float32, np.uint8]:
    """Return step and zero point of unsigned 8-bit numbers; zero itself is one of them."""
    low, high = min(low, 0.0), max(high, 0.0)
    step = max((high - low) / 255, TINY)
    return np.float32(step), np.uint8(round(-low / step))
