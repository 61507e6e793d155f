import json

import pytest
from made_run import dataset, objects, run_folder
from painted_pets import checkpoint_file

from common.errors import UserError
from evaluate.evaluation import data_of
from evaluate.runs import find_run, parse_epochs


def test_checkpoints_come_by_epoch_and_those_without_a_number_last(tmp_path):
    run = run_folder(tmp_path / "run", tmp_path / "set", epochs=(10, 2, 1))
    for name in ("best", "last"):
        checkpoint_file(run / "checkpoints" / f"{name}.h5")
    found = find_run(run)
    assert [each.name for each in found.checkpoints] == ["epoch_0001", "epoch_0002", "epoch_0010", "best", "last"]
    assert [each.epoch for each in found.checkpoints] == [1, 2, 10, None, None]
    assert found.checkpoints[0].class_names == ("BG", "dog", "cat")
    assert (found.faults, found.dataset, found.fingerprint) == ((), tmp_path / "set", "f1")


def test_a_folder_of_the_original(tmp_path):
    folder = tmp_path / "pets20260101T1200"
    for epoch in (2, 30):
        checkpoint_file(folder / f"mask_rcnn_pets_{epoch:04d}.h5")
    (folder / "events.out.tfevents.1").touch()
    found = find_run(folder)
    assert [each.epoch for each in found.checkpoints] == [2, 30]
    assert (found.folder, found.faults, found.dataset) == (folder, (), None)
    with pytest.raises(UserError, match="does not say what it was trained on; give a dataset folder with --data"):
        data_of(found, None)


def test_one_checkpoint_belongs_to_the_run_around_it(tmp_path):
    run = run_folder(tmp_path / "run", tmp_path / "set")
    found = find_run(run / "checkpoints" / "epoch_0002.h5")
    assert (found.folder, [each.epoch for each in found.checkpoints]) == (run, [2])
    alone = checkpoint_file(tmp_path / "pets.h5")
    assert find_run(alone).folder == tmp_path


@pytest.mark.parametrize(("name", "believed"), [(0.9, 0.9), (0.0, 0.7), (0.2, 0.7)])
def test_a_checkpoint_is_believed_from_where_infer_believes_it(name, believed, tmp_path):
    run = run_folder(tmp_path / "run", None, epochs=(1,), DETECTION_MIN_CONFIDENCE=name)
    assert find_run(run).checkpoints[0].believed_from == believed


def test_foreign_files_are_named_and_the_rest_goes_on(tmp_path):
    run = run_folder(tmp_path / "run", None)
    (run / "checkpoints" / "notes.txt").write_text("better lower the rate")
    (run / "checkpoints" / "epoch_0003.h5").write_bytes(b"cut off")
    (run / "checkpoints" / ".hiding-1").touch()
    found = find_run(run)
    assert [each.epoch for each in found.checkpoints] == [1, 2]
    first, second = found.faults
    assert "notes.txt: no checkpoint" in first
    assert "epoch_0003.h5: cannot be read as a weight file" in second


def test_nothing_to_evaluate(tmp_path):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    with pytest.raises(UserError, match=r"checkpoints: holds no checkpoint; expected \*\.h5"):
        find_run(tmp_path / "run")
    with pytest.raises(UserError, match="nowhere: no such run folder or checkpoint"):
        find_run(tmp_path / "nowhere")
    (tmp_path / "run" / "checkpoints" / "a.h5").touch()
    with pytest.raises(UserError, match=r"none of 1 files can be used; the first: .*a\.h5"):
        find_run(tmp_path / "run")


def test_epochs_are_numbers_and_ranges(tmp_path):
    assert parse_epochs("all") is None
    assert parse_epochs("1,3-5, 9") == (range(1, 2), range(3, 6), range(9, 10))
    for wrong in ("", "x", "5-3", "1,,2", "-1", "9" * 30):
        with pytest.raises(UserError, match="is no epoch; expected all, or numbers such as 1,3-5"):
            parse_epochs(wrong)
    run = run_folder(tmp_path / "run", None, epochs=(1, 2, 7))
    assert [each.epoch for each in find_run(run, "2-9").checkpoints] == [2, 7]
    with pytest.raises(UserError, match="has no epoch 3; it has 1, 2, 7"):
        find_run(run, "2,3")
    with pytest.raises(UserError, match="has no epoch 9; it has 1, 2, 7"):
        find_run(run, "1-3,9")
    with pytest.raises(UserError, match="has no epoch 3-4; it has"):
        find_run(run, "3-4")
    assert [each.epoch for each in find_run(run, "7-999999999999999999").checkpoints] == [7]


def test_the_training_s_dataset_may_have_moved(tmp_path):
    run = run_folder(tmp_path / "run", tmp_path / "gone")
    with pytest.raises(UserError, match=r"gone, which .*run was trained on, is not there; give .* --data"):
        data_of(find_run(run), None)
    assert data_of(find_run(run), "other").name == "other"
    dataset(run / "set", [objects()])
    (run / "settings.json").write_text(json.dumps({"dataset": {"path": "set"}}))
    assert data_of(find_run(run), None) == run / "set"
    (run / "settings.json").write_text("{")
    with pytest.raises(UserError, match=r"settings\.json: cannot be read"):
        find_run(run)
