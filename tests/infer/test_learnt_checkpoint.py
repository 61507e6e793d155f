"""From training to a hidden object: a model learns what a square is, its run folder is given to `infer`."""

import av
import keras
import numpy as np
import pytest

from common.cli import run
from infer.cli import main
from mrcnn.config import Config
from mrcnn.dataset import Dataset
from mrcnn.model import MaskRCNN

SIDE = 64


class SquareConfig(Config):
    NAME, NUM_CLASSES, IMAGES_PER_GPU, SEED = "square", 2, 4, 1
    BACKBONE, TRAIN_BN = "mobilenet_v3_small", True
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = SIDE
    RPN_ANCHOR_SCALES, RPN_ANCHOR_RATIOS = (8, 16, 24, 32, 64), (1,)
    TOP_DOWN_PYRAMID_SIZE, FPN_CLASSIF_FC_LAYERS_SIZE = 32, 64
    TRAIN_ROIS_PER_IMAGE, POST_NMS_ROIS_TRAINING, POST_NMS_ROIS_INFERENCE = 16, 60, 50
    RPN_TRAIN_ANCHORS_PER_IMAGE, DETECTION_MAX_INSTANCES, MAX_GT_INSTANCES = 64, 10, 4
    MINI_MASK_SHAPE = (28, 28)
    STEPS_PER_EPOCH, VALIDATION_STEPS = 150, 1


def picture_of(seed, box):
    """Noise, and a bright square where `box` (left, top, side) says; (64, 64, 3) uint8."""
    picture = np.random.default_rng(seed).normal(110, 12, (SIDE, SIDE, 3))
    left, top, side = box
    picture[top : top + side, left : left + side] += 90
    return np.clip(picture, 0, 255).astype(np.uint8)


class Squares(Dataset):
    """One square a picture; a picture hangs on its number alone."""

    def box(self, image_id):
        dice = np.random.default_rng(image_id)
        side = int(dice.integers(14, 26))
        left, top = (int(value) for value in dice.integers(1, SIDE - side - 1, 2))
        return left, top, side

    def load_image(self, image_id):
        return picture_of(image_id, self.box(image_id))

    def load_mask(self, image_id):
        left, top, side = self.box(image_id)
        mask = np.zeros((SIDE, SIDE, 1), bool)
        mask[top : top + side, left : left + side] = True
        return mask, np.array([1], np.int32)


def squares(count):
    dataset = Squares()
    dataset.add_class("squares", 1, "square")
    for number in range(count):
        dataset.add_image("squares", number, None)
    dataset.prepare()
    return dataset


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_what_was_learnt_is_hidden(tmp_path):
    keras.utils.set_random_seed(1)
    model = MaskRCNN("training", SquareConfig(), tmp_path / "runs")
    for layer in model.keras_model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9  # so few steps do not bring the usual running means anywhere
    dataset = squares(64)
    model.train(dataset, dataset, learning_rate=0.02, epochs=1, layers="all")
    (run_folder,) = (tmp_path / "runs").iterdir()

    clip, out = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    boxes = [(4 + 2 * frame, 20, 20) for frame in range(18)]
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "8", "threads": "1"})
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv444p"
        for seed, box in enumerate(boxes, start=1000):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture_of(seed, box), format="rgb24")))
        container.mux(stream.encode(None))
    words = ["video", clip, "-o", out, "--weights", run_folder, "--hide", "squares", "--effect", "fill"]
    words += ["--color", "black", "--mask-threshold", "0.3", "--quiet"]
    assert run(main, [str(word) for word in words]) == 0
    with av.open(str(out)) as container:
        lumas = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(lumas) == len(boxes)
    shares = []
    for luma, (left, top, side) in zip(lumas, boxes, strict=True):
        black = luma < 40
        shares.append(black[top : top + side, left : left + side].mean())
        assert black.sum() < 3 * side * side
    assert min(shares) > 0.5
    assert np.mean(shares) > 0.8
