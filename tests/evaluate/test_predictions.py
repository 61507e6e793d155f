"""Predictions are computed once, whatever stops them on the way."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_run import SIDE, dataset, found, objects, run_folder
from painted_pets import Painter, painted

from common.errors import UserError
from evaluate.prediction_file import PredictionWriter, read_predictions
from evaluate.predictions import Machine, Predictions, PredictSettings
from evaluate.runs import find_run
from evaluate.truth import read_truth
from mrcnn import detector
from mrcnn.engines import OpenEngine

DOG, CAT = (10, 10, 60, 60), (50, 20, 90, 80)


@pytest.fixture
def painter(monkeypatch):
    engine = Painter()
    monkeypatch.setattr(
        detector, "open_engine", lambda info, runtime, device: OpenEngine(engine, "a painter", path=info.path)
    )
    return engine


@pytest.fixture
def data(tmp_path):
    """Five pictures that show what their truth says."""
    rows = [[(1, DOG)], [(2, CAT)], [], [(1, DOG)], [(2, CAT)]]
    folder = dataset(tmp_path / "set", [objects(*row) for row in rows])
    for place, row in enumerate(rows):
        drawn = painted((SIDE, SIDE), **{("dog", "cat")[class_id - 1]: box for class_id, box in row})
        cv2.imwrite(str(folder / "images" / f"val{place}.png"), drawn[..., ::-1])
    return folder


@pytest.fixture
def run(tmp_path, data):
    return run_folder(tmp_path / "run", data, IMAGE_MIN_DIM=128, IMAGE_MAX_DIM=128)


def predictions(run, data, **settings):
    machine = Machine(batch=settings.pop("batch", 1))
    return Predictions(run / "eval" / "predictions", read_truth(data, "val"), PredictSettings(**settings), machine)


def test_what_is_found_comes_back_with_masks(run, data, painter):
    known = predictions(run, data)
    checkpoint = find_run(run).checkpoints[0]
    answer = known.of(checkpoint)
    assert [each.class_id.tolist() for each in answer] == [[1], [2], [], [1], [2]]
    np.testing.assert_allclose(answer[0].xyxy, [DOG], atol=1)
    assert answer[0].data["rle"][0]["size"] == [SIDE, SIDE]
    assert answer[0].confidence[0] == pytest.approx(240 / 255, abs=0.01)
    assert known.computed == 5


def test_a_second_time_costs_no_inference(run, data, painter):
    checkpoint = find_run(run).checkpoints[0]
    first = predictions(run, data).of(checkpoint)
    assert len(painter.sizes) == 5
    again = predictions(run, data, batch=4)  # how many at once changes nothing that counts
    second = again.of(checkpoint)
    assert (len(painter.sizes), again.computed) == (5, 0)
    np.testing.assert_array_equal(first[0].xyxy, second[0].xyxy)


def test_other_weights_pictures_or_settings_are_another_file(run, data, painter):
    checkpoints = find_run(run).checkpoints
    base = predictions(run, data)
    paths = {base.path_of(checkpoints[0]), base.path_of(checkpoints[1])}
    paths |= {predictions(run, data, **each).path_of(checkpoints[0]) for each in ({"nms": 0.5}, {"input_size": 64})}
    cv2.imwrite(str(data / "images" / "val2.png"), np.full((SIDE, SIDE, 3), 9, np.uint8))
    paths.add(predictions(run, data).path_of(checkpoints[0]))
    assert len(paths) == 5
    # Labels are no part of it: the truth may be mended without computing anew.
    before = predictions(run, data).path_of(checkpoints[0])
    labels = json.loads((data / "val.json").read_text())
    labels["annotations"].pop()
    (data / "val.json").write_text(json.dumps(labels))
    assert predictions(run, data).path_of(checkpoints[0]) == before


class Stop(Exception):
    pass


def test_a_run_that_was_stopped_goes_on_where_it_was(run, data, painter):
    checkpoint = find_run(run).checkpoints[0]

    def stopped(label, pictures, total):
        for count, picture in enumerate(pictures, start=1):
            yield picture
            if count == 2:
                raise Stop

    broken = Predictions(run / "eval" / "predictions", read_truth(data, "val"), PredictSettings(), shown=stopped)
    with pytest.raises(Stop):
        broken.of(checkpoint)
    part = Path(f"{broken.path_of(checkpoint)}.part")
    assert part.is_file()
    assert not broken.path_of(checkpoint).exists()
    with part.open("ab") as file:
        file.write(b'{"picture": "val2.png", "obj')  # killed in the middle of a line
    seen = len(painter.sizes)
    rest = predictions(run, data)
    answer = rest.of(checkpoint)
    assert [each.class_id.tolist() for each in answer] == [[1], [2], [], [1], [2]]
    assert (rest.computed, len(painter.sizes) - seen) == (3, 3)
    assert not part.exists()


def test_what_was_begun_from_something_else_is_begun_anew(tmp_path):
    path, names = tmp_path / "p.jsonl", ["a.png", "b.png"]
    first = PredictionWriter(path, {"key": 1}, names)
    with first:
        first.write((SIDE, SIDE), found((1, DOG, 0.5)), ["BG", "dog"])
    assert first.part.is_file()
    with PredictionWriter(path, {"key": 1}, names) as same:
        assert same.done == 1
    with PredictionWriter(path, {"key": 2}, names) as other:
        assert other.done == 0
        for score in (0.25, 0.7):
            other.write((SIDE, SIDE), found((1, DOG, score)), ["BG", "dog"])
    back = read_predictions(path, ["BG", "dog"])
    assert [each.confidence[0] for each in back] == [0.25, 0.7]
    assert len(read_predictions(path, ["BG", "cat"])[0]) == 0


def test_two_at_once_do_not_mix(tmp_path):
    path = tmp_path / "p.jsonl"
    with PredictionWriter(path, {}, ["a.png"]), pytest.raises(UserError, match="another evaluation is writing it"):
        PredictionWriter(path, {}, ["a.png"]).__enter__()


@pytest.mark.parametrize(
    "content", ["", "{}\n", "[1]\n", '{"format": "hide-in-video predictions", "version": 1}\n{"picture":1}\n']
)
def test_a_broken_file_is_named(content, tmp_path):
    (tmp_path / "p.jsonl").write_text(content)
    with pytest.raises(UserError, match=r"p\.jsonl: cannot be read .*remove it, and it is made again"):
        read_predictions(tmp_path / "p.jsonl", ["BG", "dog"])


def test_a_file_that_lost_pictures_is_named(run, data, painter):
    checkpoint = find_run(run).checkpoints[0]
    predictions(run, data).of(checkpoint)
    path = predictions(run, data).path_of(checkpoint)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    with pytest.raises(UserError, match=r"it holds 2 pictures, not the 5 of the split\); remove it"):
        predictions(run, data).of(checkpoint)


def test_other_weights_with_the_name_size_and_time_of_the_old_ones_are_other_weights(run, data, painter):
    checkpoint = find_run(run).checkpoints[0]
    before = predictions(run, data)
    before.of(checkpoint)
    status = checkpoint.path.stat()
    checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:-1] + b"x")
    os.utime(checkpoint.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert predictions(run, data).path_of(checkpoint) != before.path_of(checkpoint)


def test_a_network_that_computes_no_numbers_is_named(run, data, monkeypatch):
    def astray(pictures, metas, anchors):
        raise FloatingPointError("the network computed what is no number")

    monkeypatch.setattr(detector, "open_engine", lambda info, runtime, device: OpenEngine(astray, "astray"))
    with pytest.raises(UserError, match=r"epoch_0001\.h5: .*no number; its training went astray"):
        predictions(run, data).of(find_run(run).checkpoints[0])


def test_a_missing_picture_is_named(run, data, painter):
    (data / "images" / "val3.png").unlink()
    with pytest.raises(UserError, match=r"val3\.png: missing or no picture"):
        predictions(run, data).of(find_run(run).checkpoints[0])


def test_a_checkpoint_that_changes_before_it_is_loaded_is_not_kept_under_another_s_name(
    run, data, painter, monkeypatch
):
    """A training that goes on writes last.h5 anew: between its hash and its weights it may be another file."""
    known = predictions(run, data)
    checkpoint = find_run(run).checkpoints[0]
    known.weights_hash(checkpoint)
    checkpoint.path.write_bytes(find_run(run).checkpoints[1].path.read_bytes() + b"x")
    with pytest.raises(UserError, match=r"epoch_0001\.h5: changed or gone before it was loaded; .*evaluate again"):
        known.of(checkpoint)
    assert painter.sizes == []
    assert list(known.folder.iterdir()) == []


def test_what_is_refused_leaves_no_part(run, data, painter):
    known = predictions(run, data, nms=7.0)
    with pytest.raises(UserError, match="nms is an overlap"):
        known.of(find_run(run).checkpoints[0])
    assert list(known.folder.iterdir()) == []


def test_an_earlier_choice_does_not_bend_scores(run, data, painter):
    checkpoint = find_run(run).checkpoints[0]
    choice = {"checkpoint": "checkpoints/epoch_0001.h5", "thresholds": {"dog": 0.99}}
    (run / "choice.json").write_text(json.dumps(choice))
    assert predictions(run, data).of(checkpoint)[0].confidence[0] == pytest.approx(240 / 255, abs=0.01)
