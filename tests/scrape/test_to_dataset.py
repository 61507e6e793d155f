"""From a search to a trained network, without a hand on it."""

import json

import cv2
import numpy as np
import pytest
from chromium import needs_chromium
from search_site import search_site
from skimage import data
from tiny_training import arguments, run_eagerly, stages

from annotate.cli import main as annotate
from mrcnn import network
from mrcnn.choice import choose
from mrcnn.dataset_folder import FolderDataset
from scrape.cli import main as scrape
from train.cli import main as train


def photographs():
    """Photographs with the face of one person, cut and turned so that none looks like another; one has no face."""
    person = data.astronaut()
    cuts = [person, person[:330, 40:420, ::1], person[:, ::-1][:300, 120:470], person[20:260, 110:350]]
    tilted = cv2.warpAffine(
        person, cv2.getRotationMatrix2D((220, 120), 18, 1.3), (420, 380), borderMode=cv2.BORDER_REFLECT
    )
    pictures = [*cuts, tilted, data.coffee()]
    return [cv2.imencode(".jpg", np.ascontiguousarray(one[..., ::-1]))[1].tobytes() for one in pictures]


@pytest.fixture
def small_network(monkeypatch):
    """A few small convolutions, run step by step: what is tested is that the pictures arrive."""
    monkeypatch.setattr(network, "application_stages", stages)
    run_eagerly(True)
    yield
    run_eagerly(False)


@needs_chromium
def test_what_was_scraped_goes_through_suggest_check_convert_and_train(tmp_path, capsys, small_network, threads):
    pictures, labels, dataset = tmp_path / "pictures", tmp_path / "labels", tmp_path / "dataset"
    photos = photographs()
    with search_site(photos=photos, total=len(photos), consent="page") as site:
        flags = ["--base-url", site.url, "--allow-private", "--rate", "0", "--workers", "1", "--out", str(pictures)]
        assert scrape(["images", "astronaut", "--engine", "google", "--count", str(len(photos)), *flags]) == 0
    assert annotate(["suggest", str(pictures), "-o", str(labels), "--detector", "centerface"]) == 0
    assert annotate(["check", str(labels), "--images", str(pictures)]) == 0, capsys.readouterr().out
    convert = ["convert", str(labels), "--images", str(pictures), "--split", "train=0.5,val=0.5", "-o", str(dataset)]
    assert annotate(convert) == 0
    parts = [FolderDataset(dataset, split) for split in ("train", "val")]
    for part in parts:
        part.prepare()
    assert sum(len(part.image_ids) for part in parts) == 6
    assert json.loads((dataset / "dataset.json").read_text())["class_names"] == ["face"]
    run = tmp_path / "run"
    few = "--epochs 1 --steps 1 --batch-size 2 --val-pictures 1 --workers 0 --augment none"
    assert train(arguments(dataset, run, *few.split())) == 0
    assert choose(run).checkpoint.is_file()
    assert json.loads((run / "config.json").read_text())["class_names"] == ["BG", "face"]
    (row,) = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert np.isfinite(row["loss"]) and np.isfinite(row["val_loss"])
