"""A run is taken up where what it began with is not there any more; splits and flags that leave nothing to look at."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from quick_training import quick
from shapes_folder import write_folder
from tiny_training import arguments

from common.errors import UserError
from mrcnn.config import Config
from train import job, pictures, start
from train.cli import main
from train.feeds import batches_of
from train.run_folder import RunFolder
from train.settings import TrainSettings, changed, resolve
from train.waiting import Waiting

FEW = ("--steps", "1", "--workers", "0", "--validate-every", "0", "--batch-size", "2")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("set") / "shapes", 4, 2)


@pytest.fixture
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the first steps that are tried before a training: they take as long as the training itself here."""
    monkeypatch.setattr(job, "estimate", lambda *_: "")


def without_objects(data: Path, split: str, keep: int) -> None:
    """Leave objects in the last `keep` pictures alone."""
    path = data / f"{split}.json"
    content = json.loads(path.read_text())
    kept = {image["id"] for image in content["images"][len(content["images"]) - keep :]}
    content["annotations"] = [each for each in content["annotations"] if each["image_id"] in kept]
    path.write_text(json.dumps(content))


@pytest.mark.usefixtures("untried")
def test_a_run_goes_on_without_what_it_began_with(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before, run = tmp_path / "before", tmp_path / "run"
    with quick():
        monkeypatch.chdir(data.parent)
        assert main(arguments(Path(data.name), before, *FEW, "--epochs", "1")) == 0
        assert main(arguments(Path(data.name), run, *FEW, "--epochs", "1", "--weights", str(before))) == 0
        shutil.rmtree(before)
        monkeypatch.chdir(tmp_path)
        assert main(["-o", "run", "--resume", "--epochs", "2"]) == 0
        assert [row["epoch"] for row in RunFolder.open(run).rows] == [1, 2]
        # Killed after the state of its last epoch was written.
        (run / "checkpoints" / "last.h5").unlink()
        (run / "losses.png").unlink()
        with pytest.raises(UserError, match="2 epochs are done"):
            main(["-o", "run", "--resume"])
    last = run / "checkpoints" / "last.h5"
    assert last.samefile(run / "checkpoints" / "epoch_0002.h5") and (run / "losses.png").is_file()


@pytest.mark.usefixtures("untried")
@pytest.mark.parametrize("keep", [0, 1])
def test_a_validation_split_that_shows_nothing_ends_no_training(tmp_path: Path, keep: int) -> None:
    data = write_folder(tmp_path / "shapes", 4, 2)
    without_objects(data, "val", keep)
    with quick():
        more = ("--steps", "1", "--workers", "0", "--epochs", "1", "--val-pictures", "1")
        assert main(arguments(data, tmp_path / "run", *more)) == 0
    (row,) = RunFolder.open(tmp_path / "run").rows
    assert row["loss"] > 0 and "val_loss" not in row


def test_pictures_that_show_nothing_have_no_place_in_an_epoch(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "shapes", 4, 2)
    without_objects(data, "train", 2)
    learnt, _ = pictures.open_pictures(data)
    config = type("Small", (Config,), {"NUM_CLASSES": 3, "IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64, "SEED": 0})()
    assert batches_of(learnt, config).rows.image_ids.tolist() == [2, 3]
    assert batches_of(learnt, config, negatives=True).rows.image_ids.tolist() == [0, 1, 2, 3]


def test_outlines_that_are_none_are_a_fault(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "shapes", 4, 2)
    content = json.loads((data / "train.json").read_text())
    content["annotations"][0]["segmentation"] = [[1, 2]]
    (data / "train.json").write_text(json.dumps(content))
    (fault,) = pictures.look(*pictures.open_pictures(data)).faults
    assert "its labels cannot be read (Exception: input type is not supported" in fault


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"classes": ("disc", "disc")}, "--classes disc,disc: expected one or more names, each once"),
        ({"classes": ()}, "expected one or more names"),
        ({"overfit": 2, "validate_every": 0}, "--validate-every 0 leaves that out"),
        ({"overfit": 2, "machines": "0/2@a:1"}, "--machines leaves that out"),
    ],
)
def test_flags_that_leave_nothing_are_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        resolve({"data": Path("set"), "epochs": 1, **more})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("LEARNING_MOMENTUM=0.5", "a momentum of 0.9"),
        ("IMAGES_PER_GPU=4", "give --batch-size"),
        ("IMAGE_MAX_DIM=big", "expected something like 1024"),
        ("MASK_SHAPE=5", "expected something like"),
        ("RPN_BBOX_STD_DEV=[0.1, 0.1]", "expected something like"),
        ("LOSS_WEIGHTS=3", "expected something like"),
        ("MAX_GT_INSTANCES=0", "MAX_GT_INSTANCES is 0; expected more than 0"),
        ("TRAIN_ROIS_PER_IMAGE=0", "expected more than 0"),
        ("MINI_MASK_SHAPE=[0, 0]", "expected more than 0"),
        ("RPN_ANCHOR_STRIDE=0", "expected more than 0"),
        ("RPN_NMS_THRESHOLD=1.5", "expected a number from 0 to 1"),
        ("IMAGE_CHANNEL_COUNT=4", "expected 3 of both, or 1"),
    ],
)
def test_settings_that_cannot_be_are_told(text: str, message: str) -> None:
    settings = resolve({"data": Path("set"), "epochs": 1, "weights": "none", "set": [text]})
    with pytest.raises(UserError, match=message):
        start.configuration(settings, start.Start("none"), ["BG", "dog"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"POOL_SIZE": "seven"}, "--config POOL_SIZE=seven: expected something like 7"),
        ({"MASK_SHAPE": [28]}, r"--config MASK_SHAPE=\[28\]: expected something like \[28, 28\]"),
    ],
)
def test_settings_in_a_file_that_cannot_be_are_told(tmp_path: Path, body: dict[str, Any], message: str) -> None:
    (tmp_path / "own.json").write_text(json.dumps({**json.loads(Config().to_json()), **body}))
    settings = resolve({"data": Path("set"), "epochs": 1, "weights": "none", "config": tmp_path / "own.json"})
    with pytest.raises(UserError, match=message):
        start.configuration(settings, start.Start("none"), ["BG", "dog"])


