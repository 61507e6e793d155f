"""Weight files in the original's layout: Keras-2 HDF5, one group a layer, read and written.

A layer's arrays are taken by their place in `weight_names`, not by their inner names: a second model built in one
process writes `conv1_1/kernel:0`, Keras 1 wrote `conv1_W`. Layers of a nested model ("rpn_model") share one group.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from common.errors import UserError
from mrcnn.weight_file import read_layers

SUFFIX = ":0"


@dataclass
class LoadReport:
    """What came of loading a weight file.

    Attributes:
        loaded: layers that took their arrays from the file.
        arrays: number of arrays taken.
        excluded: layers left alone by request.
        not_in_file: weighted layers of the model that the file lacks.
        not_in_model: weighted layers of the file that the model lacks.
        mismatched: layer name to what differs.
    """

    loaded: list[str] = field(default_factory=list)
    arrays: int = 0
    excluded: list[str] = field(default_factory=list)
    not_in_file: list[str] = field(default_factory=list)
    not_in_model: list[str] = field(default_factory=list)
    mismatched: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line for people."""
        parts = [f"{len(self.loaded)} layers ({self.arrays} arrays) loaded"]
        for name in ("excluded", "not_in_file", "not_in_model"):
            names = getattr(self, name)
            if names:
                parts.append(f"{name.replace('_', ' ')}: {_shorten(names)}")
        return "; ".join(parts)


def weighted_layers(model: keras.Model) -> dict[str, list[Any]]:
    """Return the variables of every layer that has some, by layer name, in the order of the file layout.

    The RPN's order inside its group is that of its layers.
    """
    found = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            variables = [variable for inner in layer.layers for variable in inner.weights]
        else:
            variables = list(layer.weights)
        if variables:
            found[layer.name] = variables
    return found


def load(model: keras.Model, path: str | Path, by_name: bool = False, exclude: Sequence[str] = ()) -> LoadReport:
    """Load a weight file into a model and say what was loaded.

    Args:
        model: from `network`.
        path: an .h5 file in the original's layout.
        by_name: True takes the layers whose names agree and leaves the rest as they are; False demands that the file
            has all layers of the model.
        exclude: names of layers, or regular expressions for whole names, that are left as they are.

    Returns:
        The report; its `mismatched` is empty.

    Raises:
        UserError: unreadable file; a shape differs; layers are missing and `by_name` is False; nothing matched.
            The model is unchanged then.

    Source: original `MaskRCNN.load_weights`.
    """
    path = Path(path)
    layers, stored = weighted_layers(model), read_layers(path)
    report = LoadReport()
    chosen: list[tuple[list[Any], list[np.ndarray]]] = []
    for name, variables in layers.items():
        if any(re.fullmatch(pattern, name) for pattern in exclude):
            report.excluded.append(name)
        elif name not in stored:
            report.not_in_file.append(name)
        elif difference := _difference(variables, stored[name]):
            report.mismatched[name] = difference
        else:
            report.loaded.append(name)
            chosen.append((variables, stored[name]))
    report.not_in_model = [name for name in stored if name not in layers]
    _check(report, path, by_name)
    for variables, arrays in chosen:
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
            report.arrays += 1
    return report


def _difference(variables: Sequence[Any], arrays: Sequence[np.ndarray]) -> str:
    ours, theirs = ([tuple(part.shape) for part in parts] for parts in (variables, arrays))
    return "" if ours == theirs else f"the file has {theirs}, the model {ours}"


def _check(report: LoadReport, path: Path, by_name: bool) -> None:
    if report.mismatched:
        name, difference = next(iter(report.mismatched.items()))
        raise UserError(
            f"{path}: {len(report.mismatched)} layers have another shape ({_shorten(report.mismatched)}); {name}: "
            f"{difference}. Another number of classes? Exclude these layers, or build the model for the file's classes"
        )
    if not by_name and report.not_in_file:
        raise UserError(
            f"{path}: lacks {len(report.not_in_file)} layers of the model ({_shorten(report.not_in_file)}); "
            "load it by_name, or build the model with the file's backbone"
        )
    if not report.loaded:
        raise UserError(
            f"{path}: nothing was loaded: none of its layers ({_shorten(report.not_in_model)}) is one of the model's"
        )


def _shorten(names: Iterable[str], most: int = 6) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def save(model: keras.Model, path: str | Path) -> None:
    """Write a weight file in the original's layout, which the original and `load` read.

    Args:
        model: from `network`.
        path: the .h5 file; an existing one is replaced.
    """
    weighted = weighted_layers(model)
    with h5py.File(path, "w") as file:
        file.attrs["backend"] = np.bytes_("tensorflow")
        file.attrs["keras_version"] = np.bytes_("2.14.0")  # the version whose layout this is
        file.attrs["layer_names"] = np.array([layer.name.encode() for layer in model.layers])
        for layer in model.layers:
            group = file.create_group(layer.name)
            named = list(zip(_file_names(layer), weighted.get(layer.name, []), strict=True))
            group.attrs["weight_names"] = np.array([name.encode() for name, _ in named], dtype="S")
            for name, variable in named:
                group.create_dataset(name, data=variable.numpy())


def _file_names(layer: keras.layers.Layer) -> list[str]:
    inner = layer.layers if isinstance(layer, keras.Model) else [layer]
    return [f"{owner.name}/{variable.name}{SUFFIX}" for owner in inner for variable in owner.weights]
