"""What kind of model a path holds, told by its name and its first bytes. Imports nothing heavy."""

from __future__ import annotations

import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError

CHECKPOINT, RUN, ONNX = "checkpoint", "run folder", "ONNX file"
FROZEN_GRAPH, SAVED_MODEL, ARCHIVE = "frozen graph", "SavedModel", "archive"
GRAPHS = (FROZEN_GRAPH, SAVED_MODEL, ARCHIVE)

FROZEN_NAME, SAVED_NAME, PIPELINE = "frozen_inference_graph.pb", "saved_model.pb", "pipeline.config"
LFS_POINTER = b"version https://git-lfs"

_EXPORT = (
    "export it with the Object Detection API's export_inference_graph.py (TensorFlow 1) or exporter_main_v2.py "
    "(TensorFlow 2), and give the frozen_inference_graph.pb or the saved_model folder that it writes"
)
_FOREIGN = {
    ".tflite": "a TensorFlow Lite model; give the frozen graph or SavedModel that it was converted from",
    ".pt": "a PyTorch file; export it to a format that is read here",
    ".pth": "a PyTorch file; export it to a format that is read here",
    ".safetensors": "weights without a model; give a format that is read here",
    ".weights": "a Darknet file; give a format that is read here",
    ".caffemodel": "a Caffe model; give a format that is read here",
    ".keras": "a whole Keras model; give an .h5 checkpoint",
    ".pbtxt": "a text, a label map perhaps: those go to --labels; give the graph, a .pb file, here",
    ".config": f"settings without weights; {_EXPORT}",
    ".index": f"a TensorFlow checkpoint, which holds no graph; {_EXPORT}",
    ".meta": f"a TensorFlow checkpoint, which holds no graph alone; {_EXPORT}",
    ".ckpt": f"a TensorFlow checkpoint, which holds no graph; {_EXPORT}",
}
READ_HERE = "an .h5 checkpoint, a training's folder, an .onnx file, a frozen graph (.pb) or a SavedModel folder"


@dataclass(frozen=True)
class WeightFile:
    """A model on disk.

    Attributes:
        kind: CHECKPOINT, RUN, ONNX, FROZEN_GRAPH, SAVED_MODEL or ARCHIVE.
        path: the file; the folder for RUN and SAVED_MODEL.
    """

    kind: str
    path: Path

    @property
    def is_graph(self) -> bool:
        """Whether it is a graph of the TensorFlow Object Detection API."""
        return self.kind in GRAPHS

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where files that belong to it may lie: label map, pipeline.config."""
        return (self.path, self.path.parent) if self.kind == SAVED_MODEL else (self.path.parent,)


def recognise(source: str | Path) -> WeightFile:
    """Tell what kind of model is meant.

    Args:
        source: a file or folder; a folder as the TensorFlow model zoo unpacks it, and its archive, too. What does not
            exist, or looks like nothing else, counts as a checkpoint: opening it says what is wrong.

    Raises:
        UserError: a kind that is not read here; the message says what to give instead.
    """
    path = Path(source)
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        _refuse_checkpoint_prefix(path)
        if path.suffix == ".pb":
            raise UserError(f"{path}: no such file; give {READ_HERE}")
        return WeightFile(CHECKPOINT, path)
    name = path.name.lower()
    if _starts_with(path, LFS_POINTER):
        raise UserError(
            f"{path}: only a pointer of Git LFS, not the file itself; run `git lfs pull` where it came from"
        )
    if name == SAVED_NAME:
        return WeightFile(SAVED_MODEL, path.parent)
    if name.endswith((".tar.gz", ".tgz", ".tar")):
        return WeightFile(ARCHIVE, path)
    suffix = path.suffix.lower()
    if suffix.startswith((".data-", ".ckpt-")):
        suffix = ".ckpt"
    if suffix in _FOREIGN:
        raise UserError(f"{path}: {_FOREIGN[suffix]} ({READ_HERE})")
    return WeightFile({".pb": FROZEN_GRAPH, ".onnx": ONNX}.get(suffix, CHECKPOINT), path)


def _folder(path: Path) -> WeightFile:
    if (path / FROZEN_NAME).is_file():
        return recognise(path / FROZEN_NAME)
    for folder in (path, path / "saved_model"):
        if (folder / SAVED_NAME).is_file():
            return recognise(folder / SAVED_NAME)
    run = any(path.glob("*.h5")) or (path / "checkpoints").is_dir() or (path / "choice.json").is_file()
    if not run and ((path / PIPELINE).is_file() or any(path.glob("*ckpt*.index"))):
        raise UserError(f"{path}: holds a TensorFlow checkpoint or its settings, but no graph; {_EXPORT}")
    return WeightFile(RUN, path)


def _refuse_checkpoint_prefix(path: Path) -> None:
    """`model.ckpt` and `ckpt-0` name the files model.ckpt.index, model.ckpt.data-00000-of-00001."""
    if path.with_name(f"{path.name}.index").is_file():
        raise UserError(f"{path}: {_FOREIGN['.ckpt']}")


def _starts_with(path: Path, beginning: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(beginning)) == beginning
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check that you may read it") from error


@contextmanager
def unpacked(file: WeightFile) -> Iterator[WeightFile]:
    """Yield the graph that an archive of the model zoo holds, unpacked until the block ends; others as they are.

    Raises:
        UserError: the archive is damaged, or holds no graph.
    """
    if file.kind != ARCHIVE:
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="graph-") as folder:
        try:
            with tarfile.open(file.path) as archive:
                archive.extractall(folder, [each for each in archive if _wanted(each.name)], filter="data")
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            raise UserError(f"{file.path}: cannot be unpacked ({error}); download it again") from error
        graphs = sorted(each for name in (FROZEN_NAME, SAVED_NAME) for each in Path(folder).rglob(name))
        if not graphs:
            raise UserError(f"{file.path}: holds neither {FROZEN_NAME} nor {SAVED_NAME}; give {READ_HERE}")
        yield recognise(next((each for each in graphs if each.name == FROZEN_NAME), graphs[0]))


def _wanted(member: str) -> bool:
    path = Path(member)
    return path.name in (FROZEN_NAME, PIPELINE) or path.suffix == ".pbtxt" or "saved_model" in path.parts
