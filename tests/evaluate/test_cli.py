"""The commands, on a run that was written by hand: every number can be worked out by eye."""

import csv
import json

import numpy as np
import pytest
from made_run import SIDE, dataset, found, objects, predict, run_folder
from painted_pets import Painter, checkpoint_file, painted
from PIL import Image

from common.cli import run as at_the_edge
from evaluate import choose as evaluate_choose
from evaluate import plots, runs
from evaluate.cli import main
from mrcnn import detector
from mrcnn.choice import choose
from mrcnn.engines import OpenEngine

DOG, CAT = 1, 2
LEFT, RIGHT, BELOW = (5, 5, 35, 35), (50, 5, 90, 45), (10, 60, 40, 95)
TRUTH = [objects((DOG, LEFT), (CAT, RIGHT)), objects((DOG, LEFT)), objects(), objects((CAT, RIGHT))]
FIRST = [
    found((DOG, LEFT, 0.9), (CAT, RIGHT, 0.8)),
    found((DOG, LEFT, 0.4)),
    found((DOG, BELOW, 0.6)),
    found((DOG, RIGHT, 0.75), (CAT, RIGHT, 0.3)),  # a cat taken for a dog
]
SECOND = [
    found((DOG, LEFT, 0.95), (CAT, RIGHT, 0.9)),
    found((DOG, LEFT, 0.85)),
    found(),
    found((CAT, RIGHT, 0.8), (DOG, BELOW, 0.2)),
]
TABLES = ("epochs", "differences", "frames", "sweep", "counts", "confusion", "false_alarms", "calibration", "sizes")
PLOTS = ("epochs", "sweep", "counts", "confusion", "calibration")


@pytest.fixture
def drawn():
    """Asked for where plots are looked at, or are of another kind: they take most of an evaluation's time."""


@pytest.fixture
def made(tmp_path, request, monkeypatch):
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(plots, "write_plots", lambda *_: [])
    data = dataset(tmp_path / "set", TRUTH)
    dataset(tmp_path / "set", TRUTH[:2], "test")
    run = run_folder(tmp_path / "run", data)
    predict(run, data, {1: FIRST, 2: SECOND})
    predict(run, data, {1: FIRST[:2], 2: SECOND[:2]}, "test")
    return run


def evaluate(*arguments):
    return at_the_edge(main, [str(each) for each in arguments])


def rows(run, name, split="val", **wanted):
    with (run / "eval" / split / f"{name}.csv").open() as file:
        return [row for row in csv.DictReader(file) if all(row[key] == str(value) for key, value in wanted.items())]


def test_tables_by_hand(made, capsys):
    assert evaluate("--run", made, "--quiet") == 0
    first = rows(made, "epochs", epoch=1, **{"class": "all"})[0]
    assert [first[key] for key in ("threshold", "hits", "misses", "false_alarms")] == ["0.7", "2", "2", "1"]
    assert [float(first[key]) for key in ("recall", "precision", "false_alarms_per_frame")] == pytest.approx(
        [0.5, 2 / 3, 0.25], abs=1e-5
    )
    frame = rows(made, "frames", epoch=1, threshold="0.7", **{"class": "dog"})[0]
    assert [frame[key] for key in ("PP", "PN", "NP", "NN", "recall")] == ["1", "1", "1", "1", "0.5"]
    second = rows(made, "frames", epoch=2, threshold="0.7", **{"class": "dog"})[0]
    assert [second[key] for key in ("PP", "PN", "NP", "NN", "accuracy")] == ["2", "0", "0", "2", "1"]
    sweep = rows(made, "sweep", epoch=1, level="object", threshold="0.5", **{"class": "dog"})[0]
    assert [sweep[key] for key in ("hits", "misses", "false_alarms")] == ["1", "1", "2"]
    count = rows(made, "counts", epoch=1, **{"class": "dog"})[0]
    assert [count[key] for key in ("truth", "predicted", "ratio")] == ["2", "2", "1"]
    assert [count[key] for key in ("frames_without", "frames_with_false")] == ["2", "1"]
    assert rows(made, "confusion", epoch=1, truth="cat", predicted="dog")[0]["count"] == "1"
    assert rows(made, "confusion", epoch=1, truth="dog", predicted="missed")[0]["count"] == "1"
    assert rows(made, "confusion", epoch=2, truth="cat", predicted="dog")[0]["count"] == "0"
    assert rows(made, "false_alarms", epoch=1, lies_on="cat", **{"class": "dog"})[0]["count"] == "1"
    assert rows(made, "sizes", epoch=1, size="small", **{"class": "dog"})[0]["recall"] == "0.5"
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == [
        *("checkpoint", "mask", "AP50", "95", "%", "box", "AP50", "from", "score"),
        *("recall", "95", "%", "precision", "false/frame"),
    ]
    assert shown[2].split()[:2] == ["epoch_0002", "1.000"]
    assert shown[3] == "best by AP50 of masks: epoch_0002 (1.000)"


