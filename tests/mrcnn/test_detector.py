"""A checkpoint as a detector: where what the network says comes to lie in the picture."""

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import supervision as sv
from mrcnn_goldens import share_found, stored, unpacked

from common.errors import UserError
from mrcnn import boxes as box_maths
from mrcnn import detector as module
from mrcnn.config import Config
from mrcnn.detector import MaskRCNNDetector
from mrcnn.engines import OpenEngine, exported_file
from mrcnn.molding import Molding

SHAPES = {
    "conv1": [(7, 7, 3, 64)],
    "res4f_branch2c": [(1, 1, 256, 1024)],
    "fpn_c5p5": [(1, 1, 2048, 256)],
    "rpn_model": [(3, 3, 256, 512), (512,), (1, 1, 512, 6)],
    "mrcnn_class_conv1": [(7, 7, 256, 1024)],
    "mrcnn_class_logits": [(1024, 3)],
}


def checkpoint_file(path: Path, **settings: Any) -> Path:
    """A checkpoint of a dog and cat model as far as its layout goes; nothing computes with it here."""
    config = type("Pets", (Config,), {"NUM_CLASSES": 3, "BACKBONE": "resnet50", **settings})()
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([name.encode() for name in SHAPES])
        file.attrs["config"], file.attrs["class_names"] = config.to_json(), json.dumps(["BG", "dog", "cat"])
        for name, shapes in SHAPES.items():
            parts = [f"{name}/{number}" for number in range(len(shapes))]
            file.create_group(name).attrs["weight_names"] = np.array([part.encode() for part in parts])
            for part, shape in zip(parts, shapes, strict=True):
                file[name].create_dataset(part, shape=shape)
    return path


