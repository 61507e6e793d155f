"""`python -m train` from flags to a run folder, on a network of a few small layers."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from shapes_folder import write_folder
from tiny_training import SETTINGS, arguments, command, run_eagerly, shrink, stages

from common import cli as edge
from common.errors import UserError
from mrcnn import checkpoint, devices, network, training_state
from mrcnn.choice import choose
from mrcnn.class_names import COCO
from mrcnn.config import Config
from mrcnn.detector import MaskRCNNDetector
from mrcnn.sharing import share_trunks
from train import run_folder
from train.cli import main
from train.run_folder import RunFolder
from train.settings import TrainSettings
from train.snapshot import unchanged
from train.start import CLASS_LAYERS

LOSSES = ("loss", "rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")
FEW = ("--epochs", "1", "--steps", "1", "--validate-every", "0", "--workers", "0")


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    before = network.application_stages
    shrink()
    yield
    network.application_stages = before


@pytest.fixture(autouse=True, scope="module")
def eagerly() -> Iterator[None]:
    run_eagerly(True)
    yield
    run_eagerly(False)


@pytest.fixture(autouse=True)
def only_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What --deterministic asks of a backend lasts as long as the process, which is that of other tests, too."""
    monkeypatch.setattr(devices, "compute_repeatably", lambda: None)


@pytest.fixture
def compiled() -> Iterator[None]:
    """As a user runs it, where many steps are made."""
    run_eagerly(False)
    yield
    run_eagerly(True)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("set") / "shapes", train=8, val=3)


class Whole:
    """A training of three epochs in a process of its own, and what its folder was after one, taken up in another.

    Both go on beside the tests that need neither.
    """

    def __init__(self, data: Path, folder: Path, pool: Executor) -> None:
        self.data, self.run, self.part = data, folder / "whole", folder / "part"
        flags = (
            "--epochs 3 --validate-every 3 --val-pictures 2 --keep-last 2 --augment light --workers 1 --deterministic"
        )
        own = arguments(data, self.run, *flags.split())
        environment = dict(os.environ)  # before a test changes it
        self.learnt = pool.submit(_ended, ["--keep-epoch", "1", str(self.part), *own], environment)
        self.resumed = pool.submit(_ended, ["-o", str(self.part), "--resume", "--workers", "0"], environment)


def _ended(flags: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command("--eagerly", *flags), env=environment, capture_output=True, text=True)


def checked(process: Future[subprocess.CompletedProcess[str]]) -> subprocess.CompletedProcess[str]:
    """Wait for the end of a process, which was well."""
    ended = process.result()
    assert ended.returncode == 0, ended.stderr
    return ended


