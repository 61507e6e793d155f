"""Checkpoints on the command line: which classes they offer, and that their masks, not their boxes, are hidden."""

import json
import subprocess
import sys

import av
import numpy as np
import pytest
import supervision as sv
from painted_pets import Painter, checkpoint_file
from PIL import Image
from skimage import data

from common.cli import run
from common.detections import make_detections
from infer.analyse import Look, detect
from infer.cli import main
from infer.report import sha256
from mrcnn import detector as module
from mrcnn.engines import OpenEngine

BLIND = range(8, 13)
BOX = (40, 60, 64, 48)  # left and top of the dog in the first frame, width, height


@pytest.fixture
def painter(monkeypatch):
    engine = Painter(BLIND)
    monkeypatch.setattr(
        module, "open_engine", lambda info, runtime, device: OpenEngine(engine, "a painter", path=info.path)
    )
    return engine


@pytest.fixture
def pets(tmp_path):
    return checkpoint_file(tmp_path / "pets.h5", IMAGE_MIN_DIM=256, IMAGE_MAX_DIM=256)


def left_of(frame):
    return BOX[0] + 3 * frame


@pytest.fixture
def clip(tmp_path):
    """A rough red box that walks to the right over a rough grey ground, 20 frames."""
    dice = np.random.default_rng(0)
    ground = dice.integers(90, 160, (18, 24, 1)).repeat(10, 0).repeat(10, 1).repeat(3, 2)
    dog = (
        np.stack([dice.integers(190, 250, (12, 16)), *dice.integers(20, 90, (2, 12, 16))], 2).repeat(4, 0).repeat(4, 1)
    )
    path = tmp_path / "walk.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "8", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 240, 180, "yuv444p"
        for frame in range(20):
            picture = ground.astype(np.uint8)
            picture[BOX[1] : BOX[1] + BOX[3], left_of(frame) : left_of(frame) + BOX[2]] = dog
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def call(*words):
    return run(main, [str(word) for word in words])


