"""Two heads on one trunk: what several networks compute alike is computed once a picture.

What is alike is read off the networks themselves. Every tensor of a network gets a digest of all that went into it: the
kind and settings of its layer, the layer's weights, and the digests of the layer's inputs. Tensors of two networks with
equal digests hold equal numbers, whatever the layers are called; where the digests part, the heads begin. With heads
trained on a frozen trunk that is behind the proposals, with `layers="heads"` of the original, which trains pyramid and
region proposals too, behind C5.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from mrcnn.compiled import Compiled
from mrcnn.detections import DetectionLayer
from mrcnn.image_meta import FIXED_LENGTH, MetaFields
from mrcnn.inference import LEVELS, TwoSteps

# What of a layer's settings makes no difference to what it computes at inference.
_WITHOUT_EFFECT = ("name", "trainable", "seed", "momentum", "train_statistics")
_WITHOUT_EFFECT_ENDINGS = ("_initializer", "_regularizer", "_constraint")
# The furthest of these that is common names how much is; a label, and the layer whose output it is.
_MILESTONES = (("the proposals", "ROI"), ("the RPN", "rpn_class"), ("P6", "fpn_p6"))


def share(engines: Sequence[TwoSteps]) -> SharedTrunk | None:
    """Let engines compute once what they have in common; their answers stay what they are.

    Args:
        engines: two or more. Their `find` is replaced.

    Returns:
        What they share; None where no layer with weights is common to all, and nothing was changed.
    """
    trunk = SharedTrunk([engine.model for engine in engines])
    if not trunk.layers:
        return None
    for engine in engines:
        engine.find = OnTrunk(engine.model, trunk)
    return trunk


class SharedTrunk:
    """The common part of several networks of `network.inference_model`.

    It remembers its last answer: whoever asks next about the same picture gets it without a computation.

    Args:
        models: with their weights; these must not change any more.

    Attributes:
        layers: names of the common layers with weights, as the first model calls them.
        weighted: how many layers with weights the first model has in the part that finds.
        reach: how far the common part goes, in words.
        runs: how often it was computed.
    """

    def __init__(self, models: Sequence[keras.Model]) -> None:
        graphs = [_Graph(model) for model in models]
        self._common = set.intersection(*({digest for digest, _ in graph.tensors()} for graph in graphs))
        first = graphs[0]
        own = {digest: tensor for digest, tensor in first.tensors() if digest in self._common}
        wanted = [digest for graph in graphs for digest in graph.border(self._common)]
        self._digests = list(dict.fromkeys(wanted))
        self.layers = first.weighted_layers(self._common)
        self.weighted = len(first.weighted_layers(None))
        self.reach = self._reach(models[0], first)
        self.runs = 0
        self._classes = models[0].inputs[1].shape[1] - FIXED_LENGTH
        self._compiled = Compiled(keras.Model(models[0].inputs, [own[digest] for digest in self._digests]))
        self._last: tuple[tuple[np.ndarray, ...], dict[bytes, Any]] | None = None

    def _reach(self, model: keras.Model, graph: _Graph) -> str:
        for label, name in _MILESTONES:
            if graph.of(model.get_layer(name).output) in self._common:
                return f"up to {label}"
        c5 = model.get_layer("fpn_c5p5").input
        return "up to C5" if graph.of(c5) in self._common else "the first part of the backbone"

    def __str__(self) -> str:
        """One line for people."""
        return f"{len(self.layers)} of {self.weighted} layers with weights, {self.reach}"

    def border(self, model: keras.Model) -> dict[bytes, Any]:
        """Return the tensors of a model at which its own part begins, by digest."""
        return _Graph(model).border(self._common)

    def __call__(self, pictures: np.ndarray, metas: np.ndarray, anchors: np.ndarray) -> dict[bytes, Any]:
        """Compute what is common.

        Args:
            pictures: (B, H, W, channels) float32, mean subtracted.
            metas: (B, 12 + C) float32; C may be any of the models'.
            anchors: (B, A, 4) float32, normalised.

        Returns:
            Tensors by digest.
        """
        placed = metas[:, :FIXED_LENGTH]
        asked = (pictures, placed, anchors)
        last = self._last  # read and written whole: several threads may ask
        if last is None or not all(map(_equal, asked, last[0])):
            classes = np.zeros((len(metas), self._classes), metas.dtype)  # nothing that is common looks at them
            found = self._compiled([pictures, np.concatenate([placed, classes], axis=1), anchors])
            answer = dict(zip(self._digests, found if isinstance(found, list | tuple) else [found], strict=True))
            last = self._last = tuple(np.array(part) for part in asked), answer
            self.runs += 1
        return last[1]


class OnTrunk(Compiled):
    """What one network does on top of the common part; called like `TwoSteps.find`.

    Args:
        model: one of the trunk's.
        trunk: computes the rest.
    """

    def __init__(self, model: keras.Model, trunk: SharedTrunk) -> None:
        border = trunk.border(model)
        outputs = [model.get_layer("mrcnn_detection").output, *(model.get_layer(name).output for name in LEVELS)]
        graph = _Graph(model)
        self._trunk = trunk
        self._digests = [graph.of(tensor) for tensor in outputs]
        self._border = list(border)
        self._own = [digest for digest in self._digests if digest not in border]
        inputs = _inputs_beyond(model, graph, border)
        self._places = [place for place, _ in inputs]
        wanted = [tensor for digest, tensor in zip(self._digests, outputs, strict=True) if digest not in border]
        super().__init__(keras.Model([*border.values(), *(tensor for _, tensor in inputs)], wanted))

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Run on pictures, meta and anchors; returns detections and P2 ... P5."""
        common = self._trunk(*inputs)
        found = super().__call__(
            [*(common[digest] for digest in self._border), *(inputs[place] for place in self._places)]
        )
        known = common | dict(zip(self._own, found if isinstance(found, list | tuple) else [found], strict=True))
        return [known[digest] for digest in self._digests]


