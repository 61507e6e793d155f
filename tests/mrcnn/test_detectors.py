"""Detectors and models by one name."""

import pytest

from common.errors import UserError
from mrcnn.detectors import DETECTORS, GRAPH, MODEL, detector_of, is_coco, open_named


def test_a_built_in_detector_opens_by_name_with_its_options():
    detector = open_named("haar", sure=0.6, min_size=40, input_size=None)
    assert detector.name == "haar" and detector.sure == 0.6


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("centreface", "did you mean 'centerface'?"),
        ("runs/none", "no such file or run folder"),
        ("nothing.h5", "no such file or run folder"),
    ],
)
def test_what_is_no_detector_and_no_model_is_said(name, said):
    with pytest.raises(UserError, match=said):
        open_named(name)


def test_coco_means_a_model_unless_a_file_has_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_coco("coco") and detector_of("coco") == MODEL
    (tmp_path / "coco").mkdir()
    assert not is_coco("coco")


def test_graphs_are_told_from_checkpoints(tmp_path):
    (tmp_path / "frozen_inference_graph.pb").write_bytes(b"")
    assert detector_of(tmp_path / "frozen_inference_graph.pb") == GRAPH
    assert set(DETECTORS) >= {"centerface", "haar", MODEL, GRAPH}