class Painter:
    """An engine that answers with what is painted in a picture: a red box is a dog, a green one a cat.

    The box's mask fades from 1 at its left edge to 0 at its right one. The score is the colour's strength.
    """

    def __init__(self) -> None:
        self.sizes: list[tuple[int, ...]] = []

    def __call__(self, pictures: np.ndarray, metas: np.ndarray, anchors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.sizes.append(pictures.shape[:3])
        assert metas.shape == (len(pictures), 12 + 3)
        found = np.zeros((len(pictures), 4, 6), np.float32)
        fading = np.tile(np.linspace(1, 0, 28, dtype=np.float32), (28, 1))
        for number, picture in enumerate(pictures + np.float32([123.7, 116.8, 103.9])):
            row = 0
            for class_id in (1, 2):
                strong = picture[..., class_id - 1] > picture[..., 2 - class_id] + 40
                if strong.any():
                    rows, columns = np.flatnonzero(strong.any(axis=1)), np.flatnonzero(strong.any(axis=0))
                    box = np.array([[rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]])
                    found[number, row, :4] = box_maths.normalize(box, picture.shape[:2])[0]
                    found[number, row, 4:] = class_id, np.median(picture[strong][:, class_id - 1]) / 255
                    row += 1
        return found, np.tile(fading, (len(pictures), 4, 1, 1))


@pytest.fixture
def painter(monkeypatch: pytest.MonkeyPatch) -> Painter:
    engine = Painter()
    monkeypatch.setattr(module, "open_engine", lambda info, runtime, device: OpenEngine(engine, "a painter"))
    return engine


def painted(size: tuple[int, int], dog: Any = None, cat: Any = None, strength: int = 240) -> np.ndarray:
    picture = np.zeros((*size, 3), np.uint8)
    for channel, box in enumerate((dog, cat)):
        if box is not None:
            picture[box[1] : box[3], box[0] : box[2], channel] = strength
    return picture


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return checkpoint_file(tmp_path / "pets.h5", IMAGE_MIN_DIM=256, IMAGE_MAX_DIM=512)


@pytest.mark.parametrize("size", [(360, 640), (640, 360), (217, 333), (1080, 1920), (100, 100)])
@pytest.mark.parametrize("resize", ["square", "pad64"])
def test_boxes_and_masks_lie_where_the_object_is(
    size: tuple[int, int], resize: str, pets: Path, painter: Painter
) -> None:
    detector = MaskRCNNDetector(pets, resize=resize)
    dog = (size[1] // 5, size[0] // 4, size[1] // 2, size[0] // 2)
    cat = (size[1] // 2 + 5, size[0] // 2, size[1], size[0])  # up to the corner
    found = detector([painted(size, dog, cat)])[0]
    assert [detector.classes[number] for number in found.class_id] == ["dog", "cat"]
    step = max(1, max(size) / 512)  # a pixel of the molded picture
    np.testing.assert_allclose(found.xyxy, [dog, cat], atol=2 * step)
    assert isinstance(found.mask, sv.CompactMask)
    assert found.mask.shape == (2, *size)
    for mask, box in zip(found.mask.to_dense(), found.xyxy, strict=True):
        rows, columns = np.nonzero(mask)
        assert (rows.min(), rows.max() + 1) == (box[1], box[3])  # the whole height, and the left half of the width
        assert columns.min() == box[0]
        assert columns.max() + 1 == pytest.approx((box[0] + box[2]) / 2, abs=2)


def test_a_lower_mask_threshold_gives_a_larger_mask_within_the_box(pets: Path, painter: Painter) -> None:
    picture, areas = painted((200, 300), dog=(20, 30, 220, 130)), []
    for threshold in (0.9, 0.5, 0.3, 0.1, 0.001):
        found = MaskRCNNDetector(pets, mask_threshold=threshold)([picture])[0]
        areas.append(int(found.mask.area[0]))
        box = found.xyxy[0]
    assert areas == sorted(areas)
    assert len(set(areas)) == 5
    assert areas[-1] <= (box[2] - box[0]) * (box[3] - box[1])


def test_a_wide_picture_is_not_padded_to_a_square(pets: Path, painter: Painter) -> None:
    wide, other = painted((1080, 1920)), painted((360, 360))
    for resize in ("auto", "pad64", "square"):
        MaskRCNNDetector(pets, resize=resize)([wide])
    MaskRCNNDetector(pets, input_size=256)([wide])
    MaskRCNNDetector(pets)([other])
    assert painter.sizes == [(1, 320, 512), (1, 320, 512), (1, 512, 512), (1, 192, 256), (1, 384, 384)]


@pytest.mark.parametrize(
    ("settings", "size", "molded"),
    [
        ({"IMAGE_RESIZE_MODE": "none"}, (100, 200), (128, 256)),
        ({"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 128}, (100, 300), (128, 384)),
        ({"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 128}, (100, 300), (128, 384)),  # never a part by chance
    ],
)
def test_other_ways_of_resizing_keep_the_scale_of_training(
    settings: dict[str, Any], size: tuple[int, int], molded: tuple[int, int], tmp_path: Path, painter: Painter
) -> None:
    path = checkpoint_file(tmp_path / "pets.h5", **settings)
    MaskRCNNDetector(path)([painted(size)])
    assert painter.sizes == [(1, *molded)]


def test_pictures_of_any_sizes_come_back_in_their_order(pets: Path, painter: Painter) -> None:
    sizes = [(360, 640), (300, 300), (360, 640), (300, 300), (360, 640)]
    pictures = [painted(size, dog=(10 * n, 10, 10 * n + 80, 90)) for n, size in enumerate(sizes)]
    answers = MaskRCNNDetector(pets, batch=2)(pictures)
    assert [round(float(found.xyxy[0, 0]) / 10) for found in answers] == [0, 1, 2, 3, 4]
    assert sorted(size[0] for size in painter.sizes) == [1, 2, 2]
    assert MaskRCNNDetector(pets)([]) == []


def test_the_floor_lets_weak_sightings_through_and_sure_is_the_checkpoints(tmp_path: Path, painter: Painter) -> None:
    path = checkpoint_file(tmp_path / "pets.h5", DETECTION_MIN_CONFIDENCE=0.9)
    weak = painted((200, 300), dog=(20, 30, 220, 130), strength=100)  # a score of 0.39
    detector = MaskRCNNDetector(path)
    assert (detector.floor, detector.sure) == (0.3, 0.9)
    assert detector.config.DETECTION_MIN_CONFIDENCE == 0.3
    assert detector([weak])[0].confidence == pytest.approx([0.39], abs=0.02)
    assert len(MaskRCNNDetector(path, floor=0.5)([weak])[0]) == 0
    for useless in (0.0, 0.2):
        path = checkpoint_file(tmp_path / "pets.h5", DETECTION_MIN_CONFIDENCE=useless)
        assert MaskRCNNDetector(path).sure == 0.7


def test_thresholds_of_a_run_bring_its_classes_to_one_scale(tmp_path: Path, painter: Painter) -> None:
    run = tmp_path / "run"
    checkpoint_file(run / "checkpoints" / "epoch_7.h5")
    (run / "choice.json").write_text(json.dumps({"checkpoint": "epoch_7.h5", "thresholds": {"dog": 0.9}}))
    picture = painted((200, 300), dog=(20, 30, 120, 130), cat=(150, 30, 250, 130), strength=round(0.9 * 255))
    detector = MaskRCNNDetector(run)
    assert detector([picture])[0].confidence == pytest.approx([0.7, 0.9], abs=0.02)  # dog is just sure
    assert MaskRCNNDetector(run, thresholds={})([picture])[0].confidence == pytest.approx([0.9, 0.9], abs=0.02)
    with pytest.raises(UserError, match="a threshold is given for bird; the model finds dog, cat"):
        MaskRCNNDetector(run, thresholds={"bird": 0.5})


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"floor": 0}, "the floor is a score"),
        ({"mask_threshold": 1}, "mask_threshold is a probability"),
        ({"nms": 0}, "nms is an overlap"),
        ({"input_size": 10}, "64 or more"),
        ({"input_size": 500, "resize": "square"}, "a multiple of 64"),
        ({"batch": 0}, "batch is a number"),
        ({"resize": "stretch"}, "choose one of auto, square, pad64"),
        ({"runtime": "tflite"}, "choose one of auto, keras, onnx"),
        ({"weights": "nowhere"}, "no such file or run folder"),
        ({"classes": "dog"}, "finds 2 classes besides background, but 1 name was given"),
    ],
)
def test_what_makes_no_sense_is_said(options: dict[str, Any], complaint: str, pets: Path, painter: Painter) -> None:
    with pytest.raises(UserError, match=complaint):
        MaskRCNNDetector(**{"weights": pets, **options})


def test_a_molded_picture_is_the_originals_when_square() -> None:
    molding = Molding.of(type("C", (Config,), {"IMAGE_MIN_DIM": 128, "IMAGE_MAX_DIM": 128})(), resize="square")
    molded = molding(np.full((64, 128, 3), 200, np.uint8))
    assert molded.window == (32, 0, 96, 128)
    np.testing.assert_allclose(molded.pixels[0, 0], [-123.7, -116.8, -103.9], rtol=1e-6)
    np.testing.assert_allclose(molded.pixels[64, 64], [76.3, 83.2, 96.1], rtol=1e-6)


class GoldenConfig(Config):
    NAME, BACKBONE, NUM_CLASSES = "golden", "resnet50", 1 + 3
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 256
    RESIZE_BORDER = "constant"


@pytest.mark.shared
def test_the_original_finds_the_same(small_weights: Path, tmp_path: Path) -> None:
    weights = tmp_path / "small.h5"
    weights.symlink_to(small_weights)
    GoldenConfig().save(tmp_path / "config.json")
    detector = MaskRCNNDetector(weights, classes="a,b,c", floor=0.7, resize="square", device="cpu")
    assert "CPU" in detector.device
    golden = stored("small_infer_0")
    found = detector([golden["image"]])[0]
    ours = (found.xyxy[:, [1, 0, 3, 2]], found.confidence, found.class_id + 1)
    theirs = tuple(golden[f"result_{name}"] for name in ("rois", "scores", "class_ids"))
    assert min(share_found(*ours, theirs), share_found(*theirs, ours)) >= 0.97
    masks, alike = unpacked(golden, "result_masks"), 0
    for box, mask in zip(ours[0], found.mask.to_dense(), strict=True):
        other = int(np.abs(theirs[0] - box).max(axis=1).argmin())
        first, second = mask, masks[..., other]
        alike += int((first & second).sum() >= 0.98 * (first | second).sum())
    assert alike >= 0.97 * len(found)


@pytest.mark.shared
def test_a_device_that_is_not_there_is_refused(small_weights: Path) -> None:
    from mrcnn import devices

    with pytest.raises(UserError, match="unknown device 'tpu9' for Keras: choose one of auto, cpu, gpu, cuda"):
        MaskRCNNDetector(small_weights, classes="a,b,c", device="tpu9")
    if not devices.gpus():
        with pytest.raises(UserError, match=r"device 'cuda' is not available here: .* sees no GPU"):
            MaskRCNNDetector(small_weights, classes="a,b,c", device="cuda")


def test_an_exported_file_beside_the_checkpoint_computes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, beside = tmp_path / "dog.h5", tmp_path / "dog.onnx"
    path.touch()
    assert exported_file(path) is None
    with pytest.raises(UserError, match=r"has not been exported .* run `python -m infer export .*dog\.h5`"):
        exported_file(path, "onnx")
    beside.touch()
    assert exported_file(path, "onnx") == exported_file(path, device="cpu") == exported_file(beside) == beside
    assert exported_file(path, "keras") is None
    with pytest.raises(UserError, match="runs in ONNX Runtime only"):
        exported_file(beside, "keras")
    os.utime(beside, (1, 1))
    assert exported_file(path) is None
    assert "is older than dog.h5" in caplog.text
