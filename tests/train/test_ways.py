"""Ways of training that few take: half precision, TensorBoard, empty pictures that count in the validation, too."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from quick_training import quick
from shapes_folder import write_folder
from tiny_training import arguments

from mrcnn import checkpoint
from mrcnn.feeding import Workers
from mrcnn.fitting import Rounds
from mrcnn.weight_file import read_layers
from train import job
from train.cli import main
from train.feeds import LearningFeed

FEW = ("--epochs", "1", "--steps", "1", "--workers", "0")


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    with quick():
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("set") / "shapes", 4, 2)


@pytest.mark.slow
def test_half_precision_keeps_whole_weights_and_losses_that_are_numbers(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(arguments(data, run, *FEW, "--val-pictures", "1", "--precision", "bfloat16")) == 0
    info = checkpoint.read(run / "checkpoints" / "last.h5")
    assert info.config.MIXED_PRECISION == "bfloat16"
    arrays = [array for each in read_layers(info.path).values() for array in each]
    assert {array.dtype for array in arrays} == {np.dtype("float32")}
    (row,) = (json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines())
    assert 0 < row["loss"] < 20 and 0 <= row["val_mask_ap50"] <= 1


@pytest.mark.slow
def test_tensorboard_gets_losses_and_rate(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    run = tmp_path / "run"
    assert main(arguments(data, run, *FEW, "--val-pictures", "1", "--tensorboard")) == 0
    (row,) = (json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines())
    for name, losses in (("train", "loss"), ("validation", "val_loss")):
        events = EventAccumulator(str(run / "tensorboard" / name))
        events.Reload()
        (written,) = events.Tensors("epoch_loss")
        assert float(make_ndarray(written.tensor_proto)) == pytest.approx(row[losses], rel=1e-4)


class Five:
    """Batches of a set, none of which is asked for."""

    rows, batch_size = None, 1

    def __len__(self) -> int:
        return 5


def test_a_stream_begins_where_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with Workers(0) as workers:
        feed = LearningFeed(Five(), workers, steps=3)  # type: ignore[arg-type]
        monkeypatch.setattr(feed.feed, "stream", lambda *begin: begin)
        assert [feed.stream(epoch) for epoch in range(4)] == [(0, 0), (0, 3), (1, 1), (1, 4)]


def test_empty_pictures_count_in_the_validations_losses_as_in_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_folder(tmp_path / "data", 4, 4)
    content = json.loads((data / "val.json").read_text())
    content["annotations"] = [each for each in content["annotations"] if each["image_id"] in (0, 1)]
    (data / "val.json").write_text(json.dumps(content))
    seen = {}

    def looked(model: object, batches: object, *more: object, **named: object) -> None:
        validation = more[2]
        assert isinstance(validation, Rounds)
        seen[len(seen)] = {int(row[0]) for inputs, _ in (validation[0],) for row in inputs["input_image_meta"]}
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "estimate", lambda *_: "")
    monkeypatch.setattr(job.fitting, "fit", looked)
    for number, flags in enumerate(([], ["--negatives"])):
        with pytest.raises(KeyboardInterrupt):
            main(arguments(data, tmp_path / f"run{number}", *FEW, *flags))
    assert [len(pictures) for pictures in seen.values()] == [2, 4]
