"""`infer export`: from a checkpoint to a file that needs no Keras."""

import copy
from pathlib import Path

import cv2
import keras
import numpy as np
import onnx
import pytest

from common.cli import run
from infer.cli import main
from infer.export import pictures_of
from mrcnn import checkpoint, from_config, network
from mrcnn.config import Config
from mrcnn.detector import MaskRCNNDetector
from mrcnn.onnx_export import export, integers
from mrcnn.onnx_export.agreement import Agreement
from mrcnn.onnx_export.export import from_checkpoint


class PetConfig(Config):
    NAME, NUM_CLASSES, BACKBONE = "pet", 3, "mobilenet_v3_small"
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 128
    TOP_DOWN_PYRAMID_SIZE, FPN_CLASSIF_FC_LAYERS_SIZE, POST_NMS_ROIS_INFERENCE = 16, 16, 20
    DETECTION_MIN_CONFIDENCE = 0.35


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.utils.set_random_seed(6)
    config, path = PetConfig(), tmp_path_factory.mktemp("pets") / "pets.h5"
    model = network.inference_model(from_config.architecture(config), from_config.selection(config))
    layer = model.get_layer("mrcnn_class_logits")
    layer.set_weights([6 * weight for weight in layer.get_weights()])
    checkpoint.save(model, path, config, ["dog", "cat"])
    return path


@pytest.fixture(scope="module")
def in_float(pets: Path) -> onnx.ModelProto:
    """The checkpoint as ONNX, before anything is made smaller."""
    return from_checkpoint(checkpoint.read(pets))


@pytest.fixture
def exported_before(in_float: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the network as it was written once: these tests are about what comes after."""
    monkeypatch.setattr(export, "from_checkpoint", lambda *given: copy.deepcopy(in_float))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, dice = tmp_path_factory.mktemp("photographs"), np.random.default_rng(1)
    for number in range(6):
        blurred = cv2.resize(dice.integers(0, 255, (6, 8, 3), np.uint8), (128, 96), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number}.png"), blurred)
    (folder / "notes.txt").write_text("not a picture")
    return folder


def error_of(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    assert run(main, [str(each) for each in argv]) == 2
    return capsys.readouterr().err


def test_a_checkpoint_becomes_a_file_that_detects(
    pets: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "pets.onnx"
    assert main(["export", str(pets), "-o", str(out), "--for", "cpu"]) == 0
    assert capsys.readouterr().out.startswith(f"{out}: 2 classes, 32-bit float, ")
    picture = next(pictures_of(photographs, 1))
    found = MaskRCNNDetector(out, floor=0.34, device="cpu")
    assert found.classes == ("dog", "cat")
    assert "ONNX Runtime" in found.device
    ours, theirs = found([picture])[0], MaskRCNNDetector(pets, floor=0.34, device="cpu", runtime="keras")([picture])[0]
    assert len(ours) == len(theirs) > 0
    np.testing.assert_allclose(np.sort(ours.confidence), np.sort(theirs.confidence), atol=0.01)
    assert "exists; add --overwrite" in error_of(capsys, "export", pets, "-o", out)
    assert "is exported already" in error_of(capsys, "export", out)


@pytest.mark.usefixtures("exported_before")
def test_eight_bits_are_compared_with_thirty_two(
    pets: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "small.onnx"
    argv = ["export", str(pets), "-o", str(out), "--for", "cpu", "--int8", "--calibrate", str(photographs)]
    assert main([*argv, "--limit", "0"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "8-bit integers but the last layers" in first
    assert "objects (" in second and "found again" in second
    kinds = [array.data_type for array in onnx.load(out).graph.initializer]
    assert kinds.count(onnx.TensorProto.INT8) > 50
    assert isinstance(MaskRCNNDetector(out, device="cpu")(list(pictures_of(photographs, 2)))[0].xyxy, np.ndarray)


@pytest.mark.usefixtures("exported_before")
def test_eight_bits_that_lose_objects_are_not_written(
    pets: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = iter([Agreement(10, 8, 0, 0.9), Agreement(10, 9, 1, 0.9), *3 * [Agreement(10, 7, 0, 0.9)]] * 2)
    monkeypatch.setattr(integers, "answers", lambda *given: [])
    monkeypatch.setattr(integers, "compare", lambda *given, **named: next(tried))
    out = tmp_path / "pets.onnx"
    argv = ["export", str(pets), "-o", str(out), "--for", "cpu", "--int8", "--calibrate", str(photographs)]
    message = error_of(capsys, *argv)
    assert "not written: with 8 bits 9 of 10 objects (90.0%) found again, 1 new" in message
    assert not out.exists()
    assert main([*argv, "--force"]) == 0
    assert "8-bit integers but the last layers and the first" in capsys.readouterr().out
    assert out.exists()


def test_what_cannot_be_is_one_line(pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "pets.onnx"
    assert "--int8 needs --calibrate" in error_of(capsys, "export", pets, "--int8")
    assert "add --int8" in error_of(capsys, "export", pets, "--calibrate", pets)
    assert "called NAME.onnx" in error_of(capsys, "export", pets, "-o", tmp_path / "pets.bin")
    assert "operator set 12 is not supported" in error_of(capsys, "export", pets, "-o", out, "--opset", 12)
    assert "expected one of auto, cpu, gpu" in error_of(capsys, "export", pets, "-o", out, "--for", "tpu")
    gpu = ("export", pets, "-o", out, "--for", "gpu", "--int8", "--calibrate", tmp_path)
    assert "8-bit integers are for CPUs" in error_of(capsys, *gpu)
    few = ("export", pets, "-o", out, "--for", "cpu", "--int8", "--calibrate", tmp_path)
    assert "holds no picture" in error_of(capsys, *few)
    assert "no such file" in error_of(capsys, *few[:-1], tmp_path / "none.mp4")
    assert not out.exists()