def _equal(first: np.ndarray, second: np.ndarray) -> bool:
    return first.shape == second.shape and bool(np.array_equal(first, second))


def _inputs_beyond(model: keras.Model, graph: _Graph, border: dict[bytes, Any]) -> list[tuple[int, Any]]:
    """Return (place, tensor) of the inputs that a model's own part looks at itself."""
    reached = graph.sources(border)
    return [(place, tensor) for place, tensor in enumerate(model.inputs) if _key(tensor) in reached]


@dataclass(frozen=True)
class _Node:
    """One call of a layer: the layer, the tensors that went in, and what else was said at the call."""

    layer: Any
    inputs: list[Any]
    said: str


class _Graph:
    """The part of a network that finds (no masks), tensor by tensor.

    Args:
        model: a functional model; or, with `given`, a model called as a layer.
        given: digests of the model's inputs.
    """

    def __init__(
        self, model: keras.Model, given: Sequence[bytes] | None = None, weights: dict[int, bytes] | None = None
    ) -> None:
        self._digests: dict[tuple[int, int, int], bytes] = {}
        self._weights = {} if weights is None else weights  # by layer: one that is called often is read once
        for place, tensor in enumerate(model.inputs):
            own = _digest("input", place, tuple(tensor.shape), str(tensor.dtype))
            self._digests[_key(tensor)] = own if given is None else given[place]
        self._inputs = set(self._digests)
        self._model = model
        if given is None:
            self._outputs = [model.get_layer(name).output for name in ("mrcnn_detection", *LEVELS)]
        else:
            self._outputs = list(model.outputs)

    def of(self, tensor: Any) -> bytes:
        """Return a tensor's digest."""
        waiting = [tensor]
        while waiting:  # no recursion: a trunk is hundreds of layers deep
            top = waiting[-1]
            if _key(top) in self._digests:
                waiting.pop()
                continue
            node = _node(top)
            missing = [each for each in node.inputs if _key(each) not in self._digests]
            waiting.extend(missing)
            if not missing:
                inputs = [self._digests[_key(each)] for each in node.inputs]
                self._digests[_key(top)] = self._digest_of(node, _key(top)[2], inputs)
        return self._digests[_key(tensor)]

    def _digest_of(self, node: _Node, place: int, inputs: list[bytes]) -> bytes:
        """Return the digest of one output of a call from those of its inputs."""
        layer = node.layer
        if getattr(layer, "inputs", None) and getattr(layer, "outputs", None):  # a model called as a layer
            inner = _Graph(layer, inputs, self._weights)
            return _digest("model", node.said, inner.of(layer.outputs[place]))
        if isinstance(layer, MetaFields):  # does not look at the classes, of which each model has its own number
            inputs = [_digest("rows of meta")]
        kind = (type(layer).__module__, type(layer).__qualname__)
        return _digest(*kind, _settings(layer), self._weights_of(layer), node.said, place, *inputs)

    def _weights_of(self, layer: Any) -> bytes:
        if id(layer) not in self._weights:
            arrays = [weight.numpy() for weight in getattr(layer, "weights", ())]
            self._weights[id(layer)] = _digest(*(part for array in arrays for part in (array.shape, array)))
        return self._weights[id(layer)]

    def tensors(self) -> Iterator[tuple[bytes, Any]]:
        """Yield (digest, tensor) of all tensors but inputs and the last one."""
        for tensor in self._walk(None):
            if _key(tensor) not in self._inputs and not isinstance(_node(tensor).layer, DetectionLayer):
                yield self.of(tensor), tensor

    def border(self, common: set[bytes]) -> dict[bytes, Any]:
        """Return the common tensors that something beyond the common part, or the caller, looks at."""
        found = [tensor for tensor in self._walk(common) if self.of(tensor) in common]
        return {self.of(tensor): tensor for tensor in found}

    def sources(self, border: dict[bytes, Any]) -> set[tuple[int, int, int]]:
        """Return the keys of the inputs that are reached from the outputs without crossing the border."""
        return {_key(tensor) for tensor in self._walk(set(border))} & self._inputs

    def weighted_layers(self, common: set[bytes] | None) -> list[str]:
        """Name the layers with weights among the common tensors, or all."""
        names: dict[str, None] = {}
        for digest, tensor in self.tensors():
            layer = _node(tensor).layer
            if getattr(layer, "weights", None) and (common is None or digest in common):
                names[layer.name] = None
        return list(names)

    def _walk(self, stop_at: set[bytes] | None) -> Iterator[Any]:
        """Yield every tensor once, from the outputs back; what lies behind tensors of `stop_at` is not entered."""
        seen: set[tuple[int, int, int]] = set()
        waiting = list(reversed(self._outputs))
        while waiting:
            tensor = waiting.pop()
            if _key(tensor) in seen:
                continue
            seen.add(_key(tensor))
            yield tensor
            if _key(tensor) not in self._inputs and (stop_at is None or self.of(tensor) not in stop_at):
                waiting.extend(reversed(_node(tensor).inputs))


