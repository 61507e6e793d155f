"""Choosing class by class, and with flags that `infer` must be given too."""

import json

import pytest
from made_run import dataset, found, objects, predict, run_folder

from common.cli import run as at_the_edge
from evaluate import run_command
from evaluate.cli import main
from evaluate.predictions import PredictSettings, flags_for_infer
from mrcnn.choice import choose
from mrcnn.config import Config

DOG, CAT = 1, 2
LEFT, RIGHT, BELOW = (5, 5, 35, 35), (50, 5, 90, 45), (10, 60, 40, 95)
TRUTH = [objects((DOG, LEFT), (CAT, RIGHT)), objects((DOG, LEFT)), objects()]
# Epoch 1 is the better one for cats, epoch 2 for dogs.
FIRST = [found((DOG, LEFT, 0.9), (CAT, RIGHT, 0.8)), found((DOG, LEFT, 0.4)), found((DOG, BELOW, 0.6))]
SECOND = [found((DOG, LEFT, 0.95), (CAT, RIGHT, 0.7)), found((DOG, LEFT, 0.85)), found((CAT, BELOW, 0.9))]


@pytest.fixture
def made(tmp_path):
    data = dataset(tmp_path / "set", TRUTH)
    dataset(tmp_path / "set", TRUTH, "test")
    run = run_folder(tmp_path / "run", data)
    for split in ("val", "test"):
        predict(run, data, {1: FIRST, 2: SECOND}, split)
    return run


def chosen(run, names, *more, recall=1.0):
    argv = ["choose", "--run", run, "--target-recall", recall, "--class", names, "--quiet", *more]
    assert at_the_edge(main, [str(each) for each in argv]) == 0
    return choose(run).thresholds, json.loads((run / "choice.json").read_text())["evidence"]["classes"]


def test_a_second_class_leaves_the_first_one_its_threshold(made, capsys, caplog):
    _, dog_alone = chosen(made, "dog", "--epochs", 2)
    thresholds, evidence = chosen(made, "cat", "--epochs", 2, recall=0.5)
    assert thresholds == {"dog": 0.85, "cat": 0.7}
    assert evidence["dog"] == dog_alone["dog"]
    assert [evidence[name]["target_recall"] for name in ("dog", "cat")] == [1, 0.5]
    assert "dog from 0.8500: kept, chosen before" in capsys.readouterr().out
    assert "dropped" not in caplog.text


def test_thresholds_that_do_not_hold_any_more_are_named(made, caplog):
    chosen(made, "dog")
    thresholds, evidence = chosen(made, "cat")
    assert thresholds == {"cat": 0.8}  # of epoch 1
    assert list(evidence) == ["cat"]
    assert "dropped from choice.json: dog (0.8500), chosen for another checkpoint, on other" in caplog.text
    assert "to choose for all in one call: --class dog,cat" in caplog.text
    caplog.clear()
    assert chosen(made, "dog", "--epochs", 1, "--split", "test")[0] == {"dog": 0.4}
    assert "dropped from choice.json: cat (0.8000)" in caplog.text
    caplog.clear()
    (made / "choice.json").write_text('{"checkpoint": "checkpoints/epoch_0001.h5", "thresholds": {"cat": 0.5}}')
    assert chosen(made, "dog", "--epochs", 1)[0] == {"dog": 0.4}  # nobody knows what the other was made from
    assert "dropped from choice.json: cat (0.5000)" in caplog.text


def test_flags_that_infer_must_be_given_too():
    config = Config()
    assert flags_for_infer(PredictSettings(), config) == ""
    assert flags_for_infer(PredictSettings(nms=config.DETECTION_NMS_THRESHOLD), config) == ""
    other = PredictSettings(nms=0.55, mask_threshold=0.4, input_size=512)
    assert flags_for_infer(other, config) == "--nms 0.55 --mask-threshold 0.4 --input-size 512"


def test_choosing_names_them(made, caplog, monkeypatch):
    chosen(made, "dog")
    assert "the same flags" not in caplog.text
    known, opened = run_command.opened, []

    def looked_otherwise(flags, names):
        from dataclasses import replace

        opened.append(flags.nms)
        flags.nms = None  # what the run holds
        return replace(known(flags, names), settings=PredictSettings(nms=opened[-1]))

    monkeypatch.setattr(run_command, "opened", looked_otherwise)
    chosen(made, "dog", "--nms", 0.55)
    assert "these thresholds hold where infer is given the same flags: --nms 0.55" in caplog.text
