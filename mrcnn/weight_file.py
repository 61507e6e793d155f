"""The original's weight file as it lies on disk: Keras-2 HDF5, one group a layer. Read without Keras."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from common.errors import UserError

WRAPPER = "model_weights"  # files of whole models keep their weights in this group
IGNORED_LAYERS = ("anchors",)  # some ports saved the anchors, batch size and all, as a weight

Part = TypeVar("Part")


@contextmanager
def opened(path: str | Path) -> Iterator[h5py.File]:
    """Open a weight file for reading.

    Raises:
        UserError: no such file, no HDF5 file, truncated, or a part of it cannot be read inside the block.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such weight file; give the path of an .h5 file or download one first")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError) as error:
        raise UserError(f"{path}: cannot be read as a weight file ({error}); download or copy it again") from error


def read_layers(path: str | Path) -> dict[str, list[np.ndarray]]:
    """Read every weighted layer of a file.

    Args:
        path: an .h5 file.

    Returns:
        Layer name to its arrays in the order of `weight_names`.

    Raises:
        UserError: no such file, no HDF5 file, truncated, or not a weight file.
    """
    return _read(path, np.asarray)


def read_shapes(path: str | Path) -> dict[str, list[tuple[int, ...]]]:
    """Read the shapes of every weighted layer's arrays; as `read_layers`, without reading the arrays."""
    return _read(path, lambda dataset: tuple(int(side) for side in dataset.shape))


def _read(path: str | Path, take: Callable[[h5py.Dataset], Part]) -> dict[str, list[Part]]:
    with opened(path) as file:
        root = file[WRAPPER] if "layer_names" not in file.attrs and WRAPPER in file else file
        if not any(name.startswith("layer_names") for name in root.attrs):
            raise UserError(f"{path}: no `layer_names`: not a Keras-2 weight file; give a checkpoint of Mask R-CNN")
        names = texts(root.attrs, "layer_names")
        layers = {name: [take(root[name][part]) for part in texts(root[name].attrs, "weight_names")] for name in names}
    return {name: parts for name, parts in layers.items() if parts and name not in IGNORED_LAYERS}


def texts(attributes: h5py.AttributeManager, name: str) -> list[str]:
    """Read a list of names, stored as bytes or text, split over `name0`, `name1`, ... where it was too long."""
    if name in attributes:
        values: Iterable[Any] = attributes[name]
    else:
        values = [value for number in range(len(attributes)) for value in attributes.get(f"{name}{number}", [])]
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]
