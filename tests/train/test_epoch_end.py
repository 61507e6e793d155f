"""The end of an epoch, broken off at each of its steps, and what is read of a run afterwards."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from mrcnn import checkpoint, training_state
from mrcnn.config import Config
from mrcnn.weight_file import read_layers
from train.callbacks import EpochEnd, line
from train.run_folder import RunFolder
from train.waiting import Waiting

CONFIG = type("Two", (Config,), {"NUM_CLASSES": 2})()
OPTIONS = {"validate_every": 1, "keep_last": 1, "early_stopping": None, "quiet": True}


class Killed(BaseException):
    pass


def model() -> keras.Model:
    inputs = keras.Input((3,))
    made = keras.Model(inputs, keras.layers.Dense(2, name="mrcnn_class_logits")(inputs))
    made.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    made.optimizer.build(made.trainable_variables)
    return made


def epoch_end(run: RunFolder, epochs: int = 9, **options: Any) -> EpochEnd:
    found = iter(range(1, 9))
    made = EpochEnd(
        run, CONFIG, ["BG", "dog"], lambda *_: {"val_mask_ap50": next(found) / 10}, Waiting(), epochs, OPTIONS | options
    )
    made.set_model(model())
    return made


def end(made: EpochEnd, epoch: int) -> None:
    """End an epoch, counted from 1, whose weights are its number."""
    for variable in made.model.weights:
        variable.assign(np.full(variable.shape, epoch, np.float32))
    made.on_epoch_begin(epoch - 1)
    made.on_train_batch_end(0)
    made.on_epoch_end(epoch - 1, {"loss": 1.0 / epoch})


@pytest.mark.parametrize("step", range(1, 8))
def test_wherever_it_is_killed_the_run_can_be_taken_up(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder.create(tmp_path / "run", {}, CONFIG, ["BG", "dog"])
    made = epoch_end(run)
    end(made, 1)
    calls = 0

    def counted(name: str) -> Any:
        usual = getattr(Path, name)

        def maybe(path: Path, *arguments: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == step:
                raise Killed
            return usual(path, *arguments, **more)

        return maybe

    with monkeypatch.context() as patch:
        for name in ("replace", "open"):
            patch.setattr(Path, name, counted(name))
        try:
            end(made, 2)
        except Killed:
            pass
        else:
            assert calls < step  # no such step any more
    again = RunFolder.open(run.path)
    state = training_state.read(again.state)
    assert state is not None and state.epoch in (1, 2)
    again.go_back_to(state.epoch)
    assert [row["epoch"] for row in again.rows] == list(range(1, state.epoch + 1))
    for path in (run.path / "checkpoints" / state.checkpoint, run.path / "checkpoints" / "last.h5"):
        (kernel, bias) = read_layers(path)["mrcnn_class_logits"]
        assert np.all(kernel == state.epoch) and np.all(bias == state.epoch)
    assert read_layers(run.path / "checkpoints" / "best.h5")  # readable, whichever of the two it is


def test_a_kill_after_the_last_step_loses_nothing(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {}, CONFIG, ["BG", "dog"])
    made = epoch_end(run)
    end(made, 1)
    end(made, 2)
    assert sorted(path.name for path in (run.path / "checkpoints").iterdir()) == ["best.h5", "epoch_0002.h5", "last.h5"]
    state = training_state.read(run.state)
    assert state is not None and training_state.fits(state, made.model)
    assert state.checkpoint == "epoch_0002.h5"
    assert checkpoint.CONFIG == "config"


def test_it_ends_when_nothing_became_better(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {}, CONFIG, ["BG", "dog"])
    made = epoch_end(run, early_stopping=2)
    made.validate = lambda *_: {"val_mask_ap50": [0.1, 0.5, 0.4, 0.3, 0.6][len(run.rows)]}
    stopped = []
    for epoch in range(1, 5):
        made.model.stop_training = False
        end(made, epoch)
        stopped.append(bool(made.model.stop_training))
    assert stopped == [False, False, False, True] and made.stopped_early


def test_a_line_says_what_an_epoch_brought() -> None:
    row = {
        "epoch": 3,
        "loss": 1.5,
        "rpn_class_loss": 0.5,
        "val_loss": 2.0,
        "val_mask_ap50": 0.61,
        "learning_rate": 0.001,
        "images_per_second": 7.9,
        "seconds": 60.0,
    }
    said = line(row, 5)
    assert said == (
        "epoch 3/5: loss 1.500 (0.500); val 2.000; mask AP50 0.610; lr 0.001; 7.9 pictures/s; 1:00, 2:00 left"
    )


def test_early_stopping_waits_for_a_validation(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {}, CONFIG, ["BG", "dog"])
    made = epoch_end(run, validate_every=4, early_stopping=2)
    for epoch in range(1, 8):
        end(made, epoch)
    assert not made.stopped_early
    end(made, 8)
    assert run.best_epoch() == 8 and not made.stopped_early
