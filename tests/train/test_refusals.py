"""What stands in the way of a training is told in one line, before pictures are read where they do not matter."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from quick_training import quick
from shapes_folder import write_folder
from tiny_training import arguments

from common import cli as edge
from common.errors import UserError
from mrcnn import download
from mrcnn.config import Config
from train import pictures, preparation, start
from train.cli import main
from train.run_folder import RunFolder
from train.run_lock import held
from train.settings import resolve


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("set") / "shapes", train=4, val=2)


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads a picture."""

    def refuse(*_: Any) -> None:
        raise AssertionError("pictures were read")

    monkeypatch.setattr(pictures, "open_pictures", refuse)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run with flags; return the one line that it is refused with."""

    def line(*flags: str) -> str:
        assert edge.run(main, flags) == 2
        out, err = capsys.readouterr()
        (error,) = [each for each in err.splitlines() if each.startswith("error:")]
        assert not out and "Traceback" not in err
        return error

    return line


def run_folder(path: Path, data: Path) -> RunFolder:
    """A run that ended before its first epoch did."""
    config = path.parent / "tiny.json"
    arguments(data, path)
    settings = resolve({"data": data, "epochs": 2, "preset": "small", "config": config, "batch_size": 4})
    fingerprint = json.loads((data / "dataset.json").read_text())["fingerprint"]
    about = {"argv": [], "flags": settings.to_json(), "dataset": {"fingerprint": fingerprint}}
    return RunFolder.create(path, about, type("Three", (Config,), {"NUM_CLASSES": 3})(), ["BG", "square", "disc"])


@pytest.mark.usefixtures("unread")
def test_a_folder_that_cannot_be_used_is_told_first(data: Path, tmp_path: Path, said: Callable[..., str]) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    assert f"{file} is a file; choose another folder with -o" in said(*arguments(data, file, "--epochs", "1"))
    for place in (file / "run", file / "deep" / "run"):
        assert f"{file} is a file" in said("--data", str(data), "--epochs", "1", "-o", str(place))
    assert "File name too long" in said("--data", str(data), "--epochs", "1", "-o", str(tmp_path / ("x" * 300)))
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "photo.jpg").write_text("x")
    assert "taken exists and is not empty" in said(*arguments(data, taken, "--epochs", "1"))
    assert "taken: no run to resume" in said("-o", str(taken), "--resume")


@pytest.mark.usefixtures("unread")
def test_an_empty_path_is_not_this_folder(tmp_path: Path, said: Callable[..., str]) -> None:
    given = {"--data": "set", "--epochs": "1", "-o": str(tmp_path / "run")}
    for flag, name in (("-o", "-o/--out"), ("--data", "--data")):
        line = said(*(word for pair in {**given, flag: ""}.items() for word in pair))
        assert line.startswith(f'error: {name} "": an empty path; name a file or folder')
    with pytest.raises(UserError, match='"" names no weights'):
        start.find("")


@pytest.mark.usefixtures("unread")
def test_a_folder_without_permission_is_told_first(
    data: Path, tmp_path: Path, said: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = preparation.os.access
    monkeypatch.setattr("os.access", lambda path, *more: path != tmp_path and usual(path, *more))  # root may everything
    line = said("--data", str(data), "--epochs", "1", "-o", str(tmp_path / "runs" / "one"))
    assert line == f"error: cannot write to {tmp_path}: permission denied; choose another folder with -o"


@pytest.mark.usefixtures("unread")
def test_a_folder_in_which_a_training_works_is_left_to_it(data: Path, tmp_path: Path, said: Callable[..., str]) -> None:
    run = tmp_path / "run"
    wanted = f"error: {run}: another training works in it; wait for its end, or choose another folder with -o"
    with held(run):
        assert said(*arguments(data, run, "--epochs", "1")) == wanted  # it has written nothing yet
        run_folder(run, data)
        assert said(*arguments(data, run, "--epochs", "1")) == wanted
        assert said("-o", str(run), "--resume") == wanted
    assert "exists and is not empty" in said(*arguments(data, run, "--epochs", "1"))


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda stored: {}, "not the settings of a training (KeyError: 'argv')"),
        (lambda stored: [stored], "settings.json: cannot be read"),
        (lambda stored: {**stored, "flags": None}, "not the settings of a training (AttributeError"),
        (lambda stored: {**stored, "flags": {}}, "not the settings of a training (KeyError: 'data')"),
        (lambda stored: {**stored, "flags": {**stored["flags"], "epochs": "many"}}, "not the settings of a training"),
        (lambda stored: {**stored, "flags": {**stored["flags"], "augment": 3}}, "(TypeError: augment is 3)"),
        (lambda stored: {**stored, "dataset": None}, "not the settings of a training (TypeError"),
        (lambda stored: {**stored, "argv": ["smile", "--data", "faces"]}, "a run of `train smile`, which cannot be"),
    ],
)
def test_settings_of_something_else_are_not_taken_up(
    data: Path, tmp_path: Path, said: Callable[..., str], change: Callable[[dict], Any], message: str
) -> None:
    run = run_folder(tmp_path / "run", data)
    (run.path / "settings.json").write_text(json.dumps(change(run.settings())))
    assert message in said("-o", str(run.path), "--resume")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"no archive"])
def test_a_damaged_state_is_named(data: Path, tmp_path: Path, said: Callable[..., str], content: bytes) -> None:
    run = run_folder(tmp_path / "run", data)
    run.state.write_bytes(content)
    run.checkpoint(1).write_bytes(b"weights")
    run.name_checkpoints(1)
    with quick():
        line = said("-o", str(run.path), "--resume", "--workers", "0")
    assert "state.npz: is damaged (" in line and f"start a new run from its weights with --weights {run.path}" in line


def test_tensorboard_that_is_not_installed_is_among_the_faults(
    data: Path, tmp_path: Path, said: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "tensorboard" else object())
    line = said(*arguments(data, tmp_path / "run", "--epochs", "1", "--tensorboard"))
    assert "--tensorboard needs tensorboard, whatever the backend: run `pip install tensorboard`" in line
    assert not (tmp_path / "run").exists()


def test_weights_that_cannot_be_fetched_are_told_with_what_to_put_where(
    data: Path, tmp_path: Path, said: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "http://127.0.0.1:9/mask_rcnn_coco.h5"  # the port of "discard": nobody answers
    monkeypatch.setattr(download, "KNOWN", {"coco": download.Remote(url, 100)})
    monkeypatch.setenv("HIDE_IN_VIDEO_CACHE", str(tmp_path / "cache"))
    line = said("--data", str(data), "--epochs", "1", "-o", str(tmp_path / "run"), "--weights", "coco")
    assert f"{url} cannot be fetched" in line
    assert f"put it at {tmp_path / 'cache' / 'mask_rcnn_coco.h5'}; or start without: --preset small" in line
    assert not (tmp_path / "run").exists()


def test_a_trunk_that_cannot_be_fetched_is_told_with_a_flag_that_helps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        sys.stdout.write("Downloading data from https://host/small_no_top.h5\n")
        raise Exception("URL fetch failure on https://host/small_no_top.h5: None -- no such host")

    image = keras.Input((None, None, 3), name="input_image")
    model = keras.Model(image, keras.layers.Conv2D(1, 1)(image))
    monkeypatch.setattr(start.training_network, "training_model", lambda *_: model)
    monkeypatch.setattr(keras.applications, "MobileNetV3Small", unreachable)
    wanted = {"BACKBONE": "mobilenet_v3_small", "BACKBONE_WEIGHTS": "imagenet"}
    with pytest.raises(UserError, match=r"put small_no_top\.h5 from https://.* into .*models, or give --weights none$"):
        start.build(type("Trunk", (Config,), wanted)())
    assert capsys.readouterr() == ("", "Downloading data from https://host/small_no_top.h5\n")
    narrow = {**wanted, "BACKBONE": "resnet18_narrow"}
    with pytest.raises(UserError, match="--weights: there are no published weights of resnet18_narrow; set it to none"):
        start.build(type("Narrow", (Config,), narrow)())
