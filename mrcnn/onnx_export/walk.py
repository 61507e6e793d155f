"""From a functional Keras network to ONNX nodes, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from common.errors import UserError
from mrcnn.onnx_export.graph import Graph
from mrcnn.onnx_export.layers import CONVERSIONS, Call

Key = tuple[int, int, int]


class Walk:
    """Writes what leads from the inputs of a network to some of its tensors.

    Keras holds (B, H, W, C), the graph (B, C, H, W); what is (B, C) in Keras is (B, C, 1, 1) in the graph.

    Args:
        graph: to write into.
        model: the network, with its weights.
        given: name in the graph of each input that is needed.
    """

    def __init__(self, graph: Graph, model: keras.Model, given: dict[str, str]) -> None:
        self.graph = graph
        self._names = {_key(tensor): given[tensor.name] for tensor in model.inputs if tensor.name in given}

    def names(self, tensors: Sequence[Any]) -> list[str]:
        """Write what leads to Keras tensors and return their names in the graph."""
        order = self._order(tensors)
        users: dict[Key, list[Any]] = {_key(tensor): [None] for tensor in tensors}  # None: the caller uses it
        for tensor in order:
            for source in _node(tensor)[1]:
                users.setdefault(_key(source), []).append(_node(tensor)[0])
        for tensor in order:
            layer, sources, arguments = _node(tensor)
            used_by = users[_key(tensor)]
            call = Call(
                graph=self.graph,
                layer=layer,
                inputs=[self._names[_key(source)] for source in sources],
                sources=sources,
                arguments=keras.tree.flatten((arguments.args, arguments.kwargs)),
                only_user=used_by[0] if len(used_by) == 1 else None,
            )
            self._names[_key(tensor)] = _convert(call)
        return [self._names[_key(tensor)] for tensor in tensors]

    def _order(self, tensors: Sequence[Any]) -> list[Any]:
        """Return the tensors on the way, sources before what is made of them."""
        found: dict[Key, Any] = {}
        waiting = list(reversed(tensors))
        while waiting:  # no recursion: a trunk is hundreds of layers deep
            top = waiting[-1]
            if _key(top) in found or _key(top) in self._names:
                waiting.pop()
                continue
            missing = [each for each in _node(top)[1] if _key(each) not in found and _key(each) not in self._names]
            waiting.extend(reversed(missing))
            if not missing:
                found[_key(top)] = waiting.pop()
        return list(found.values())


def _convert(call: Call) -> str:
    for kind in type(call.layer).__mro__:
        if kind.__name__ in CONVERSIONS:
            return CONVERSIONS[kind.__name__](call)
    raise UserError(
        f"layer {call.layer.name!r} of kind {type(call.layer).__name__} cannot be written as ONNX; "
        f"known kinds: {', '.join(sorted(CONVERSIONS))}"
    )


def _key(tensor: Any) -> Key:
    history = tensor._keras_history
    return id(history.operation), history.node_index, history.tensor_index


def _node(tensor: Any) -> tuple[Any, list[Any], Any]:
    """Return the layer that made a tensor, what went in, and the arguments of the call."""
    history = tensor._keras_history
    node = history.operation._inbound_nodes[history.node_index]
    return history.operation, list(node.input_tensors), node.arguments