def _key(tensor: Any) -> tuple[int, int, int]:
    """Where a Keras tensor comes from: layer, which call of it, which of the call's outputs."""
    history = tensor._keras_history
    return id(history.operation), history.node_index, history.tensor_index


def _node(tensor: Any) -> _Node:
    history = tensor._keras_history
    node = history.operation._inbound_nodes[history.node_index]
    said = keras.tree.map_structure(_said, [list(node.arguments.args), dict(node.arguments.kwargs)])
    return _Node(history.operation, list(node.input_tensors), repr(said))


def _said(value: Any) -> str:
    """Describe one argument of a call; tensors of the network are told apart by their digests elsewhere."""
    if isinstance(value, keras.KerasTensor):
        return "tensor"
    if isinstance(value, np.ndarray) or ops.is_tensor(value):
        array = ops.convert_to_numpy(value)
        return _digest(array.shape, array).hex()
    return repr(value)


def _settings(layer: Any) -> str:
    """Describe what a layer was made with; one that does not tell is equal to none, so that it is never shared."""
    try:
        config = layer.get_config()
    except NotImplementedError:
        return f"unlike any other: {id(layer)}"
    effective = {
        name: value
        for name, value in config.items()
        if name not in _WITHOUT_EFFECT and not name.endswith(_WITHOUT_EFFECT_ENDINGS)
    }
    return json.dumps(effective, sort_keys=True, default=repr)


def _digest(*parts: Any) -> bytes:
    found = hashlib.blake2b(digest_size=20)
    for part in parts:
        content = np.ascontiguousarray(part).tobytes() if isinstance(part, np.ndarray) else repr(part).encode()
        found.update(len(content).to_bytes(8, "big"))
        found.update(content)
    return found.digest()
