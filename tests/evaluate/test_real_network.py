"""From a checkpoint on disk through a real network to tables and a choice; the network has learnt nothing."""

import csv
import json
import shutil

import cv2
import h5py
import keras
import numpy as np
import pytest
from made_run import dataset, objects
from pycocotools import mask as coco_mask
from quick_training import quick
from tiny_learner import SIDE

from common.cli import run as at_the_edge
from evaluate.cli import main
from evaluate.evaluation import open_evaluation
from mrcnn import checkpoint, detector, network
from mrcnn.choice import choose
from mrcnn.config import Config
from mrcnn.detector import MaskRCNNDetector
from mrcnn.from_config import architecture, selection
from mrcnn.weight_file import texts


class SmallConfig(Config):
    NAME, NUM_CLASSES, BACKBONE = "small", 3, "mobilenet_v3_small"
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = SIDE
    RPN_ANCHOR_SCALES, RPN_ANCHOR_RATIOS = (8, 16, 32, 64, 128), (1,)
    TOP_DOWN_PYRAMID_SIZE, FPN_CLASSIF_FC_LAYERS_SIZE = 16, 32
    POST_NMS_ROIS_INFERENCE, DETECTION_MAX_INSTANCES = 20, 10


@pytest.fixture(autouse=True, scope="module")
def small():
    """A few convolutions in place of MobileNet's hundred layers, and nothing compiled."""
    with quick():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    data = dataset(folder / "set", [objects((1, (10, 10, 60, 60))), objects((2, (20, 20, 90, 80))), objects()])
    dice = np.random.default_rng(0)
    for path in (data / "images").iterdir():
        cv2.imwrite(str(path), dice.integers(0, 255, (100, 100, 3), np.uint8))
    config = SmallConfig()
    keras.utils.set_random_seed(0)
    model = network.inference_model(architecture(config), selection(config))
    logits = model.get_layer("mrcnn_class_logits")
    logits.kernel.assign(logits.kernel * 40)  # so that it is sure of something
    checkpoint.save(model, folder / "run" / "checkpoints" / "epoch_0003.h5", config, ["BG", "dog", "cat"])
    return folder


def test_further_checkpoints_of_the_same_network_are_loaded_into_it(made, tmp_path, monkeypatch):
    """What they find is what each finds in a network of its own."""
    path, opened = made / "run" / "checkpoints" / "epoch_0003.h5", []
    (tmp_path / "checkpoints").mkdir()
    for epoch, scale in ((1, 1.0), (2, 3.0)):
        other = tmp_path / "checkpoints" / f"epoch_{epoch:04d}.h5"
        shutil.copy(path, other)
        with h5py.File(other, "a") as file:
            logits = file["mrcnn_class_logits"]
            for name in texts(logits.attrs, "weight_names"):
                logits[name][...] *= scale
    real = checkpoint.open_model
    monkeypatch.setattr(checkpoint, "open_model", lambda info: opened.append(info) or real(info))
    both = open_evaluation(tmp_path, made / "set")
    assert len(opened) == 1
    alone = open_evaluation(tmp_path / "checkpoints" / "epoch_0002.h5", made / "set", out=tmp_path / "alone")
    assert len(opened) == 2
    kept = [each.file.read_text().splitlines()[1:] for each in (both.results[0], both.results[1], alone.results[0])]
    assert kept[0] != kept[1]
    assert kept[1] == kept[2]


def test_what_the_network_finds_is_what_is_evaluated(made, capsys, monkeypatch):
    run, data, seen = made / "run", made / "set", []

    class Recorded(MaskRCNNDetector):
        def __call__(self, pictures):
            seen.extend(super().__call__(pictures))
            return seen[-len(pictures) :]

    monkeypatch.setattr(detector, "MaskRCNNDetector", Recorded)
    assert at_the_edge(main, ["--run", str(run), "--data", str(data)]) == 0
    shown = capsys.readouterr()
    assert "epoch_0003 (1 of 1): 3 pictures in" in shown.err
    assert "epoch_0003" in shown.out
    evaluation = open_evaluation(run, data)
    assert evaluation.computed == 0  # all is known by now
    assert sum(len(each) for each in seen) > 0
    for stored, fresh in zip(evaluation.results[0].predictions, seen, strict=True):
        assert len(stored) == len(fresh)
        np.testing.assert_array_equal(stored.xyxy, fresh.xyxy)
        np.testing.assert_array_equal(stored.confidence.astype(np.float32), fresh.confidence)
        if not len(fresh):
            continue
        masks = [coco_mask.decode(each).astype(bool) for each in stored.data["rle"]]
        assert all((mask == drawn).all() for mask, drawn in zip(masks, fresh.mask.to_dense(), strict=True))
        np.testing.assert_array_equal(stored.class_id, fresh.class_id + 1)
    with (run / "eval" / "val" / "epochs.csv").open() as file:
        assert [row["class"] for row in csv.DictReader(file)] == ["all", "dog", "cat"]


def test_a_choice_from_it_can_be_followed(made, capsys):
    run, data = made / "run", made / "set"
    flags = ["--run", str(run), "--data", str(data), "--target-recall", "0.5", "--level", "frame", "--best-effort"]
    at_the_edge(main, ["choose", *flags])
    assert choose(run).checkpoint.name == "epoch_0003.h5"
    assert set(choose(run).thresholds) == {"dog", "cat"}
    assert set(json.loads((run / "choice.json").read_text())["evidence"]["classes"]) == {"dog", "cat"}