def test_a_whole_file_of_settings_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    config = type("Own", (Config,), {"POOL_SIZE": 5, "GRADIENT_CLIP_NORM": None, "MEAN_PIXEL": np.ones(3)})()
    file.write_text(json.dumps({**json.loads(config.to_json()), "class_names": ["BG", "dog"]}))
    settings = resolve({"data": Path("set"), "epochs": 1, "weights": "none", "config": file})
    assert start.configuration(settings, start.Start("none"), ["BG", "dog"]).POOL_SIZE == 5


def test_settings_of_every_shape_are_taken() -> None:
    texts = ["RPN_ANCHOR_STRIDE=1", "RPN_NMS_THRESHOLD=0.8", "MINI_MASK_SHAPE=[28, 28]", "USE_MINI_MASK=false"]
    settings = resolve({"data": Path("set"), "epochs": 1, "weights": "none", "set": texts})
    assert isinstance(settings, TrainSettings)
    config = start.configuration(settings, start.Start("none"), ["BG", "dog"])
    assert config.RPN_NMS_THRESHOLD == 0.8 and not config.USE_MINI_MASK


def test_slow_pictures_are_waited_for_on_every_backend() -> None:
    """In the best of a few epochs: what is made ahead while a step takes long is not waited for."""

    def slow() -> Iterator[Any]:
        while True:
            time.sleep(0.05)
            yield np.ones((2, 3), np.float32), np.ones((2, 1), np.float32)

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    waiting, shares = Waiting(), []
    note: Callable[..., None] = lambda *_: shares.append(waiting.share)  # noqa: E731
    callbacks = [waiting, keras.callbacks.LambdaCallback(on_epoch_end=note)]
    model.fit(slow(), steps_per_epoch=4, epochs=5, callbacks=callbacks, verbose=0)
    assert max(shares) > 0.3


def test_a_schedule_of_layers_keeps_its_epochs() -> None:
    for layers, told in (("schedule", ["--epochs was 8, now is 16"]), ("all", [])):
        before = resolve({"data": Path("set"), "epochs": 8, "layers": layers})
        assert changed(before, resolve({"epochs": 16}, before)) == told