def test_everything_is_there_and_can_be_read(made, drawn):
    assert evaluate("--run", made, "--quiet") == 0
    folder = made / "eval" / "val"
    for name in TABLES:
        listed = json.loads((folder / f"{name}.json").read_text())
        assert len(listed) == len(rows(made, name)) > 0
        assert "NaN" not in (folder / f"{name}.json").read_text()
    for name in PLOTS:
        with Image.open(folder / f"{name}.png") as picture:
            assert np.asarray(picture.convert("L")).std() > 5, name
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["best"], summary["split"], summary["pictures"]) == ("epoch_0002", "val", 4)
    assert [each["epoch"] for each in summary["checkpoints"]] == [1, 2]
    assert (summary["choice"], summary["faults"]) == (None, [])


def test_two_epochs_that_cannot_be_told_apart(tmp_path, capsys):
    data = dataset(tmp_path / "set", TRUTH * 3)
    run = run_folder(tmp_path / "run", data, epochs=(8, 9))
    nearly = [found((DOG, LEFT, 0.95), (CAT, RIGHT, 0.9)), *[found()] * 3]
    predict(run, data, {8: SECOND * 3, 9: [*SECOND, *SECOND, *nearly]})
    assert evaluate("--run", run, "--quiet") == 0
    assert "on these 12 pictures epoch_0009 cannot be told from it (95 %, paired)" in capsys.readouterr().out
    told = rows(run, "differences", measure="mask_ap50")[0]
    assert (told["first"], told["second"], told["alike"]) == ("epoch_0009", "epoch_0008", "True")


def test_the_choice_is_what_infer_follows(made, capsys, caplog, monkeypatch):
    assert evaluate("choose", "--run", made, "--target-recall", 0.99, "--class", "dog", "--quiet") == 0
    shown = capsys.readouterr()
    assert "recall 0.99 on val: epoch_0002" in shown.out
    assert "dog from 0.8500: recall 1.000 (0.158–1.000), precision 1.000" in shown.out  # 2 of 2: 0.025 ** (1 / 2)
    assert "val chose these thresholds, so its numbers flatter them" in caplog.text
    choice = choose(made)
    assert choice.checkpoint == made / "checkpoints" / "epoch_0002.h5"
    assert choice.thresholds == {"dog": 0.85}
    evidence = json.loads((made / "choice.json").read_text())["evidence"]
    assert (evidence["split"], evidence["target_recall"], evidence["level"]) == ("val", 0.99, "object")
    dog = evidence["classes"]["dog"]
    assert (dog["recall"], dog["precision"], dog["false_alarms_per_frame"]) == (1, 1, 0)
    # A detector that is given the run believes dogs from there on: bent to its own scale, 0.85 is sure, 0.84 is not.
    engine = Painter()
    monkeypatch.setattr(detector, "open_engine", lambda info, runtime, device: OpenEngine(engine, "a painter"))
    follows = detector.MaskRCNNDetector(made)
    for strength, sure in ((218, True), (212, False)):
        seen = follows([painted((SIDE, SIDE), dog=LEFT, strength=strength)])[0]
        assert (seen.confidence[0] >= follows.sure) is np.bool_(sure)


def test_pictures_of_one_clip_have_no_interval(tmp_path, capsys, caplog):
    data = dataset(tmp_path / "set", TRUTH, groups=["party"] * 4)
    run = run_folder(tmp_path / "run", data)
    predict(run, data, {1: FIRST, 2: SECOND})
    assert evaluate("--run", run, "--quiet") == 0
    assert "all pictures are of one clip" in caplog.text
    assert "on these 4 pictures epoch_0001 cannot be told from it" in capsys.readouterr().out
    assert rows(run, "epochs", epoch=1, **{"class": "all"})[0]["recall_low"] == ""


def test_a_broken_choice_is_named_before_anything_is_written(made, capsys):
    (made / "choice.json").write_text("{")
    assert evaluate("--run", made, "--quiet") == 2
    assert "choice.json: cannot be read" in capsys.readouterr().err
    assert not (made / "eval" / "val" / "epochs.csv").exists()
    assert evaluate("choose", "--run", made, "--target-recall", 0.9, "--quiet") == 0
    assert choose(made).checkpoint.name == "epoch_0002.h5"