@pytest.fixture(autouse=True, scope="module")
def started(request: pytest.FixtureRequest, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Begin at once where any of the tests to come asks for it."""
    if not any("whole" in getattr(item, "fixturenames", ()) for item in request.session.items):
        yield None
        return
    with ThreadPoolExecutor(1) as pool:  # one after the other
        yield Whole(data, tmp_path_factory.mktemp("runs"), pool)


@pytest.fixture
def whole(started: Whole) -> Whole:
    checked(started.learnt)
    return started


def rows(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_a_dry_run_writes_nothing_and_estimates(data: Path, tmp_path: Path, capsys) -> None:
    run = tmp_path / "run"
    few = ("--steps", "2", "--workers", "0", "--warm-up", "20")
    assert main(arguments(data, run, "--epochs", "7", *few, "--dry-run")) == 0
    assert not run.exists()
    out, err = capsys.readouterr()
    assert "an epoch of 2 steps ≈ " in out
    assert "warning: the rate rises over 20 steps and there are 14: it ends at 70% of --learning-rate" in err


def test_the_trial_leaves_no_trace() -> None:
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dropout(0.5, seed=1)(keras.layers.Dense(1)(inputs)))
    model.compile("adam", "mse")
    before = [np.array(v.numpy()) for v in model.variables]
    with unchanged(model):
        model.fit(np.ones((4, 2)), np.zeros((4, 1)), verbose=0)
        moved = [np.array(v.numpy()) for v in model.variables]
        assert any(np.any(one != other) for one, other in zip(before, moved, strict=True))
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert int(ops.convert_to_numpy(model.optimizer.iterations)) == 0
    assert len(training_state.random_variables(model)) == 1  # the dropout's


def test_all_faults_come_in_one_list_and_nothing_is_written(data: Path, tmp_path: Path, capsys) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(data, broken)
    (broken / "images" / "train_1.png").unlink()
    (broken / "images" / "val_2.png").write_bytes(b"no picture")
    flags = ("--epochs", "1", "--weights", "nowhere", "--augment", "glitter", "--set", "POOLING=3")
    assert edge.run(main, arguments(broken, tmp_path / "run", *flags)) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 5
    for wanted in (
        "train_1.png: missing",
        "val_2.png: cannot be decoded",
        "nowhere: no such file",
        "glitter",
        "POOLING",
    ):
        assert sum(wanted in error for error in errors) == 1, wanted
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_ends_it_and_keeps_the_batch(data: Path, tmp_path: Path, capsys) -> None:
    run = tmp_path / "run"
    flags = "--epochs 3 --steps 2 --validate-every 0 --workers 0 --learning-rate 99 --clip-norm 0 --optimizer sgd"
    assert edge.run(main, arguments(data, run, *flags.split(), "--warm-up", "0")) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and "the loss became" in errors[0] and ".npz" in errors[0]
    (kept,) = run.glob("not_a_number_*.npz")
    with np.load(kept) as batch:
        assert batch["input_image"].shape == (4, 64, 64, 3)
        assert len(batch["pictures"]) == 4 and all(Path(name).is_file() for name in batch["pictures"])


def coco_file(folder: Path) -> Path:
    """A weight file of eighty classes, where the fetched one lies."""
    config = type("Coco", (Config,), {**SETTINGS, "NUM_CLASSES": 81, "SEED": 5})()
    keras.utils.set_random_seed(8)
    from train import start

    path = folder / "mask_rcnn_coco.h5"
    checkpoint.save(start.build(config), path, config, COCO)
    return path


def test_heads_on_a_frozen_trunk_share_it_with_coco(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """Clowns, faces and colours learnt from COCO weights, and colours alone: one trunk for all three models."""
    coco = coco_file(tmp_path)
    monkeypatch.setenv("HIDE_IN_VIDEO_CACHE", str(tmp_path))
    data = write_folder(tmp_path / "data", 4, 2, names=("clown", "nface", "color"))
    flags = f"--data {data} --layers mrcnn --batch-size 2".split()
    assert main([*flags, "-o", str(tmp_path / "heads"), *FEW]) == 0
    said = capsys.readouterr().err
    assert set(re.search(r"excluded: ([\w, ]+)", said)[1].strip().split(", ")) == set(CLASS_LAYERS)  # type: ignore[index]
    assert "batch normalisation stays frozen" in said
    assert "layers mrcnn: " in said
    assert main([*flags, "-o", str(tmp_path / "color"), "--classes", "color", *FEW]) == 0
    detectors = [
        MaskRCNNDetector(path, runtime="keras", classes=None) for path in (coco, tmp_path / "heads", tmp_path / "color")
    ]
    assert [len(each.classes) for each in detectors] == [80, 3, 1]
    sharing = share_trunks(detectors)
    assert sharing is not None and "up to the proposals" in sharing.words
    trunks = [_trunk(each.engine.model) for each in detectors]  # type: ignore[attr-defined]
    for name, values in trunks[0].items():
        for other in trunks[1:]:
            np.testing.assert_array_equal(other[name], values, err_msg=name)


def _trunk(model: keras.Model) -> dict[str, np.ndarray]:
    return {v.path: v.numpy() for layer in model.layers if not layer.name.startswith("mrcnn") for v in layer.weights}


def test_learning_a_picture_by_heart_can_fail(data: Path, tmp_path: Path, capsys) -> None:
    flags = "--epochs 1 --steps 1 --batch-size 1 --overfit 1 --workers 0"
    assert main(arguments(data, tmp_path / "run", *flags.split())) == 1
    assert "it could not learn 1 pictures in 1 epochs: mask AP50 0.000" in capsys.readouterr().out


def test_layers_that_there_are_not_are_named(data: Path, tmp_path: Path, capsys) -> None:
    assert edge.run(main, arguments(data, tmp_path / "run", *FEW, "--layers", "fpn")) == 2
    assert "--layers fpn: no layer has such a name; expected one of mrcnn, heads, 3+" in capsys.readouterr().err


def test_a_run_explains_itself(whole: Whole) -> None:
    settings = json.loads((whole.run / "settings.json").read_text())
    about = json.loads((whole.data / "dataset.json").read_text())
    assert settings["dataset"] == {
        "path": str(whole.data),
        "fingerprint": about["fingerprint"],
        "class_names": ["square", "disc"],
    }
    assert settings["argv"][:2] == ["--data", str(whole.data)]
    assert settings["seed"] == 0 and settings["versions"]["keras"] == keras.__version__
    assert TrainSettings.from_json(settings["flags"]).epochs == 3
    config = json.loads((whole.run / "config.json").read_text())
    assert config["class_names"] == ["BG", "square", "disc"]
    assert (config["NUM_CLASSES"], config["BATCH_SIZE"], config["TRAIN_BN"]) == (3, 4, None)
    assert (whole.run / "losses.png").stat().st_size > 10_000


def test_every_epoch_is_measured(whole: Whole) -> None:
    found = rows(whole.run)
    assert [row["epoch"] for row in found] == [1, 2, 3]
    for row in found:
        assert all(np.isfinite(row[name]) for name in LOSSES)
        assert row["loss"] == pytest.approx(sum(row[name] for name in LOSSES[1:]), rel=1e-4)
        assert row["images_per_second"] > 0 and 0 <= row["input_wait"] <= 1
        assert row["memory_mb"] > 100 and row["seconds"] > 0
        assert ("val_mask_ap50" in row) == (row["epoch"] == 3) == ("val_loss" in row)
        assert all(0 <= row[f"val_{name}"] <= 1 for name in ("mask_ap50", "box_ap50", "recall50") if row["epoch"] == 3)
    assert found[0]["learning_rate"] < found[1]["learning_rate"]  # warming up
    assert found[2]["learning_rate"] != found[1]["learning_rate"]


def test_checkpoints_carry_settings_and_detect(whole: Whole) -> None:
    names = sorted(path.name for path in (whole.run / "checkpoints").iterdir())
    assert names == ["best.h5", "epoch_0002.h5", "epoch_0003.h5", "last.h5"]
    info = checkpoint.read(choose(whole.run).checkpoint)
    assert info.class_names == ("BG", "square", "disc")
    assert (info.config.MASK_HEAD_CHANNELS, info.config.RPN_CHANNELS) == (16, 32)


def test_a_run_that_is_taken_up_gives_the_losses_of_the_unbroken_one(whole: Whole) -> None:
    said = checked(whole.resumed)
    assert "goes on after epoch 1" in said.stderr
    assert f"next: python -m evaluate --run {whole.part}" in said.stdout
    assert f"python -m infer video CLIP --weights {whole.part}" in said.stdout
    ours, theirs = rows(whole.part), rows(whole.run)
    assert [row["epoch"] for row in ours] == [1, 2, 3]
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        for name in (*LOSSES, "learning_rate", *(key for key in one if key.startswith("val_"))):
            assert one[name] == other[name], name  # to the last bit
    stored = json.loads((whole.part / "settings.json").read_text())
    assert [each["epoch"] for each in stored["resumed"]] == [1]


def test_a_run_without_its_state_is_not_taken_up(whole: Whole, tmp_path: Path, capsys) -> None:
    shutil.copytree(whole.run, tmp_path / "stateless", ignore=shutil.ignore_patterns("state"))
    with pytest.raises(UserError, match="cannot be taken up"):
        main(["-o", str(tmp_path / "stateless"), "--resume", "--workers", "0"])
    assert len(rows(tmp_path / "stateless")) == 3  # nothing of it is lost


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--layers", "heads"], "--layers was None, now is heads"),
        (["--classes", "disc"], "--classes was None, now is ('disc',)"),
        (["--learning-rate", "0.5"], "--learning-rate was"),
        (["--epochs", "3"], "3 epochs are done; give more with --epochs"),
        (["--data", "OTHER"], "not the dataset that"),
    ],
)
def test_resume_refuses_what_does_not_fit_in_one_line(
    whole: Whole, flags: list[str], message: str, tmp_path: Path, capsys
) -> None:
    if "OTHER" in flags:
        flags = ["--data", str(write_folder(tmp_path / "other", train=2, val=1)), "--epochs", "9"]
    assert edge.run(main, ["-o", str(whole.run), "--resume", "--workers", "0", *flags]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and message in errors[0]


@pytest.mark.slow
def test_it_can_learn_pictures_by_heart(data: Path, tmp_path: Path, capsys, compiled: None) -> None:
    flags = "--epochs 12 --steps 25 --batch-size 2 --overfit 2 --early-stopping 4 --workers 0 --learning-rate 0.003"
    assert main(arguments(data, tmp_path / "run", *flags.split())) == 0
    assert "it can learn 2 pictures: mask AP50" in capsys.readouterr().out


@pytest.mark.slow
def test_a_schedule_trains_heads_then_more_then_all_and_can_be_taken_up_in_between(data: Path, tmp_path: Path) -> None:
    flags = (
        "--epochs 4 --steps 2 --validate-every 0 --keep-last 0 --workers 0 --layers schedule --deterministic".split()
    )
    whole, part = tmp_path / "whole", tmp_path / "part"
    # What a run is that was killed where one stage ended and the next one had not begun.
    subprocess.run(command("--eagerly", "--keep-epoch", "3", str(part), *arguments(data, whole, *flags)), check=True)
    found = [_numbers(whole / "checkpoints" / f"epoch_000{epoch}.h5") for epoch in (1, 2, 3, 4)]
    moved = [{layer for layer in a if np.any(a[layer] != b[layer])} for a, b in itertools.pairwise(found)]
    assert "stage5_5_conv" in moved[0] and "stage2_2_conv" not in moved[0] | moved[1]
    assert "stage2_2_conv" in moved[2] and "mrcnn_class_logits" in moved[2]
    subprocess.run(command("--eagerly", "-o", str(part), "--resume", "--workers", "0"), check=True)
    assert [row["loss"] for row in rows(part)] == [row["loss"] for row in rows(whole)]


def _numbers(path: Path) -> dict[str, np.ndarray]:
    from mrcnn.weight_file import read_layers

    return {name: np.concatenate([array.ravel() for array in arrays]) for name, arrays in read_layers(path).items()}


@pytest.mark.slow
def test_a_run_killed_at_any_moment_can_be_read_and_taken_up(data: Path, tmp_path: Path, compiled: None) -> None:
    script = Path(__file__).parents[1] / "tiny_training.py"
    run, dice = tmp_path / "run", np.random.default_rng(0)
    flags = arguments(data, run, "--epochs", "60", "--steps", "2", "--validate-every", "0", "--workers", "1", "--quiet")
    for attempt in range(3):
        again = ["--resume"] if (run / run_folder.SETTINGS).is_file() else []
        process = subprocess.Popen([sys.executable, script, *flags, *again], cwd=script.parents[1])
        _wait_for_progress(process, run)
        time.sleep(float(dice.uniform(0, 1.5)))  # some moment
        process.send_signal(signal.SIGKILL)
        process.wait()
        _check_whole(run)
        assert attempt or rows(run)
    assert main(["-o", str(run), "--resume", "--epochs", "60", "--workers", "0", "--quiet"]) == 0
    assert [row["epoch"] for row in rows(run)] == list(range(1, 61))


def _wait_for_progress(process: subprocess.Popen, run: Path) -> None:
    before = len(rows(run)) if (run / "metrics.jsonl").is_file() else 0
    while process.poll() is None:
        if (run / "metrics.jsonl").is_file() and len(RunFolder(run).rows) > before + 1:
            return
        time.sleep(0.02)
    raise AssertionError("the training ended by itself")


def _check_whole(run: Path) -> None:
    """Whatever carries a final name is whole."""
    state = training_state.read(run / run_folder.STATE)
    assert state is not None
    assert _numbers(run / "checkpoints" / state.checkpoint)
    for path in (run / "checkpoints").glob("*.h5"):
        assert checkpoint.read(path).class_names == ("BG", "square", "disc") and _numbers(path)


def test_stages_of_the_stand_in_are_those_of_a_real_network() -> None:
    found = stages(keras.Input((64, 64, 3)), "any")
    assert [None if each is None else each.shape[1] for each in found] == [None, 16, 8, 4, 2]
