"""The original's numbers for tests: stored arrays, rebuilt weight files, packed masks."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mrcnn import anchors

# Parts of the golden networks, and the layers that give them.
STAGES = {"C2": "res2c_out", "C3": "res3d_out", "C4": "res4f_out", "C5": "res5c_out"}
LEVELS = {f"P{level}": f"fpn_p{level}" for level in (2, 3, 4, 5, 6)}
OUTPUTS = ("detections", "mrcnn_class", "mrcnn_bbox", "mrcnn_mask", "rpn_rois", "rpn_class", "rpn_bbox")
FOLDER = Path(__file__).parents[2] / "shared" / "golden"


@cache
def stored(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of one golden file; skips the test where the files are absent."""
    path = FOLDER / f"{name}.npz"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    with np.load(path) as arrays:
        return {key: arrays[key] for key in arrays.files}


def unpacked(arrays: dict[str, np.ndarray], name: str, joint: str = "_") -> np.ndarray:
    """Return the bool array that was stored as bits under `name`, or as it is."""
    if name in arrays:
        return arrays[name].astype(bool)
    shape = arrays[f"{name}{joint}shape"]
    return np.unpackbits(arrays[f"{name}{joint}packed"])[: np.prod(shape)].reshape(shape).astype(bool)


def build_weights(name: str, out: Path) -> Path:
    """Rebuild a seeded weight file; skips the test where the recipe is absent."""
    script = FOLDER / "build_weights.py"
    if not script.is_file():
        pytest.skip(f"{script} is absent")
    spec = importlib.util.spec_from_file_location("build_weights", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.build(name, out)
    return out


def own_anchors(size: tuple[int, int]) -> np.ndarray:
    """Return the (A, 4) normalised anchors of the golden networks for a molded picture (height, width)."""
    return anchors.normalized_anchors(size, (32, 64, 128, 256, 512), (0.5, 1, 2), (4, 8, 16, 32, 64))


def relative(ours: Any, theirs: np.ndarray) -> float:
    """Largest deviation, in units of the largest golden value."""
    theirs = np.asarray(theirs, np.float64)
    return float(np.abs(np.asarray(ours, np.float64) - theirs).max() / np.abs(theirs).max())


def share_found(boxes: np.ndarray, scores: np.ndarray, class_ids: np.ndarray, others: tuple[np.ndarray, ...]) -> float:
    """Share of (N, 4) pixel boxes that have a partner: same class, sides within 2 pixels, score within 0.01."""
    other_boxes, other_scores, other_ids = others
    near = np.abs(boxes[:, None].astype(float) - other_boxes[None]).max(axis=-1) <= 2
    near &= np.abs(scores[:, None] - other_scores[None]) <= 0.01
    near &= class_ids[:, None] == other_ids[None]
    return float(near.any(axis=1).mean())