def test_the_price_of_an_epoch_that_needs_a_lower_threshold(made, capsys):
    assert evaluate("choose", "--run", made, "--target-recall", 1, "--class", "dog", "--epochs", 1, "--quiet") == 0
    assert "dog from 0.4000: recall 1.000" in capsys.readouterr().out
    dog = json.loads((made / "choice.json").read_text())["evidence"]["classes"]["dog"]
    assert (dog["hits"], dog["false_alarms"], dog["precision"], dog["false_alarms_per_frame"]) == (2, 2, 0.5, 0.5)


def test_by_frame_a_sighting_anywhere_in_the_picture_counts(tmp_path, capsys):
    data = dataset(tmp_path / "set", TRUTH)
    run = run_folder(tmp_path / "run", data, epochs=(1,))
    elsewhere = [
        found((DOG, BELOW, 0.9), (CAT, BELOW, 0.8)),
        found((DOG, BELOW, 0.6)),
        found(),
        found((CAT, LEFT, 0.7)),
    ]
    predict(run, data, {1: elsewhere})
    assert evaluate("choose", "--run", run, "--target-recall", 1, "--quiet") == 1
    assert not (run / "choice.json").exists()
    assert evaluate("choose", "--run", run, "--target-recall", 1, "--level", "frame", "--quiet") == 0
    assert choose(run).thresholds == {"dog": 0.6, "cat": 0.7}


def test_a_target_that_cannot_be_reached_is_said_plainly(tmp_path, capsys):
    data = dataset(tmp_path / "set", TRUTH)
    run = run_folder(tmp_path / "run", data)
    half = [found((DOG, LEFT, 0.9), (CAT, RIGHT, 0.6)), *[found()] * 3]
    predict(run, data, {1: [found()] * 4, 2: half})
    before = {"checkpoint": "checkpoints/epoch_0001.h5", "thresholds": {"dog": 0.5}}
    (run / "choice.json").write_text(json.dumps(before))
    assert evaluate("choose", "--run", run, "--target-recall", 0.9, "--quiet") == 1
    shown = capsys.readouterr().out
    assert "recall 0.9 cannot be reached on val; the nearest is epoch_0002:" in shown
    assert "nothing was written" in shown
    assert json.loads((run / "choice.json").read_text()) == before
    assert evaluate("choose", "--run", run, "--target-recall", 0.9, "--best-effort", "--quiet") == 1
    assert choose(run).thresholds == {"dog": 0.9, "cat": 0.6}
    assert json.loads((run / "choice.json").read_text())["evidence"]["reached"] is False


def test_the_choice_is_judged_and_the_split_that_made_it_is_named(made, capsys, caplog):
    evaluate("choose", "--run", made, "--target-recall", 0.9, "--quiet")
    assert evaluate("--run", made, "--quiet") == 0
    assert "the choice was made on this very split" in caplog.text
    caplog.clear()
    assert evaluate("--run", made, "--split", "test", "--quiet") == 0
    shown = capsys.readouterr()
    assert "choice.json: epoch_0002, chosen on val, judged on test by object:" in shown.out
    assert "very split" not in caplog.text
    summary = json.loads((made / "eval" / "test" / "summary.json").read_text())
    assert summary["choice"]["classes"]["dog"]["recall"] == 1
    assert (made / "eval" / "val" / "summary.json").is_file()


def test_a_class_that_the_split_does_not_show(tmp_path, capsys, caplog):
    data = dataset(tmp_path / "set", [objects((DOG, LEFT)), objects()])
    run = run_folder(tmp_path / "run", data, epochs=(1,))
    predict(run, data, {1: [found((DOG, LEFT, 0.9), (CAT, RIGHT, 0.8)), found()]})
    assert evaluate("--run", run, "--quiet") == 0
    assert "the split val shows no cat" in caplog.text
    cat = rows(run, "epochs", **{"class": "cat"})[0]
    assert (cat["mask_ap50"], cat["recall"], cat["precision"], cat["false_alarms"]) == ("", "", "0", "1")
    assert rows(run, "epochs", **{"class": "all"})[0]["mask_ap50"] == "1"
    assert evaluate("choose", "--run", run, "--target-recall", 0.9, "--class", "cat", "--quiet") == 2
    assert "the split val shows no cat: choose on another one" in capsys.readouterr().err
    assert evaluate("choose", "--run", run, "--target-recall", 0.9, "--quiet") == 0
    assert choose(run).thresholds == {"dog": 0.9}


