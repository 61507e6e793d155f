"""Which detectors a command line offers: those built in, and the models that `--weights` names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from infer.classes import BUILT_IN, Selection
from infer.settings import Finder
from mrcnn.class_names import COCO
from mrcnn.detectors import GRAPH, MODEL, detector_of, is_coco


@dataclass(frozen=True)
class Model:
    """A checkpoint that was named.

    Attributes:
        weights: as on the command line.
        names: what `--classes` says for it, or None.
        classes: what it finds.
        detector: key of `mrcnn.detectors.DETECTORS` that runs it.
    """

    weights: str
    names: str | None
    classes: tuple[str, ...]
    detector: str = MODEL

    @property
    def options(self) -> dict[str, Any]:
        """Options with which its detector opens it."""
        return {"weights": self.weights} | ({"classes": self.names} if self.names else {})


def read_models(weights: Sequence[str], names: Sequence[str]) -> list[Model]:
    """Read which classes models find, without their weights.

    Args:
        weights: files, run folders, or "coco".
        names: class names (or files with them) for files that carry none: one for each of `weights`, in their order.

    Raises:
        UserError: a file cannot be read, or its class names are not known.
    """
    if names and len(names) != len(weights):
        raise UserError(
            f"--classes was given {len(names)} times and --weights {len(weights)}: name the classes of each model, "
            "in the same order"
        )
    return [_read(each, names[place] if names else None) for place, each in enumerate(weights)]


def _read(weights: str, names: str | None) -> Model:
    if is_coco(weights):
        if names:
            raise UserError("--classes names the classes of a file of yours; --weights coco has those of COCO")
        return Model(weights, None, COCO)
    if detector_of(weights) == GRAPH:
        from mrcnn import tf_detector

        return Model(weights, names, tf_detector.class_names_of(weights, names), GRAPH)
    from mrcnn.detector import class_names_of

    return Model(weights, names, class_names_of(weights, names))


def offered(models: Sequence[Model]) -> dict[str, tuple[str, ...]]:
    """Return what can be hidden: detector or weights -> classes; what was named goes before what is built in."""
    if not models:
        return dict(BUILT_IN)
    named = {model.weights: model.classes for model in models}
    return named | {detector: classes for detector, classes in BUILT_IN.items() if detector != MODEL}


def finders(selection: Selection, models: Sequence[Model], options: Mapping[str, Any]) -> list[Finder]:
    """Say which detectors are needed, and how each is opened.

    Args:
        selection: what is to be hidden, resolved against `offered`.
        models: that were named.
        options: of the command line; each goes to the detectors that take it.

    Raises:
        UserError: none of the detectors takes an option.
    """
    from common.detectors import options_of
    from mrcnn.detectors import DETECTORS

    by_weights = {model.weights: model for model in models}
    needed = []
    for key in selection.detectors:
        model = by_weights.get(key)
        classes = tuple(name for name, finder in selection.finders.items() if finder == key)
        needed.append(Finder(model.detector if model else key, classes, model.options if model else {}))
    taken = [options_of(finder.detector, DETECTORS) for finder in needed]
    for option in options:
        if not any(option in each for each in taken):
            who, known = " and ".join(finder.detector for finder in needed), sorted(set().union(*taken))
            raise UserError(f"detector {who} has no option {option}: it takes {', '.join(known)}")
    return [
        Finder(
            finder.detector,
            finder.classes,
            finder.options | {option: value for option, value in options.items() if option in own},
        )
        for finder, own in zip(needed, taken, strict=True)
    ]
