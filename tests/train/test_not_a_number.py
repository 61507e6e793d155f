"""Losses and weights that are no numbers any more end a training, and nothing of them is kept as a checkpoint."""

import json
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from quick_training import quick
from shapes_folder import write_folder
from tiny_training import arguments

from common import cli as edge
from common.errors import UserError
from mrcnn import optimization
from mrcnn.config import Config
from train.callbacks import EpochEnd, NotANumber
from train.cli import main
from train.run_folder import RunFolder
from train.waiting import Waiting


class Numbered(keras.utils.PyDataset):
    """Two batches an epoch, of one picture each; its number is 10 times the epoch plus the step."""

    epoch = 0

    def __len__(self) -> int:
        return 2

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __getitem__(self, index: int) -> Any:
        return {"input_image_meta": np.array([[10.0 * self.epoch + index, 0.0]])}, np.zeros(1)


def model(weight: float = 1.0) -> keras.Model:
    inputs = keras.Input((3,))
    made = keras.Model(inputs, keras.layers.Dense(2, name="mrcnn_class_logits")(inputs))
    made.compile(keras.optimizers.SGD(0.1), "mse")
    made.optimizer.build(made.trainable_variables)
    made.get_layer("mrcnn_class_logits").bias.assign([weight, 1.0])
    return made


def watched(weight: float, folder: Path | None) -> NotANumber:
    made = NotANumber(Numbered(), folder, "picture {}".format)
    made.set_model(model(weight))
    made.on_epoch_begin(2)
    return made


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_the_batch_of_its_very_epoch_is_kept(tmp_path: Path, loss: float) -> None:
    watch = watched(1.0, tmp_path)
    watch.on_train_batch_end(0, {"loss": 3.0})
    with pytest.raises(UserError, match=f"the loss became {loss} in epoch 3, step 2 .pictures picture 21; the batch"):
        watch.on_train_batch_end(1, {"loss": loss})
    with np.load(tmp_path / "not_a_number_epoch_0003_step_00002.npz") as kept:
        assert kept["pictures"].tolist() == ["picture 21"] and kept["input_image_meta"][0, 0] == 21


def test_weights_are_looked_at_after_the_last_step(tmp_path: Path) -> None:
    watched(math.nan, tmp_path).on_train_batch_end(0, {"loss": 3.0})
    watched(1.0, tmp_path).on_train_batch_end(1, {"loss": 3.0})
    for wrong in (math.nan, -math.inf):
        with pytest.raises(
            UserError, match=r"weights \(mrcnn_class_logits/bias\) became no numbers in epoch 3, step 2"
        ):
            watched(wrong, tmp_path).on_train_batch_end(1, {"loss": 3.0})


def test_a_machine_that_writes_nothing_says_the_same(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"step 1 \(pictures picture 20\); the checkpoints before stay"):
        watched(1.0, None).on_train_batch_end(0, {"loss": math.nan})


def test_a_validation_without_numbers_leaves_no_checkpoint(tmp_path: Path) -> None:
    config = type("Two", (Config,), {"NUM_CLASSES": 2})()
    run = RunFolder.create(tmp_path / "run", {}, config, ["BG", "dog"])

    def broken(*_: Any) -> None:
        raise FloatingPointError("the network computed what is no number")

    options = {"validate_every": 1, "keep_last": 1, "early_stopping": None, "quiet": True}
    end = EpochEnd(run, config, ["BG", "dog"], broken, Waiting(), 9, options)
    end.set_model(model())
    end.on_epoch_begin(0)
    with pytest.raises(UserError, match="epoch 1, pictures of the validation split: the network computed what is no"):
        end.on_epoch_end(0, {"loss": 1.0})
    assert not list((run.path / "checkpoints").iterdir()) and not run.rows
    with pytest.raises(UserError, match="val_loss became nan in epoch 1; the checkpoints before stay"):
        watched(1.0, None).on_epoch_end(0, {"loss": 1.0, "val_loss": math.nan})


def test_a_last_step_that_spoils_the_weights_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The loss is computed before the step, so it is a number still."""
    monkeypatch.setattr(optimization, "build", lambda numbers: keras.optimizers.SGD(math.inf))
    data, run = write_folder(tmp_path / "data", 4, 2), tmp_path / "run"
    flags = ("--epochs", "2", "--steps", "1", "--val-pictures", "1", "--workers", "0")
    with quick():
        assert edge.run(main, arguments(data, run, *flags)) == 2
    err = capsys.readouterr().err
    (error,) = [line for line in err.splitlines() if line.startswith("error:")]
    assert "became no numbers in epoch 1, step 1" in error and "try a lower --learning-rate" in error
    with np.load(run / "not_a_number_epoch_0001_step_00001.npz") as batch:
        assert batch["input_image"].shape == (4, 64, 64, 3)
    assert not list((run / "checkpoints").iterdir()) and not (run / "metrics.jsonl").exists()
    assert json.loads((run / "settings.json").read_text())["flags"]["epochs"] == 2
