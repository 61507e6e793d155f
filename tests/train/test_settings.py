import json
from pathlib import Path

import pytest

from common.errors import UserError
from mrcnn.config import Config
from train.flags import parser
from train.settings import TrainSettings, changed, presets, resolve


def given(*flags: str) -> dict:
    return vars(parser().parse_args(["--data", "set", "--epochs", "3", *flags]))


def test_a_presets_numbers_count_where_no_flag_is_given() -> None:
    small = presets()["small"]
    settings = resolve(given("--preset", "small", "--batch-size", "3"))
    assert settings.weights == "none"
    assert (settings.batch_size, settings.optimizer) == (3, small["flags"]["optimizer"])
    assert settings.config["BACKBONE"] == small["config"]["BACKBONE"] and settings.config_counts


def test_without_a_preset_heads_are_learnt_on_coco_weights_as_in_the_original() -> None:
    settings = resolve(given())
    assert (settings.weights, settings.total_layers, settings.optimizer) == ("coco", "heads", "sgd")
    assert (settings.learning_rate, settings.clip_norm, settings.weight_decay) == (0.001, 5.0, 0.0001)
    assert not settings.config_counts  # the weights bring settings of their own
    assert resolve(given("--weights", "none")).total_layers == "all"


def test_settings_of_the_model_come_from_a_file_and_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(json.dumps({"POOL_SIZE": 5, "class_names": ["BG"]}))
    settings = resolve(
        given("--config", str(tmp_path / "own.json"), "--set", "RPN_NMS_THRESHOLD=0.8", "--set", "NAME=x")
    )
    assert settings.config["POOL_SIZE"] == 5 and "class_names" not in settings.config
    assert settings.own == {"RPN_NMS_THRESHOLD": 0.8, "NAME": "x"}


def test_names_in_a_file_that_are_no_settings_are_told_with_those_that_are_near(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"POOL_SIZ": 5, "rpn_nms_threshold": 0.8, "XYZ": 1, "POOL_SIZE": 5}))
    with pytest.raises(UserError) as raised:
        resolve(given("--config", str(file)))
    assert str(raised.value) == (
        f"{file}: no setting POOL_SIZ (meant is POOL_SIZE?), rpn_nms_threshold (meant is RPN_NMS_THRESHOLD?), XYZ; "
        "`mrcnn.config.Config` lists them"
    )
    Config().save(file)
    assert resolve(given("--config", str(file))).config["POOL_SIZE"] == 7


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--preset", "tiny"], "no preset 'tiny': expected one of standard, small"),
        (["--image-size", "300"], "--image-size must be a multiple of 64, got 300"),
        (["--batch-size", "0"], "--batch-size must be 1 or more, got 0"),
        (["--learning-rate", "-1"], "--learning-rate must be above 0"),
        (["--set", "pool=5"], "--set pool=5: expected NAME=VALUE"),
        (["--config", "nowhere.json"], "nowhere.json: cannot be read"),
        (["--config", ""], '--config "": an empty path'),
        (["--early-stopping", "0"], "--early-stopping must be 1 or more"),
        (["--clip-norm", "nan"], "--clip-norm must be 0 or more, got nan"),
        (["--clip-norm", "inf"], "--clip-norm must be 0 or more, got inf"),
        (["--weight-decay", "nan"], "--weight-decay must be 0 or more, got nan"),
        (["--learning-rate", "nan"], "--learning-rate must be above 0, got nan"),
        (["--seed", "4294967296"], r"--seed must be below 2\^32, got 4294967296"),
        (["--overfit", "2", "--augment", "heavy"], "--overfit learns pictures as they are: leave out --augment heavy"),
    ],
)
def test_wrong_flags_are_named(flags: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        resolve(given(*flags))


def test_pictures_that_are_learnt_by_heart_stay_as_they_are() -> None:
    assert presets()["small"]["flags"]["augment"] != "none"
    assert resolve(given("--preset", "small", "--overfit", "2")).augment == "none"
    assert resolve(given("--overfit", "2", "--augment", "none")).augment == "none"


def test_data_and_epochs_are_needed_unless_a_run_brings_them() -> None:
    with pytest.raises(UserError, match="--epochs is missing"):
        resolve(vars(parser().parse_args(["--data", "set"])))
    before = resolve(given("--preset", "small"))
    again = resolve(vars(parser().parse_args(["-o", "run", "--resume", "--epochs", "9"])), before)
    assert (again.data, again.epochs, again.resume, again.batch_size) == (before.data, 9, True, before.batch_size)


def test_what_is_shown_is_as_the_command_that_takes_a_run_up_says() -> None:
    before = resolve(given("--quiet", "--tensorboard", "--deterministic"))
    assert before.quiet and before.tensorboard
    again = resolve(vars(parser().parse_args(["-o", "run", "--resume"])), before)
    assert (again.quiet, again.tensorboard, again.deterministic) == (False, False, True)
    again = resolve(vars(parser().parse_args(["-o", "run", "--resume", "--quiet", "--tensorboard"])), again)
    assert again.quiet and again.tensorboard


def test_what_a_run_that_is_taken_up_would_do_otherwise_is_named() -> None:
    before = TrainSettings.from_json(json.loads(json.dumps(resolve(given("--preset", "small")).to_json())))
    assert changed(before, resolve(given("--preset", "small", "--epochs", "80", "--keep-last", "9"))) == []
    otherwise = resolve(given("--preset", "small", "--layers", "heads"))
    assert changed(before, otherwise) == ["--layers was None, now is heads"]
