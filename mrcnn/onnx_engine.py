"""The network in ONNX Runtime, called like `inference.TwoSteps`. Imports neither Keras nor a backend.

Legend: B batch, H and W pixels of the molded picture, A anchors, K detections with padding, N most detections of a
picture of the batch, C classes with background, M side of a mask.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from common.detectors import runtime
from common.errors import UserError
from common.onnx_runtime import load
from mrcnn import onnx_names as names
from mrcnn.picture_meta import parse
from mrcnn.preprocess import MULTIPLE
from mrcnn.soundness import check_numbers


class OnnxEngine:
    """Runs a file that `python -m infer export` wrote.

    Args:
        path: the .onnx file.
        device: "auto", "cpu", "cuda" ...; see `runtime.open_session`.
        threads: for the CPU; 0 chooses.
        min_confidence: lowest score of a detection; None: as exported.
        nms_threshold: overlap of detections of one class; None: as exported.

    Attributes:
        device: where it runs, in words.
        session: of ONNX Runtime.

    Raises:
        UserError: the file is not one of ours or damaged; the device is not there.
    """

    def __init__(
        self,
        path: str | Path,
        device: str = "auto",
        threads: int = 0,
        min_confidence: float | None = None,
        nms_threshold: float | None = None,
    ) -> None:
        opened = open_file(path, device, threads)
        self.session, self.device = opened.session, opened.words
        settings = json.loads(self.session.get_modelmeta().custom_metadata_map[names.CONFIG])
        self._mean = np.array(settings["MEAN_PIXEL"], np.float32)
        given = {names.MIN_CONFIDENCE: min_confidence, names.NMS_THRESHOLD: nms_threshold}
        self._given = {name: np.array(value, np.float32) for name, value in given.items() if value is not None}

    def __call__(
        self, pictures: np.ndarray, metas: np.ndarray, anchors: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find objects.

        Args:
            pictures: (B, H, W, channels) float32, mean subtracted; H and W multiples of 64.
            metas: (B, 12 + C) float32.
            anchors: not looked at: the file lays its own, where the configuration says.

        Returns:
            Detections (B, K, 6) and masks (B, N, M, M) of their own classes, float32; N is 0 where nothing was found.

        Raises:
            UserError: the pictures' size is no multiple of 64.
            FloatingPointError: the network computed what is no number, so that its answer says nothing.
        """
        height, width = pictures.shape[1:3]
        if height % MULTIPLE or width % MULTIPLE:
            raise UserError(
                f"pictures of {width}x{height} pixels: the network takes multiples of {MULTIPLE} only; "
                "resize with mode square or pad64"
            )
        inputs = {**graph_inputs(pictures, metas, self._mean), **self._given}
        found, masks = self.session.run([names.DETECTIONS, names.MASKS], inputs)
        check_numbers(found, masks)
        most = int((found[..., 5] > 0).sum(axis=1).max(initial=0))
        return found, masks[:, :most]


def graph_inputs(pictures: np.ndarray, metas: np.ndarray, mean_pixel: np.ndarray) -> dict[str, np.ndarray]:
    """Return what an exported graph takes in.

    Args:
        pictures: (B, H, W, channels) float32, mean subtracted.
        metas: (B, 12 + C) float32.
        mean_pixel: (channels,) float32; the graph subtracts it itself.
    """
    height, width = pictures.shape[1:3]
    last = np.array([height - 1, width - 1, height - 1, width - 1], np.float32)
    windows = (parse(metas)["window"] - np.array([0, 0, 1, 1], np.float32)) / last
    return {names.IMAGES: pictures + mean_pixel, names.WINDOWS: windows.astype(np.float32)}


def open_file(path: str | Path, device: str = "auto", threads: int = 0) -> runtime.OpenSession:
    """Open a session for an exported file.

    Raises:
        UserError: see `OnnxEngine`.
    """
    errors = load().capi.onnxruntime_pybind11_state
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give an .onnx file") from error
    unreadable: tuple[Any, ...] = (errors.InvalidProtobuf, errors.InvalidGraph, errors.Fail, errors.InvalidArgument)
    try:
        opened = runtime.open_session(content, device, threads)
    except unreadable as error:
        raise UserError(
            f"{path}: not an ONNX file, or damaged ({str(error).splitlines()[0]}); export it again"
        ) from error
    expected = {names.IMAGES, names.WINDOWS, names.MIN_CONFIDENCE, names.NMS_THRESHOLD}
    session = opened.session
    held = {each.name for each in [*session.get_inputs(), *session.get_overridable_initializers()]}
    if not expected <= held or names.CONFIG not in session.get_modelmeta().custom_metadata_map:
        raise UserError(f"{path}: an ONNX file, but not one that `python -m infer export` wrote; export the weights")
    return opened
