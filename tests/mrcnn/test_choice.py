import hashlib
import json
from pathlib import Path

import pytest

from common.errors import UserError
from mrcnn.choice import choose


def run_folder(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    return folder.parent


def test_a_file_is_itself(tmp_path: Path) -> None:
    (tmp_path / "x.h5").touch()
    assert choose(tmp_path / "x.h5").checkpoint == tmp_path / "x.h5"


def test_the_choice_then_the_best_then_the_last(tmp_path: Path) -> None:
    run = run_folder(tmp_path, "epoch_2.h5", "epoch_10.h5")
    assert choose(run).checkpoint.name == "epoch_10.h5"
    (run / "checkpoints" / "best.h5").touch()
    assert choose(run).checkpoint.name == "best.h5"
    assert choose(run / "last").checkpoint.name == "epoch_10.h5"
    assert choose(run / "best").checkpoint.name == "best.h5"
    choice = {"checkpoint": "checkpoints/epoch_2.h5", "thresholds": {"dog": 0.62}}
    (run / "choice.json").write_text(json.dumps(choice))
    assert choose(run).checkpoint.name == "epoch_2.h5"
    assert choose(run).thresholds == {"dog": 0.62}
    assert choose(run / "best").thresholds == {}


def test_thresholds_are_not_used_for_weights_that_changed_since(tmp_path: Path) -> None:
    run = run_folder(tmp_path, "best.h5")
    choice = {"checkpoint": "checkpoints/best.h5", "thresholds": {"dog": 0.62}, "sha256": hashlib.sha256().hexdigest()}
    (run / "choice.json").write_text(json.dumps(choice))
    assert choose(run).thresholds == {"dog": 0.62}
    (run / "checkpoints" / "best.h5").write_bytes(b"learnt on")
    with pytest.raises(UserError, match="chosen for other weights"):
        choose(run)


def test_a_folder_of_the_original(tmp_path: Path) -> None:
    folder = tmp_path / "balloon20260101T1200"
    folder.mkdir()
    for epoch in (1, 9, 30):
        (folder / f"mask_rcnn_balloon_{epoch:04d}.h5").touch()
    assert choose(folder).checkpoint.name == "mask_rcnn_balloon_0030.h5"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "cannot be read"),
        ("[]", "names no checkpoint"),
        ('{"checkpoint": "epoch_7.h5"}', "which is not there"),
        ('{"checkpoint": "epoch_2.h5", "thresholds": {"dog": 62}}', "a score between 0 and 1"),
    ],
)
def test_a_wrong_choice_is_named(content: str, complaint: str, tmp_path: Path) -> None:
    run = run_folder(tmp_path, "epoch_2.h5")
    (run / "choice.json").write_text(content)
    with pytest.raises(UserError, match=f"choice.json.*{complaint}"):
        choose(run)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no checkpoint"):
        choose(run_folder(tmp_path))
    with pytest.raises(UserError, match=r"no best checkpoint; expected checkpoints/best\.h5"):
        choose(tmp_path / "run" / "best")
    with pytest.raises(UserError, match="no such file or run folder"):
        choose(tmp_path / "nowhere")


def test_an_exported_file_carries_the_thresholds_of_its_run(tmp_path):
    import onnx
    from onnx import helper

    from mrcnn import onnx_names

    path = tmp_path / "dog.onnx"
    model = helper.make_model(helper.make_graph([], "empty", [], []))
    texts = {onnx_names.CONFIG: "{}", onnx_names.THRESHOLDS: '{"dog": 0.62}'}
    helper.set_model_props(model, texts)
    onnx.save(model, str(path))
    assert choose(path).thresholds == {"dog": 0.62}
    helper.set_model_props(model, {**texts, onnx_names.THRESHOLDS: '{"dog": 7}'})
    onnx.save(model, str(path))
    with pytest.raises(UserError, match="between 0 and 1"):
        choose(path)
