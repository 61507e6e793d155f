"""Graphs of the TensorFlow Object Detection API: loads them and runs them. The one place that calls TensorFlow itself.

A frozen graph (TensorFlow 1) is a file of nodes with the weights among them; its placeholder and its outputs are known
by their names. A SavedModel says in its signature what goes in and comes out. Both run anything that this TensorFlow
still has, loops of the old kind included.

Legend: B pictures of a batch, H, W their size in pixels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from common.errors import UserError
from mrcnn.label_map import COCO_NUMBERS
from mrcnn.weight_files import FROZEN_GRAPH, PIPELINE, SAVED_NAME, WeightFile, unpacked

BOXES, SCORES, CLASSES, COUNT = "detection_boxes", "detection_scores", "detection_classes", "num_detections"
MASKS, FRAME_MASKS = "detection_masks", "detection_masks_reframed"
NEEDED, USED = (BOXES, SCORES, CLASSES), (BOXES, SCORES, CLASSES, COUNT, MASKS, FRAME_MASKS)
# Outputs whose last axis is as long as there are classes, with the background or without.
_PER_CLASS = ("raw_detection_scores", "detection_multiclass_scores")

# How the exporter calls the placeholder for pictures, for encoded pictures, and for records.
_INPUTS = ("image_tensor", "input_tensor", "float_image_tensor", "encoded_image_string_tensor", "tf_example")
_EXAMPLE = "example"
_SIGNATURE, _TAG = "serving_default", "serve"
_SHOWN = 12  # names in an error


@dataclass(frozen=True)
class Input:
    """What a graph takes.

    Attributes:
        name: of the placeholder or the signature's argument.
        dtype: TensorFlow's name of the type; "string" stands for encoded pictures.
        batch: how many pictures at once; None: any number.
        size: (H, W) to which pictures are brought beforehand; None: any.
        bare: one encoded picture goes in as it is, not as a list of one.
    """

    name: str
    dtype: str
    batch: int | None = None
    size: tuple[int, int] | None = None
    bare: bool = False

    @classmethod
    def of(cls, name: str, dtype: Any, shape: Any, source: Path) -> Input:
        """Read a placeholder.

        Raises:
            UserError: it does not take pictures.
        """
        sides = None if shape.rank is None else shape.as_list()
        if dtype.name == "string" and (sides is None or len(sides) <= 1):
            return cls(name, dtype.name, batch=1 if sides == [] else (sides or [None])[0], bare=sides == [])
        fits = dtype.name in ("uint8", "float32", "int32") and (sides is None or len(sides) == 4)
        if not fits or (sides and sides[3] not in (3, None)):
            raise UserError(
                f"{source}: takes {dtype.name} {sides} as {name}; expected pictures, uint8 [batch, height, width, 3], "
                "as the Object Detection API exports them"
            )
        height, width = sides[1:3] if sides else (None, None)
        return cls(name, dtype.name, sides[0] if sides else None, (height, width) if height and width else None)


class DetectionGraph:
    """A loaded graph: a batch of pictures in, the API's outputs as arrays out.

    Attributes:
        input: what it takes.
        outputs: names of what comes out, of `USED`.
        device: where it runs, in words.
    """

    def __init__(
        self,
        run: Callable[[Any], Mapping[str, Any]],
        taken: Input,
        outputs: Sequence[str],
        device: str,
        scope: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self._run, self._scope = run, scope
        self.input, self.outputs, self.device = taken, tuple(outputs), device

    def __call__(self, pictures: np.ndarray) -> dict[str, np.ndarray]:
        """Run the graph.

        Args:
            pictures: (B, H, W, 3) uint8 RGB.

        Returns:
            Arrays of `outputs`, as the graph gives them.
        """
        import tensorflow as tf

        fed: Any = pictures.astype(self.input.dtype, copy=False) if self.input.dtype != "string" else None
        if fed is None:
            fed = [self._encoded(picture) for picture in pictures]
            fed = fed[0] if self.input.bare else fed
        with self._scope():
            answer = self._run(tf.constant(fed))
            return {name: answer[name].numpy() for name in self.outputs}

    def _encoded(self, picture: np.ndarray) -> bytes:
        import tensorflow as tf

        content: bytes = cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes()
        if _EXAMPLE not in self.input.name:
            return content
        values = {"image/encoded": content, "image/format": b"png"}
        features = {
            key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])) for key, value in values.items()
        }
        record: bytes = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
        return record


def open_graph(file: WeightFile, device: str = "auto") -> DetectionGraph:
    """Load a graph.

    Args:
        file: of a kind in `weight_files.GRAPHS`.
        device: "auto" (TensorFlow chooses: a GPU when there is one), "cpu", "gpu" or "cuda".

    Raises:
        UserError: the file is damaged, holds no such graph, or the device is not available.
    """
    scope, words = _device(device)
    with unpacked(file) as inner, _explained(file.path), scope():
        load = _load_frozen if inner.kind == FROZEN_GRAPH else _load_saved
        run, taken, outputs = load(inner.path, file.path)
    return DetectionGraph(run, taken, outputs, words, scope)


Loaded = tuple[Callable[[Any], Mapping[str, Any]], Input, list[str]]


def _load_frozen(path: Path, source: Path) -> Loaded:
    import tensorflow as tf

    nodes = _read_frozen(path)
    for node in nodes.node:
        node.device = ""  # of the machine that it was made on
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(nodes, name=""), [])
    names = {node.name for node in nodes.node}
    outputs = _outputs(sorted(names & set(USED)), [each.name for each in _unused(nodes)], names, source)
    placeholder = wrapped.graph.get_tensor_by_name(f"{_placeholder(nodes, source)}:0")
    taken = Input.of(placeholder.op.name, placeholder.dtype, placeholder.shape, source)
    run = wrapped.prune(placeholder, {name: wrapped.graph.get_tensor_by_name(f"{name}:0") for name in outputs})
    return run, taken, outputs


def _load_saved(path: Path, source: Path) -> Loaded:
    import tensorflow as tf

    model = tf.saved_model.load(str(path))
    if not model.signatures:
        raise UserError(f"{source}: a SavedModel without signatures; export it with the Object Detection API")
    key = _SIGNATURE if _SIGNATURE in model.signatures else next(iter(model.signatures))
    signature = model.signatures[key]
    taken = dict(signature.structured_input_signature[1])
    names = list(signature.structured_outputs)
    outputs = _outputs([name for name in USED if name in names], names, set(), source)
    if len(taken) != 1:
        raise UserError(f"{source}: takes {', '.join(taken)}; expected one input, the pictures")
    ((name, spec),) = taken.items()

    def run(fed: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = model.signatures[key](**{name: fed})  # holds the model: its weights live with it
        return answer

    return run, Input.of(name, spec.dtype, spec.shape, source), outputs


def _read_frozen(path: Path) -> Any:
    import tensorflow as tf
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    nodes = tf.compat.v1.GraphDef()
    try:
        nodes.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise UserError(f"{path}: not a TensorFlow graph, or cut off; download or copy it again") from error
    if not nodes.node:
        raise UserError(f"{path}: an empty graph; download or copy it again")
    return nodes


def _unused(nodes: Any) -> list[Any]:
    """Nodes that nothing else takes: what the graph computes in the end."""
    taken = {each.split(":")[0].lstrip("^") for node in nodes.node for each in node.input}
    return [node for node in nodes.node if node.name not in taken]


def _placeholder(nodes: Any, source: Path) -> str:
    found = [node.name for node in nodes.node if node.op == "Placeholder"]
    known = [name for name in _INPUTS if name in found]
    if known:
        return known[0]
    if len(found) != 1:
        raise UserError(
            f"{source}: takes {', '.join(found[:_SHOWN]) or 'nothing'}; expected one of {', '.join(_INPUTS)}, as the "
            "Object Detection API calls it"
        )
    return str(found[0])


def _outputs(used: list[str], ends: Sequence[str], names: set[str], source: Path) -> list[str]:
    """Check that a graph gives what is needed, and choose what is fetched."""
    missing = [name for name in NEEDED if name not in used]
    if not missing:
        return used
    hint = "expected a model exported by the TensorFlow Object Detection API"
    if any("mrcnn_detection" in name for name in names):
        hint = "this is a frozen graph of Mask R-CNN on Keras; give the .h5 checkpoint that it was made from"
    elif any("TFLite_Detection" in name or name.startswith("raw_outputs/") for name in [*names, *ends]):
        hint = "it was exported for TensorFlow Lite; export it with export_inference_graph.py"
    more = ", …" if len(ends) > _SHOWN else ""
    raise UserError(
        f"{source}: has no output {', '.join(missing)}; found {', '.join(ends[:_SHOWN]) or 'none'}{more}: {hint}"
    )


def names_coco(file: WeightFile) -> bool:
    """Whether a graph knows ninety classes, as the API's models of the COCO data set do; nothing is run.

    Told by the settings beside it, else by the shapes of outputs, else by the size of the layers that name classes.

    Raises:
        UserError: the file cannot be read, or is no graph of the API.
    """
    with unpacked(file) as inner, _explained(file.path):
        model = _read_model(inner)
        for folder in inner.folders:
            settings = folder / PIPELINE
            if settings.is_file():
                found = re.search(r"\bnum_classes\s*:\s*(\d+)", settings.read_text(encoding="utf-8", errors="replace"))
                if found:
                    return int(found[1]) == COCO_NUMBERS
        if inner.kind == FROZEN_GRAPH:
            return _many_in_layers(model)
        return any(_many_in_outputs(graph) or _many_in_layers(graph.graph_def) for graph in model.meta_graphs)


def _read_model(file: WeightFile) -> Any:
    """Read a graph without loading it, and check what it gives."""
    if file.kind == FROZEN_GRAPH:
        nodes = _read_frozen(file.path)
        names = {node.name for node in nodes.node}
        _outputs(sorted(names & set(USED)), [each.name for each in _unused(nodes)], names, file.path)
        return nodes
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString((file.path / SAVED_NAME).read_bytes())
    except DecodeError as error:
        raise UserError(f"{file.path}: not a SavedModel, or cut off; download or copy it again") from error
    found = sorted(
        {
            name
            for graph in model.meta_graphs
            for key, signature in graph.signature_def.items()
            for name in signature.outputs
            if not key.startswith("__")
        }
    )
    _outputs([name for name in USED if name in found], found, set(), file.path)
    return model


def _many_in_outputs(graph: Any) -> bool:
    shapes = [
        signature.outputs[name].tensor_shape.dim
        for signature in graph.signature_def.values()
        for name in _PER_CLASS
        if name in signature.outputs
    ]
    return any(dims and dims[-1].size in (COCO_NUMBERS, COCO_NUMBERS + 1) for dims in shapes)


def _many_in_layers(nodes: Any) -> bool:
    """Biases of the layers that name classes are one for each class, with background, and anchor shape."""
    counts = [
        node.attr["value"].tensor.tensor_shape.dim[0].size
        for node in nodes.node
        if node.op == "Const"
        and re.search(r"(?<!FirstStageBoxPredictor/)ClassPredictor/bias(es)?$", node.name)
        and len(node.attr["value"].tensor.tensor_shape.dim) == 1
    ]
    return bool(counts) and all(count % (COCO_NUMBERS + 1) == 0 for count in counts)


def _device(device: str) -> tuple[Callable[[], AbstractContextManager[Any]], str]:
    """Return what puts operations onto a device of `open_graph`, and the device in words.

    Raises:
        UserError: no such device, or it is not available here.
    """
    import tensorflow as tf

    names = {"auto": "", "cpu": "CPU", "gpu": "GPU", "cuda": "GPU"}
    if device not in names:
        raise UserError(f"unknown device {device!r} for TensorFlow: choose one of {', '.join(names)}")
    found = tf.config.list_physical_devices("GPU")
    if names[device] == "GPU" and not found:
        raise UserError(
            f"device {device!r} is not available here: TensorFlow sees no GPU; install tensorflow[and-cuda] and check "
            "the driver, or leave --device at auto"
        )
    words = "CPU (TensorFlow)"
    if found and device != "cpu":
        details = tf.config.experimental.get_device_details(found[0])
        words = f"{details.get('device_name', 'GPU')} (TensorFlow)"
    if device == "auto":
        return nullcontext, words
    return (lambda: tf.device(f"/{names[device]}:0")), words


@contextmanager
def _explained(source: Path) -> Iterator[None]:
    """Turn what TensorFlow and the file system raise about a file into the user's error."""
    try:
        import tensorflow as tf
    except ModuleNotFoundError as error:
        raise UserError(
            f"{source}: a graph needs TensorFlow, which is not installed; run `pip install 'hide-in-video[model]'`"
        ) from error

    try:
        yield
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{source}: TensorFlow {tf.__version__} cannot load it: {reason[:200]}; download it again or export it anew"
        ) from error
