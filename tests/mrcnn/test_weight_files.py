import tarfile

import pytest

from common.errors import UserError
from mrcnn import weight_files
from mrcnn.weight_files import recognise, unpacked


def touched(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"something")
    return folder


@pytest.mark.parametrize(
    ("files", "asked", "kind", "path"),
    [
        (["a.h5"], "a.h5", weight_files.CHECKPOINT, "a.h5"),
        (["a.onnx"], "a.onnx", weight_files.ONNX, "a.onnx"),
        (["graph.pb"], "graph.pb", weight_files.FROZEN_GRAPH, "graph.pb"),
        (["zoo.tar.gz"], "zoo.tar.gz", weight_files.ARCHIVE, "zoo.tar.gz"),
        (["run/checkpoints/best.h5", "run/pipeline.config"], "run", weight_files.RUN, "run"),
        (["nothing/here"], "missing.h5", weight_files.CHECKPOINT, "missing.h5"),
        (["m/saved_model.pb"], "m", weight_files.SAVED_MODEL, "m"),
        (["m/saved_model.pb"], "m/saved_model.pb", weight_files.SAVED_MODEL, "m"),
        (["zoo/saved_model/saved_model.pb", "zoo/pipeline.config"], "zoo", weight_files.SAVED_MODEL, "zoo/saved_model"),
        (
            ["zoo/frozen_inference_graph.pb", "zoo/model.ckpt.index", "zoo/saved_model/saved_model.pb"],
            "zoo",
            weight_files.FROZEN_GRAPH,
            "zoo/frozen_inference_graph.pb",
        ),
    ],
)
def test_kinds_are_told_apart_by_name(tmp_path, files, asked, kind, path):
    found = recognise(touched(tmp_path, *files) / asked)
    assert (found.kind, found.path) == (kind, tmp_path / path)


@pytest.mark.parametrize(
    ("files", "asked", "complaint"),
    [
        (["m.tflite"], "m.tflite", "TensorFlow Lite model; give the frozen graph"),
        (["yolo.pt"], "yolo.pt", "a PyTorch file"),
        (["model.ckpt.index"], "model.ckpt", "TensorFlow checkpoint, which holds no graph; export it with"),
        (["model.ckpt-400.data-00000-of-00001"], "model.ckpt-400.data-00000-of-00001", "export it with"),
        (["model.ckpt-400.meta"], "model.ckpt-400.meta", "export it with"),
        (["training/ckpt-3.index", "training/checkpoint"], "training", "no graph; export it with"),
        (["zoo/pipeline.config"], "zoo", "no graph; export it with"),
        (["zoo/pipeline.config"], "zoo/pipeline.config", "settings without weights; export it with"),
        (["nothing"], "missing.pb", "no such file; give an .h5 checkpoint"),
        (["label_map.pbtxt"], "label_map.pbtxt", "a label map perhaps: those go to --labels"),
    ],
)
def test_what_is_not_read_here_is_named_with_what_to_do(tmp_path, files, asked, complaint):
    with pytest.raises(UserError, match=complaint):
        recognise(touched(tmp_path, *files) / asked)


def test_a_pointer_of_git_lfs_is_no_model(tmp_path):
    path = tmp_path / "frozen_inference_graph.pb"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 69688296\n")
    with pytest.raises(UserError, match="git lfs pull"):
        recognise(path)


def test_the_archive_of_the_model_zoo_is_unpacked_for_a_while(tmp_path):
    zoo = touched(tmp_path / "mask_rcnn_coco", "frozen_inference_graph.pb", "pipeline.config", "model.ckpt.index")
    with tarfile.open(tmp_path / "zoo.tar.gz", "w:gz") as archive:
        archive.add(zoo, zoo.name)
    with unpacked(recognise(tmp_path / "zoo.tar.gz")) as inner:
        assert inner.kind == weight_files.FROZEN_GRAPH and inner.path.read_bytes() == b"something"
        assert sorted(path.name for path in inner.path.parent.iterdir()) == [
            "frozen_inference_graph.pb",
            "pipeline.config",
        ]
    assert not inner.path.exists()


@pytest.mark.parametrize("content", [b"no archive", None], ids=["damaged", "without a graph"])
def test_an_archive_without_a_graph_is_an_error(tmp_path, content):
    path = tmp_path / "zoo.tar.gz"
    if content is None:
        with tarfile.open(path, "w:gz") as archive:
            archive.add(touched(tmp_path / "other", "readme.txt"), "other")
    else:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"zoo\.tar\.gz: (cannot be unpacked|holds neither)"), unpacked(recognise(path)):
        pass
