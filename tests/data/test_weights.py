"""`python -m data weights`: what a person sees, with a local server in place of the release."""

import hashlib
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import h5py
import numpy as np
import pytest

from data.cli import main
from mrcnn import download
from mrcnn.download import Remote


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Stay silent."""


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server with one file that passes for weights (layout only, no arrays), and an empty cache."""
    folder = tmp_path / "served"
    folder.mkdir()
    layers = {
        "conv1": [(7, 7, 3, 64)],
        "res4f_branch2c": [(1, 1, 256, 1024)],
        "fpn_c5p5": [(1, 1, 2048, 256)],
        "rpn_model": [(3, 3, 256, 512), (512,), (1, 1, 512, 6)],
        "mrcnn_class_conv1": [(7, 7, 256, 1024)],
        "mrcnn_class_logits": [(1024, 81)],
    }
    with h5py.File(folder / "mask_rcnn_coco.h5", "w") as file:
        file.attrs["layer_names"] = np.array([name.encode() for name in layers])
        for name, shapes in layers.items():
            parts = [f"{name}/{number}" for number in range(len(shapes))]
            file.create_group(name).attrs["weight_names"] = np.array([part.encode() for part in parts])
            for part, shape in zip(parts, shapes, strict=True):
                file[name].create_dataset(part, shape=shape)
    running = ThreadingHTTPServer(("127.0.0.1", 0), lambda *words: Silent(*words, directory=str(folder)))
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    content = (folder / "mask_rcnn_coco.h5").read_bytes()
    address = f"http://127.0.0.1:{running.server_address[1]}/mask_rcnn_coco.h5"
    remote = Remote(address, len(content), hashlib.md5(content).hexdigest())
    monkeypatch.setattr("data.weights.KNOWN", {"coco": remote})
    monkeypatch.setenv(download.CACHE_VARIABLE, str(tmp_path / "cache"))
    yield content
    running.shutdown()
    running.server_close()
    thread.join()


def test_weights_come_once_with_progress_and_the_path_is_printed(server, tmp_path, capsys):
    cached = tmp_path / "cache" / "mask_rcnn_coco.h5"
    assert main(["weights", "coco"]) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == str(cached)
    assert "mask_rcnn_coco.h5" in captured.err
    assert cached.read_bytes() == server
    assert main(["weights", "coco", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "mask_rcnn_coco.h5")


def test_there_already_is_enough_offline(server, tmp_path, monkeypatch, capsys):
    assert main(["weights", "coco", "--quiet"]) == 0
    monkeypatch.setattr("data.weights.KNOWN", {"coco": Remote("http://127.0.0.1:9/mask_rcnn_coco.h5")})
    assert main(["weights", "coco", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_offline_the_error_names_address_and_place(tmp_path, monkeypatch, capsys):
    address = "http://127.0.0.1:9/mask_rcnn_coco.h5"  # the port "discard": nobody listens
    monkeypatch.setattr("data.weights.KNOWN", {"coco": Remote(address)})
    monkeypatch.setenv(download.CACHE_VARIABLE, str(tmp_path))
    assert main(["weights", "coco", "--quiet"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {address} cannot be fetched")
    assert error.strip().endswith(f"put it at {tmp_path / 'mask_rcnn_coco.h5'}")
    assert error.count("\n") == 1


def test_what_is_no_weight_file_is_said(server, tmp_path, capsys):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "mask_rcnn_coco.h5").write_text("<html>")
    assert main(["weights", "coco", "--quiet"]) == 2
    assert "cannot be read as a weight file" in capsys.readouterr().err
    assert main(["weights", "cocoo"]) == 2
    assert "did you mean coco?" in capsys.readouterr().err
