"""From a search to a dataset, without a hand on it."""

import json

import cv2
import numpy as np
from chromium import needs_chromium
from search_site import search_site
from skimage import data

from annotate.cli import main as annotate
from mrcnn.dataset_folder import FolderDataset
from scrape.cli import main as scrape


def photographs():
    """Photographs with the face of one person, cut and turned so that none looks like another; one has no face."""
    person = data.astronaut()
    cuts = [person, person[:330, 40:420, ::1], person[:, ::-1][:300, 120:470], person[20:260, 110:350]]
    tilted = cv2.warpAffine(
        person, cv2.getRotationMatrix2D((220, 120), 18, 1.3), (420, 380), borderMode=cv2.BORDER_REFLECT
    )
    pictures = [*cuts, tilted, data.coffee()]
    return [cv2.imencode(".jpg", np.ascontiguousarray(one[..., ::-1]))[1].tobytes() for one in pictures]


@needs_chromium
def test_what_was_scraped_goes_through_suggest_check_and_convert(tmp_path, capsys):
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
