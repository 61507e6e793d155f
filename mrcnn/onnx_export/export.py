"""From a checkpoint to an ONNX file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import onnx

from common.errors import UserError
from common.staging import staged
from mrcnn import onnx_names as names
from mrcnn.checkpoint import CheckpointInfo, open_model
from mrcnn.from_config import architecture, selection
from mrcnn.onnx_export.network import OPSET, to_onnx
from mrcnn.onnx_export.selection import AnchorNumbers

NEWEST_OPSET = 21  # ONNX Runtime 1.31 has no RoiAlign of 22
LARGEST = 2**31 - 1  # bytes: protocol buffers end there


def from_checkpoint(
    info: CheckpointInfo,
    opset: int = OPSET,
    standard: bool = False,
    thresholds: Mapping[str, float] | None = None,
) -> onnx.ModelProto:
    """Write a checkpoint's network as ONNX, its settings and class names with it.

    Args:
        info: the checkpoint.
        opset: version of the operator set.
        standard: only operators of the ONNX standard, see `pooling.Pyramid`.
        thresholds: class name -> score from which it counts, to store in the file.

    Raises:
        UserError: the version is not supported, or a layer cannot be written.
    """
    if not OPSET <= opset <= NEWEST_OPSET:
        raise UserError(f"operator set {opset} is not supported: choose one from {OPSET} to {NEWEST_OPSET}")
    model, info = open_model(info)
    config = info.config
    metadata = {
        names.CONFIG: config.to_json(),
        names.CLASS_NAMES: json.dumps(list(info.class_names)),
        names.THRESHOLDS: json.dumps(dict(thresholds or {})),
        names.PRECISION: "float32",
        names.OPERATORS: names.STANDARD if standard else names.FOR_CPU,
    }
    anchors = AnchorNumbers(
        scales=tuple(float(scale) for scale in config.RPN_ANCHOR_SCALES),
        ratios=tuple(float(ratio) for ratio in config.RPN_ANCHOR_RATIOS),
        strides=tuple(int(stride) for stride in config.BACKBONE_STRIDES),
        anchor_stride=int(config.RPN_ANCHOR_STRIDE),
    )
    return to_onnx(model, architecture(config), selection(config), anchors, opset, standard, metadata)


def write(model: onnx.ModelProto, path: Path, overwrite: bool = False) -> int:
    """Write an ONNX file; a file that carries the name is whole.

    Returns:
        Its size in bytes.

    Raises:
        UserError: it exists, cannot be written, or is too large for one file.
    """
    size: int = model.ByteSize()
    if size > LARGEST:
        raise UserError(f"the model has {size / 1e9:.1f} GB; one ONNX file holds 2 GB: choose a smaller backbone")
    path.parent.mkdir(parents=True, exist_ok=True)
    with staged(path, overwrite=overwrite) as unfinished:
        unfinished.write_bytes(model.SerializeToString())
    return size