def test_an_epoch_that_finds_nothing_at_all(tmp_path, capsys):
    data = dataset(tmp_path / "set", TRUTH)
    run = run_folder(tmp_path / "run", data, epochs=(1,))
    predict(run, data, {1: [found()] * 4})
    assert evaluate("--run", run, "--quiet") == 0
    line = capsys.readouterr().out.splitlines()[1].split()
    assert line[:2] == ["epoch_0001", "0.000"]
    assert line[-2:] == ["–", "0.000"]  # no precision of no detections


def test_best_and_last_that_are_epochs_already_are_left_out(made, capsys):
    checkpoints = made / "checkpoints"
    (checkpoints / "best.h5").write_bytes((checkpoints / "epoch_0002.h5").read_bytes())
    assert evaluate("--run", made, "--quiet") == 0
    summary = json.loads((made / "eval" / "val" / "summary.json").read_text())
    assert summary["same_weights"] == {"best": "epoch_0002"}
    (made / "choice.json").write_text('{"checkpoint": "checkpoints/best.h5", "thresholds": {"dog": 0.9}}')
    capsys.readouterr()
    assert evaluate("--run", made, "--quiet") == 0
    assert "choice.json: epoch_0002, judged on val by object:" in capsys.readouterr().out


def test_what_cannot_be_used_is_skipped_and_ends_with_1(made, capsys, caplog):
    (made / "checkpoints" / "epoch_0003.h5").write_bytes(b"cut off")
    assert evaluate("--run", made, "--quiet") == 1
    shown = capsys.readouterr()
    assert "skipped" in caplog.text
    assert "epoch_0003.h5: cannot be read" in caplog.text
    assert "best by AP50 of masks: epoch_0002" in shown.out


def test_a_dataset_of_other_classes(tmp_path, made, capsys):
    cows = dataset(tmp_path / "cows", [objects((1, LEFT), (2, RIGHT))], names=("dog", "cow"))
    assert evaluate("--run", made, "--data", cows) == 2
    error = capsys.readouterr().err
    assert "finds dog, cat;" in error
    assert "has dog, cow: compare what both have with --class dog" in error
    assert evaluate("--run", made, "--data", dataset(tmp_path / "x", [objects()], names=("cow",))) == 2
    assert "give the dataset it was trained on" in capsys.readouterr().err


def test_classes_in_another_order_are_matched_by_name(tmp_path, capsys):
    turned = [objects(*[(3 - int(c), tuple(b)) for c, b in zip(t.class_id, t.xyxy, strict=True)]) for t in TRUTH]
    data = dataset(tmp_path / "set", turned, names=("cat", "dog"))
    run = run_folder(tmp_path / "run", data, epochs=(2,))
    swapped = [
        found(*[(3 - int(c), tuple(b), s) for c, b, s in zip(p.class_id, p.xyxy, p.confidence, strict=True)])
        for p in SECOND
    ]
    predict(run, data, {2: swapped})
    assert evaluate("--run", run, "--quiet") == 0
    assert rows(run, "epochs", **{"class": "dog"})[0]["mask_ap50"] == "1"


def test_one_class_only(made, drawn):
    assert evaluate("--run", made, "--class", "cat", "--quiet") == 0
    assert {row["class"] for row in rows(made, "epochs")} == {"all", "cat"}
    assert rows(made, "epochs", epoch=1, **{"class": "all"})[0]["hits"] == "1"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--epochs", "x"], "--epochs x: 'x' is no epoch"),
        (["--epochs", "7"], "has no epoch 7; it has 1, 2"),
        (["--split", "holdout"], "no split 'holdout'; it has val, test"),
        (["--class", "cow"], "has no class cow"),
        (["--class", ","], "expected class names"),
        (["--batch", "0"], "--batch 0"),
        (["--data", "nowhere"], "nowhere: no dataset.json in it"),
        (["--nms", "nan"], "--nms nan: expected an overlap above 0, at most 1"),
        (["--nms", "inf"], "--nms inf: expected an overlap"),
        (["--nms", "0"], "--nms 0: expected an overlap"),
        (["--mask-threshold", "nan"], "--mask-threshold nan: expected a probability between 0 and 1"),
        (["--mask-threshold", "1"], "--mask-threshold 1: expected a probability"),
        (["--input-size", "-64"], "--input-size -64: expected pixels, 64 or more"),
        (["--nms", "0.4", "--device", "abacus"], "unknown device 'abacus' for Keras"),  # of the first that is computed
    ],
)
def test_wrong_flags_are_one_line_and_leave_nothing(arguments, complaint, made, capsys, tmp_path):
    assert evaluate("--run", made, "-o", tmp_path / "new" / "out", *arguments) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_a_checkpoint_that_training_takes_away_meanwhile_is_named_and_the_rest_goes_on(
    made, capsys, caplog, monkeypatch
):
    """With keep-last, epoch 1 goes and epoch 3 comes while the run is being read."""
    first, read = made / "checkpoints" / "epoch_0001.h5", runs.checkpoint.read

    def read_and_gone(path, *arguments):
        info = read(path, *arguments)
        first.unlink(missing_ok=True)
        return info

    monkeypatch.setattr(runs.checkpoint, "read", read_and_gone)
    assert evaluate("--run", made, "--quiet") == 1
    assert "epoch_0001.h5: gone since it was listed; a training that goes on" in caplog.text
    assert "best by AP50 of masks: epoch_0002" in capsys.readouterr().out