def blacks(path):
    """Where each frame is black, (H, W) bool."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") < 40 for frame in container.decode(video=0)]


def test_the_mask_is_hidden_not_the_box_in_gaps_too(clip, pets, painter, tmp_path):
    out = tmp_path / "out.mp4"
    flags = ("--effect", "fill", "--color", "black", "--tight", "--feather", "0", "--quiet")
    assert call("video", clip, "-o", out, "--weights", pets, "--hide", "dogs", *flags) == 0
    assert len(painter.sizes) == 20
    for number, black in enumerate(blacks(out)):
        top, bottom, left = BOX[1], BOX[1] + BOX[3], left_of(number)
        assert black[top + 3 : bottom - 3, left + 3 : left + 28].mean() > 0.97, number  # the mask is the left half
        assert black[top:bottom, left + 46 : left + 64].mean() < 0.05, number
        assert black[: top - 6].sum() + black[bottom + 6 :].sum() == 0, number
    lines = [json.loads(line) for line in (tmp_path / "out.mp4.detections.jsonl").read_text().splitlines()]
    assert lines[0]["classes"] == ["dog"]
    assert {line["objects"][0]["origin"] for line in lines[9:14]} == {"propagated"}
    assert all("mask" in line["objects"][0] for line in lines[1:])


def test_a_lower_mask_threshold_covers_more(clip, pets, painter, tmp_path):
    painter.blind = ()
    areas = []
    for threshold in ("0.8", "0.5", "0.2"):
        out = tmp_path / f"{threshold}.mp4"
        flags = ("--effect", "fill", "--color", "black", "--quiet", "--mask-threshold", threshold, "--end", "0.2")
        assert call("video", clip, "-o", out, "--weights", pets, "--hide", "dog", *flags) == 0
        areas.append(sum(int(black.sum()) for black in blacks(out)))
    assert areas == sorted(areas)
    assert areas[2] > 1.5 * areas[0]


def test_a_face_and_a_dog_in_one_run(pets, painter, tmp_path, capsys):
    """The face has no mask beside the dog that has one."""
    painter.blind = ()
    photo = data.astronaut()[..., 1:2].repeat(3, axis=2)  # grey: her suit is as red as a dog
    photo[360:460, 20:140] = (240, 20, 20)
    source, out = tmp_path / "photo.png", tmp_path / "out.png"
    Image.fromarray(photo).save(source)
    flags = ("--effect", "fill", "--color", "black")
    assert call("image", source, "-o", out, "--weights", pets, "--hide", "face,dog", *flags) == 0
    assert "face 1 time" in (printed := capsys.readouterr().out) and "dog 1 time" in printed
    hidden = np.array(Image.open(out))
    assert hidden[90:150, 200:240].max() == 0  # the face
    assert hidden[370:450, 30:70].max() == 0  # the left half of the dog
    assert np.array_equal(hidden[370:450, 100:130], photo[370:450, 100:130])
    report = json.loads((tmp_path / "out.png.report.json").read_text())
    assert "mask-rcnn" in report["model"] and "centerface" in report["model"]
    assert report["hashes"]["model"] == sha256(pets)


def test_a_models_classes_are_listed_and_matched(clip, pets, tmp_path, capsys):
    assert call("classes", "--weights", pets) == 0
    rows = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows if str(pets) in " ".join(row)] == ["dog", "cat"]
    for words, complaint in (
        (["--hide", "dgo"], "did you mean dog?"),
        (["--hide", "qqqq"], "found are dog, cat, face"),
        (["--hide", "person"], "add --weights coco"),
        (["--hide", "dog", "--classes", "a,b,c"], "finds 2 classes besides background, but 3 names were given"),
        (["--hide", "dog", "--detector-option", "resize=wide"], "choose one of auto, square, pad64"),
        (["--hide", "dog", "--detector-option", "speed=9"], "detector mask-rcnn has no option speed"),
    ):
        assert call("video", clip, "-o", tmp_path / "out.mp4", "--weights", pets, *words) == 2
        captured = capsys.readouterr().err
        assert complaint in captured, captured
        assert captured.count("\n") == 1


def test_names_are_given_once_for_each_model(clip, pets, capsys):
    two = ("--weights", pets, "--weights", pets, "--classes", "a,b")
    assert call("video", clip, *two, "--hide", "a") == 2
    assert "--classes was given 1 times and --weights 2" in capsys.readouterr().err


def test_cocos_classes_without_weights_and_without_a_network(clip, tmp_path, monkeypatch, capsys):
    from mrcnn import download

    monkeypatch.setenv(download.CACHE_VARIABLE, str(tmp_path / "cache"))
    address = "http://127.0.0.1:9/mask_rcnn_coco.h5"  # the port "discard": nobody listens
    monkeypatch.setattr(download, "KNOWN", {"coco": download.Remote(address)})
    assert call("video", clip, "-o", tmp_path / "out.mp4", "--hide", "bicycle") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    for part in (address, str(tmp_path / "cache" / "mask_rcnn_coco.h5"), "python -m data weights coco"):
        assert part in error


def test_without_the_packages_of_models_the_extra_is_named(pets):
    script = (
        "import sys; sys.modules['h5py'] = None\n"  # as if it were not installed
        "from common.cli import run; from infer.cli import main\n"
        f"sys.exit(run(main, ['classes', '--weights', {str(pets)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["error: models need the package h5py: run `pip install -e '.[model]'`"]


class Dense:
    """A detector with masks of whole frames."""

    name, classes, device, floor, sure = "dense", ("dog",), "here", 0.1, 0.5

    def __call__(self, pictures):
        mask = np.zeros((1, 180, 240), bool)
        mask[0, 20:40, 30:90] = True
        return [make_detections(np.array([[40, 20, 60, 40]]), [0.9], [0], masks=mask) for _ in pictures]


def test_linking_holds_masks_in_compact_form():
    picture = np.zeros((180, 240, 3), np.uint8)
    looks = [Look(number, number / 25, picture[..., 0], picture, None) for number in range(3)]
    for found, failed in detect(looks, Dense(), False).values():
        assert failed is None
        assert isinstance(found.mask, sv.CompactMask)
        assert found.mask.to_dense()[0].sum() == 20 * 60  # wider than its box
