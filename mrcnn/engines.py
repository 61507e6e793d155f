"""What computes a checkpoint's network: Keras, or ONNX Runtime on an exported file.

Legend: B pictures of a batch, h, w pixels of a molded picture, A anchors, K detections with padding, N real ones, M
side of the network's masks, C classes with background.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from mrcnn import checkpoint

log = logging.getLogger(__name__)

RUNTIMES = ("auto", "keras", "onnx")

# Pictures (B, h, w, channels), rows of meta (B, 12 + C), anchors (B, A, 4) -> detections (B, K, 6) normalised, masks
# (B, N, M, M) of their own classes; see `inference.TwoSteps`.
Engine = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class OpenEngine:
    """An engine and where it runs.

    Attributes:
        engine: see `Engine`.
        words: the device in words, for one line on stderr.
        scope: makes the block inside which it is to be called.
        path: the file that it runs, where it is one.
        load: takes the weights of another file of the same network; None where the engine cannot.
    """

    engine: Engine
    words: str
    scope: Callable[[], AbstractContextManager[Any]] = nullcontext
    path: Path | None = None
    load: Callable[[Path], object] | None = None


def open_engine(info: checkpoint.CheckpointInfo, runtime: str = "auto", device: str = "auto") -> OpenEngine:
    """Open what computes a checkpoint.

    Args:
        info: the checkpoint, or an exported file, with the settings in force.
        runtime: "keras", "onnx" or "auto", see `exported_file`.
        device: "auto", "cpu", "cuda" ...

    Raises:
        UserError: the runtime cannot run it, or the device is not available.
    """
    exported = exported_file(info.path, runtime, device)
    if exported is not None and exported != info.path:
        _check_same(exported, info)
    return _keras_engine(info, device) if exported is None else _onnx_engine(exported, info, device)


def _check_same(exported: Path, info: checkpoint.CheckpointInfo) -> None:
    """Raise UserError where the file beside a checkpoint was exported from a model of other classes."""
    names = checkpoint.read(exported).class_names
    if names != info.class_names:
        raise UserError(
            f"{exported} finds {', '.join(names[1:])}, {info.path.name} beside it {', '.join(info.class_names[1:])}: "
            "export the checkpoint again, or use --runtime keras"
        )


def exported_file(path: Path, runtime: str = "auto", device: str = "auto") -> Path | None:
    """Return the .onnx file that is to compute in place of a checkpoint, None where Keras is to.

    "auto" takes the exported file, unless it is older than the checkpoint or could not use the GPU that Keras can.

    Args:
        path: the checkpoint, or an exported file.
        runtime: "keras", "onnx" or "auto".
        device: as asked for.

    Raises:
        UserError: Keras is to run an exported file, or there is none for ONNX Runtime.
    """
    if path.suffix == checkpoint.ONNX:
        if runtime == "keras":
            raise UserError(f"{path}: an exported file runs in ONNX Runtime only; give its checkpoint, an .h5 file")
        return path
    beside = path.with_suffix(checkpoint.ONNX)
    if runtime == "keras" or not (beside.is_file() or runtime == "onnx"):
        return None
    if not beside.is_file():
        raise UserError(
            f"{path}: has not been exported for ONNX Runtime; expected {beside.name} beside it: "
            f"run `python -m infer export {path}`"
        )
    if beside.stat().st_mtime < path.stat().st_mtime:
        if runtime == "onnx":
            raise UserError(f"{beside} is older than {path.name}: export it again, or give the .onnx file itself")
        log.warning("%s is older than %s and is not used; export it again", beside, path.name)
        return None
    if runtime == "onnx":
        return beside
    return beside if device == "cpu" or not _only_keras_has_a_gpu() else None


def _only_keras_has_a_gpu() -> bool:
    """Whether Keras would compute on a GPU that this ONNX Runtime was not built for."""
    from common.detectors.runtime import AUTOMATIC, devices
    from common.onnx_runtime import load

    if any(name in AUTOMATIC and name != "cpu" for name in devices(load().get_available_providers())):
        return False
    if not Path("/dev/nvidiactl").exists():  # Keras takes seconds to say so
        return False
    from mrcnn.devices import gpus

    return bool(gpus())


def _onnx_engine(path: Path, info: checkpoint.CheckpointInfo, device: str) -> OpenEngine:
    from mrcnn.onnx_engine import OnnxEngine

    least, overlap = info.config.DETECTION_MIN_CONFIDENCE, info.config.DETECTION_NMS_THRESHOLD
    engine = OnnxEngine(path, device, min_confidence=least, nms_threshold=overlap)
    return OpenEngine(engine, f"{engine.device} (ONNX Runtime)", path=path)


def _keras_engine(info: checkpoint.CheckpointInfo, device: str) -> OpenEngine:
    from mrcnn import devices, weights
    from mrcnn.inference import TwoSteps

    place, words = devices.choose(device)
    with devices.placed(place):
        model, _ = checkpoint.open_model(info)
        engine = TwoSteps(model)
    return OpenEngine(engine, words, lambda: devices.placed(place), info.path, lambda path: weights.load(model, path))
