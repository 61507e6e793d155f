"""Labels in, dataset folder out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from annotate import dataset_folder, near_duplicates, split
from annotate.faults import Fault
from annotate.label_set import LabelSet
from annotate.masks import making
from annotate.reading import ReadSettings, read_labels
from annotate.target import DATASET, check_folder
from common.errors import UserError
from common.staging import staged_folder

Progress = Callable[[str, Iterable[Any], int], Iterable[Any]]


@dataclass(frozen=True)
class ConvertSettings:
    """How a dataset is made.

    Attributes:
        read: how labels are read.
        masks: one of `masks.making.WAYS`, for objects without an outline.
        shares: name of a split to its share.
        seed: of the split.
        difficult: one of `dataset_folder.DIFFICULT_WAYS`.
        keep_together: pictures that look alike go into one split.
        overwrite: replace an existing dataset.
        workers: threads that make masks; 0 takes all cores.
    """

    read: ReadSettings = field(default_factory=ReadSettings)
    masks: str = "box"
    shares: dict[str, float] = field(default_factory=lambda: dict(split.DEFAULT))
    seed: int = 0
    difficult: str = "keep"
    keep_together: bool = False
    overwrite: bool = False
    workers: int = 0


@dataclass(frozen=True)
class Converted:
    """What came of it.

    Attributes:
        about: what dataset.json holds.
        faults: of the labels.
        leaks: pairs of pictures that look alike on both sides of the split.
        nearest: a few of these pairs, as texts.
        boxes_for_masks: objects whose mask is their box because the way found nothing.
    """

    about: dict[str, Any]
    faults: tuple[Fault, ...]
    leaks: int
    nearest: tuple[str, ...]
    boxes_for_masks: int


def convert(
    source: Path,
    images: Path | None,
    target: Path,
    settings: ConvertSettings,
    *,
    detect: making.Detect | None = None,
    progress: Progress = lambda label, items, number: items,
) -> Converted:
    """Make a dataset folder.

    Args:
        source: folder or file of labels.
        images: folder of pictures; None looks beside the labels.
        target: the dataset folder.
        settings: how.
        detect: for masks "model": the detector.
        progress: wraps the walks over pictures, given what is done and their number.

    Raises:
        UserError: nothing usable, or settings that cannot be met.
    """
    if settings.overwrite:
        check_folder(target, source, images, (DATASET,))
    with staged_folder(target, overwrite=settings.overwrite) as folder:
        labels = read_labels(source, images, settings.read, lambda facts, number: progress("reading", facts, number))
        if not labels.images or not labels.classes:
            raise UserError(f"{source}: no labelled picture can be used; `python -m annotate check` says why")
        if settings.keep_together:
            groups = near_duplicates.joined(labels.images)
            joined = (replace(image, group=name) for image, name in zip(labels.images, groups, strict=True))
            labels = replace(labels, images=tuple(joined))
        splits = split.split(labels.images, settings.shares, len(labels.classes), settings.seed)
        made = making.make(labels.images, settings.masks, detect, settings.workers)
        masks, failed = [], 0
        for of_picture, without in progress("masks", made, len(labels.images)):
            masks.append(of_picture)
            failed += without
        contents = dataset_folder.Contents(labels, masks, splits, _how(settings, failed), settings.difficult)
        about = dataset_folder.write(folder, contents)
    leaks = near_duplicates.across(labels.images, splits)
    return Converted(about, labels.faults, leaks.count, _texts(leaks, splits, labels), failed)


def _how(settings: ConvertSettings, failed: int) -> dict[str, Any]:
    rule = settings.read.rule
    return {
        "seed": settings.seed,
        "split_rule": {
            "shares": settings.shares,
            "group_by": settings.read.group_by,
            "keep_together": settings.keep_together,
        },
        "masks": {"way": settings.masks, "boxes_instead": failed},
        "difficult": settings.difficult,
        "voc_origin": settings.read.origin,
        "classes": {key: value for key, value in asdict(rule).items() if value},
        "negatives": settings.read.negatives,
    }


def _texts(leaks: near_duplicates.Leaks, splits: dict[str, list[int]], labels: LabelSet) -> tuple[str, ...]:
    where = {labels.images[place].path: name for name, places in splits.items() for place in places}
    return tuple(
        f"{first.path.name} ({where[first.path]}) looks like {second.path.name} ({where[second.path]})"
        for first, second, _ in leaks.nearest
    )
