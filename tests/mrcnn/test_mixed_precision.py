from pathlib import Path

import keras
import numpy as np
import pytest
from mrcnn_goldens import stored

from mrcnn import boxes
from mrcnn.config import Config
from mrcnn.model import MaskRCNN


class GoldenConfig(Config):
    NAME, BACKBONE, NUM_CLASSES = "golden", "resnet50", 1 + 3
    IMAGES_PER_GPU = 2
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 256


@pytest.mark.shared
@pytest.mark.slow
def test_half_precision_finds_the_same_objects(small_weights: Path, tmp_path: Path) -> None:
    """Random weights spread their scores evenly, so more objects sit at the threshold than in a trained network."""
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = MaskRCNN("inference", GoldenConfig(), tmp_path)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    model.load_weights(small_weights)
    photos = [stored(f"small_infer_{photo}") for photo in (0, 1)]
    for found, golden in zip(model.detect([photo["image"] for photo in photos]), photos, strict=True):
        assert found["scores"].dtype == np.float32
        overlaps = boxes.overlaps(found["rois"], golden["result_rois"])
        same = (overlaps >= 0.5) & (found["class_ids"][:, None] == golden["result_class_ids"])
        assert same.any(axis=0).mean() >= 0.9
        assert same.any(axis=1).mean() >= 0.9
