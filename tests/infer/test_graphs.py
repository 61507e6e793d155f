"""`python -m infer --weights GRAPH`: what a graph of the TensorFlow Object Detection API finds is hidden."""

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("tensorflow")

from coloured_shapes import LABEL_MAP, frozen_graph, picture

from common.cli import run
from infer.cli import main


def call(*words):
    return run(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    frozen_graph(folder / "frozen_inference_graph.pb")
    (folder / "labels.pbtxt").write_text(LABEL_MAP, encoding="utf-8")
    return folder


def test_what_a_graph_finds_is_hidden_by_its_mask(model, tmp_path):
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    drawn = picture(60, 80, red=(10, 20, 50, 60), green=(4, 61, 14, 77))
    Image.fromarray(drawn).save(source)
    words = ["image", source, "-o", target, "--weights", model, "--labels", model / "labels.pbtxt", "--hide", "clown"]
    assert call(*words, "--effect", "fill", "--color", "white", "--tight") == 0
    covered = (np.asarray(Image.open(target)) == 255).all(axis=2)
    assert covered[31:50, 20:60].all() and covered[10:50, 20:39].all()  # the L
    assert not covered[10:28, 43:60].any() and not covered[4:14, 61:77].any()  # its empty quarter, the other thing


def test_the_classes_of_a_graph_are_listed(model, capsys):
    assert call("classes", "--weights", model) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("clown", "dog", "teddy bear"))]
    assert len(rows) == 3 and all(row.rstrip().endswith("ready") for row in rows)


def test_an_option_that_graphs_do_not_have_is_an_error(model, tmp_path, capsys):
    Image.fromarray(picture()).save(tmp_path / "in.png")
    assert call("image", tmp_path / "in.png", "--weights", model, "--hide", "clown", "--nms", "0.4") == 2
    assert "error: detector tf-graph has no option nms: it takes " in capsys.readouterr().err
