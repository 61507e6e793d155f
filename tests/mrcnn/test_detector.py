"""A checkpoint as a detector: where what the network says comes to lie in the picture."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import supervision as sv
from mrcnn_goldens import share_found, stored, unpacked
from painted_pets import Painter, checkpoint_file, painted
from uncompiled import uncompiled

from common.errors import UserError
from mrcnn import detector as module
from mrcnn.config import Config
from mrcnn.detector import MaskRCNNDetector
from mrcnn.engines import OpenEngine, exported_file
from mrcnn.molding import Molding


@pytest.fixture
def painter(monkeypatch: pytest.MonkeyPatch) -> Painter:
    engine = Painter()
    monkeypatch.setattr(
        module, "open_engine", lambda info, runtime, device: OpenEngine(engine, "a painter", path=info.path)
    )
    return engine


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
    # One that lies below the floor is asked of the network, and what reaches it is sure.
    weak = painted((200, 300), dog=(20, 30, 120, 130), cat=(150, 30, 250, 130), strength=round(0.2 * 255))
    low = MaskRCNNDetector(run, thresholds={"dog": 0.2})
    assert not len(MaskRCNNDetector(run, thresholds={})([weak])[0])
    assert [low.classes[number] for number in low([weak])[0].class_id] == ["dog", "cat"]
    assert low([weak])[0].confidence[0] >= low.sure and low.config.DETECTION_MIN_CONFIDENCE == 0.2
    assert low.floor <= low([weak])[0].confidence.min()
    # One that lies above squeezes weak sightings below the floor; the floor that is handed out goes with them.
    high = MaskRCNNDetector(run, thresholds={"dog": 0.9})
    assert high.floor == pytest.approx(0.3 * 0.7 / 0.9)
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
    with uncompiled():
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
    with pytest.raises(UserError, match=r"is older than dog\.h5: export it again"):
        exported_file(path, "onnx")


def test_an_export_of_other_classes_is_refused(tmp_path: Path) -> None:
    """What is called a dog by the checkpoint must not be taken from a file that calls it a cow."""
    import onnx
    from onnx import helper

    from mrcnn import onnx_names
    from mrcnn.checkpoint import read
    from mrcnn.engines import open_engine

    info = read(checkpoint_file(tmp_path / "pets.h5"))
    model = helper.make_model(helper.make_graph([], "empty", [], []))
    texts = {onnx_names.CONFIG: info.config.to_json(), onnx_names.CLASS_NAMES: json.dumps(["BG", "cat", "dog"])}
    helper.set_model_props(model, texts)
    onnx.save(model, str(tmp_path / "pets.onnx"))
    with pytest.raises(UserError, match=r"pets\.onnx finds cat, dog, pets\.h5 beside it dog, cat: export"):
        open_engine(info, device="cpu")
