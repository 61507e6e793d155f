"""A run folder can be read and taken up again wherever its writing broke off."""

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import UserError
from mrcnn import choice
from mrcnn.config import Config
from train import picture
from train.run_folder import RunFolder, best_epoch


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    config = type("Two", (Config,), {"NUM_CLASSES": 2})()
    return RunFolder.create(tmp_path / "runs" / "one", {"seed": 3}, config, ["BG", "dog"])


def add(run: RunFolder, epoch: int, keep: int = 0, **numbers: Any) -> None:
    run.checkpoint(epoch).write_bytes(b"weights %d" % epoch)
    run.add_row({"epoch": epoch, "loss": 10.0 - epoch, "learning_rate": 0.1, **numbers})
    run.name_checkpoints(epoch)
    run.prune(keep)


def test_it_holds_settings_and_class_names(run: RunFolder) -> None:
    stored = json.loads((run.path / "config.json").read_text())
    assert stored["class_names"] == ["BG", "dog"] and stored["NUM_CLASSES"] == 2
    assert run.settings() == {"seed": 3}
    with pytest.raises(UserError, match="exists and is not empty; choose another folder with -o"):
        RunFolder.create(run.path, {}, Config(), ["BG"])
    with pytest.raises(UserError, match="no run to resume"):
        RunFolder.open(run.path.parent)


def test_best_and_last_are_names_of_epochs_and_old_ones_go(run: RunFolder) -> None:
    for epoch, found in enumerate((0.2, 0.7, 0.5, 0.6), start=1):
        add(run, epoch, keep=2, val_mask_ap50=found)
    names = {path.name: path.read_bytes() for path in (run.path / "checkpoints").iterdir()}
    assert names == {
        "best.h5": b"weights 2",
        "last.h5": b"weights 4",
        "epoch_0003.h5": b"weights 3",
        "epoch_0004.h5": b"weights 4",
    }
    assert choice.choose(run.path).checkpoint.name == "best.h5"
    assert choice.choose(run.path / "last").checkpoint.read_bytes() == b"weights 4"


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([], None),
        ([{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 2.0}], 2),
        ([{"epoch": 1, "loss": 3.0, "val_loss": 1.0}, {"epoch": 2, "loss": 2.0, "val_loss": 1.5}], 1),
        ([{"epoch": 1, "loss": 3.0, "val_loss": 1.0, "val_mask_ap50": 0.1}, {"epoch": 2, "loss": 2.0}], 1),
        ([{"epoch": 1, "loss": 3.0, "val_mask_ap50": 0.0}, {"epoch": 2, "loss": 2.0, "val_mask_ap50": 0.0}], 2),
    ],
)
def test_the_best_epoch_is_that_of_the_best_masks_else_of_the_least_loss(rows: list[dict], best: int | None) -> None:
    assert best_epoch(rows) == best


def test_half_a_line_and_epochs_after_the_state_are_forgotten(run: RunFolder) -> None:
    for epoch in (1, 2, 3):
        add(run, epoch, val_mask_ap50=0.1 * epoch)
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 4, "los')
    again = RunFolder.open(run.path)
    assert [row["epoch"] for row in again.rows] == [1, 2, 3]
    again.go_back_to(2)
    assert [json.loads(line)["epoch"] for line in (run.path / "metrics.jsonl").read_text().splitlines()] == [1, 2]
    kept = {path.name: path.read_bytes() for path in (run.path / "checkpoints").iterdir()}
    assert set(kept) == {"best.h5", "last.h5", "epoch_0001.h5", "epoch_0002.h5"}
    assert kept["best.h5"] == kept["last.h5"] == b"weights 2"


def test_where_a_file_can_have_one_name_only_it_is_copied(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no hard links here")

    monkeypatch.setattr("os.link", refuse)
    add(run, 1)
    assert (run.path / "checkpoints" / "last.h5").read_bytes() == b"weights 1"


def test_losses_are_drawn(tmp_path: Path) -> None:
    from PIL import Image

    rows = [{"epoch": n, "loss": 3.0 / n, "rpn_class_loss": 1.0 / n, "learning_rate": 0.1} for n in (1, 2, 3)]
    picture.write_losses(tmp_path / "bare.png", rows, 3)
    picture.write_losses(tmp_path / "full.png", [{**row, "val_loss": 2.0, "val_mask_ap50": 0.5} for row in rows], 2)
    sizes = {Image.open(tmp_path / name).size for name in ("bare.png", "full.png")}
    assert sizes == {(1430, 440)}


def test_the_chosen_checkpoint_is_spared(run: RunFolder) -> None:
    add(run, 1)
    (run.path / "choice.json").write_text(json.dumps({"checkpoint": "checkpoints/epoch_0001.h5", "thresholds": {}}))
    for epoch in (2, 3, 4):
        add(run, epoch, keep=1)
    assert sorted(path.name for path in (run.path / "checkpoints").glob("epoch_*")) == [
        "epoch_0001.h5",
        "epoch_0004.h5",
    ]
