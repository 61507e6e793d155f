"""Detectors side by side: who gets a common trunk, and what is said where it cannot be."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from small_networks import BACKBONE, PYRAMID, RPN, build, copy
from uncompiled import uncompiled

from mrcnn import checkpoint
from mrcnn import detector as module
from mrcnn.config import Config
from mrcnn.detector import MaskRCNNDetector
from mrcnn.engines import OpenEngine
from mrcnn.inference import TwoSteps
from mrcnn.sharing import share_trunks


class Small(Config):
    """Of a picture of 120 x 60 pixels."""

    NUM_CLASSES = 3
    IMAGE_MIN_DIM, IMAGE_MAX_DIM = 64, 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)


PICTURE = np.random.default_rng(0).integers(0, 255, (60, 120, 3), np.uint8)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Open a small network as if it came from a checkpoint of two classes."""

    def open_network(model: keras.Model, called: str, **options: Any) -> MaskRCNNDetector:
        path = tmp_path / called
        path.touch()
        info = checkpoint.CheckpointInfo(path, Small(), ("BG", "dog", "cat"))
        monkeypatch.setattr(checkpoint, "read", lambda *_: info)
        monkeypatch.setattr(module, "open_engine", lambda *_: OpenEngine(TwoSteps(model), "here"))
        return MaskRCNNDetector(path, runtime="keras", **options)

    with uncompiled():
        yield open_network


def test_detectors_with_common_weights_look_at_a_picture_together(opened: Any) -> None:
    first, second = build(3, 1), build(3, 2)
    copy(first, second, *BACKBONE, PYRAMID, RPN)
    detectors = [opened(first, "coco.h5"), opened(second, "clown.h5")]
    alone = [detector([PICTURE])[0] for detector in detectors]
    sharing = share_trunks(detectors)
    assert sharing is not None and sharing.batch == 1
    assert sharing.words == "coco.h5 and clown.h5 on one trunk (14 of 20 layers with weights, up to the proposals)"
    for before, detector in zip(alone, detectors, strict=True):
        (after,) = detector([PICTURE])
        assert len(before)
        np.testing.assert_array_equal(after.xyxy, before.xyxy)
        np.testing.assert_allclose(after.confidence, before.confidence, atol=1e-5)


def test_pictures_prepared_differently_keep_them_apart(opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    first, second = build(3, 1), build(3, 2)
    copy(first, second, *BACKBONE)
    detectors = [opened(first, "coco.h5"), opened(second, "clown.h5", input_size=64)]
    engines = [detector.engine for detector in detectors]
    assert share_trunks(detectors) is None
    assert [detector.engine for detector in detectors] == engines
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "coco.h5 and clown.h5 have 5 of 20 layers with weights, up to C5 in common" in record.message
    assert "prepared differently" in record.message and "--input-size" in record.message


def test_models_that_have_nothing_in_common_stay_as_they_are(opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert share_trunks([opened(build(3, 1), "one.h5"), opened(build(3, 2), "two.h5", input_size=64)]) is None
    assert not caplog.records
    assert share_trunks([opened(build(3, 1), "one.h5"), opened(build(3, 2), "two.h5")]) is None
    assert [record.message for record in caplog.records] == [
        "one.h5 and two.h5 have no weights in common: each runs by itself"
    ]


def test_one_model_and_other_detectors_share_nothing(opened: Any) -> None:
    assert share_trunks([opened(build(3, 1), "one.h5"), object()]) is None  # type: ignore[list-item]
    assert share_trunks([]) is None