def test_a_checkpoint_that_goes_before_it_is_read_is_named_too(made, caplog, monkeypatch):
    first, read = made / "checkpoints" / "epoch_0001.h5", runs.checkpoint.read

    def gone_and_read(path, *arguments):
        first.unlink(missing_ok=True)
        return read(path, *arguments)

    monkeypatch.setattr(runs.checkpoint, "read", gone_and_read)
    assert evaluate("--run", made, "--quiet") == 1
    assert "epoch_0001.h5: gone since it was listed; a training that goes on" in caplog.text


def test_room_below_a_threshold_is_told(made, capsys):
    """In epoch 2 dogs are found at 0.95 and 0.85; a false one comes at 0.2, and among cats none."""
    assert evaluate("choose", "--run", made, "--target-recall", 1, "--epochs", 2, "--quiet") == 0
    lines = capsys.readouterr().out.splitlines()
    told = [lines[place + 1].strip() for place, line in enumerate(lines) if " from 0." in line]
    assert told == [
        "none is added here down to 0.2000: lower is safer on other pictures",
        "none is added here however low it is: lower is safer on other pictures",
    ]
    classes = json.loads((made / "choice.json").read_text())["evidence"]["classes"]
    assert [classes[name]["next_false_alarm"] for name in ("dog", "cat")] == [0.2, 0]


def test_nothing_is_chosen_that_has_gone_or_changed_since_it_was_evaluated(made, capsys, monkeypatch):
    second, choose_point = made / "checkpoints" / "epoch_0002.h5", evaluate_choose.choose_point

    def chosen_and_replaced(*arguments):
        chosen = choose_point(*arguments)
        second.write_bytes((made / "checkpoints" / "epoch_0001.h5").read_bytes())
        return chosen

    monkeypatch.setattr(evaluate_choose, "choose_point", chosen_and_replaced)
    assert evaluate("choose", "--run", made, "--target-recall", 0.9, "--quiet") == 2
    assert "epoch_0002.h5: changed or gone since it was evaluated, so nothing was chosen" in capsys.readouterr().err
    assert not (made / "choice.json").exists()


@pytest.mark.parametrize("share", ["0", "1.5", "-1", "nan"])
def test_a_target_that_is_no_share(share, made, capsys):
    assert evaluate("choose", "--run", made, f"--target-recall={share}") == 2
    assert "expected a share above 0, at most 1" in capsys.readouterr().err


def test_a_checkpoint_without_names_needs_them(tmp_path, capsys):
    import h5py

    data = dataset(tmp_path / "set", TRUTH)
    path = checkpoint_file(tmp_path / "pets20260101T1200" / "mask_rcnn_pets_0012.h5")
    with h5py.File(path, "a") as file:
        del file.attrs["class_names"]
    assert evaluate("--run", path.parent, "--data", data) == 2
    assert "carries no class names" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made(made, capsys):
    (made / "eval2").touch()
    assert evaluate("--run", made, "-o", made / "eval2" / "x") == 2
    assert "choose another with -o" in capsys.readouterr().err


def test_the_seed_draws_other_pictures(made):
    from argparse import ArgumentParser

    from evaluate import run_command

    parser = ArgumentParser()
    run_command.add_flags(parser)
    drawn = [
        run_command.opened(parser.parse_args(["--run", str(made), "--seed", seed, "--quiet"]), None).resamples
        for seed in ("3", "3", "4")
    ]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()
