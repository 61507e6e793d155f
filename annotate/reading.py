"""From a folder of labels and a folder of pictures to a `LabelSet`: files found, paired, opened, checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from annotate.faults import DOUBTFUL, Fault
from annotate.fitting import ClassRule, fit
from annotate.formats.kinds import find_kind, read_files
from annotate.grouping import FRAME, Grouping, copies, joined
from annotate.label_set import LabelledImage, LabelSet, objects_of
from annotate.pairing import Pairs, pair
from annotate.pictures import PictureFacts, PictureIndex, examine
from common.errors import UserError

PICTURE_FOLDERS = ("images", "JPEGImages", "imgs", "img")  # looked for in the folder of labels and beside it
Rows = list[dict[str, Any]]
Progress = Callable[[Iterable[PictureFacts], int], Iterable[PictureFacts]]


@dataclass(frozen=True)
class ReadSettings:
    """How labels are read.

    Attributes:
        kind: one of `formats.kinds.KINDS`, or "auto".
        origin: of VOC coordinates, see `formats.voc`.
        rule: which classes count.
        negatives: pictures without a label file show nothing; otherwise, and where the labels of nobody knows which
            picture are lost, they are left out, and named.
        group_by: "folder", or a regular expression for a picture's whole name without suffix whose first group is its
            clip; pictures that do not match stand alone. The default rule gives way to groups that COCO files name.
        class_file: file of class names, for YOLO; None looks beside the labels.
    """

    kind: str = "auto"
    origin: str = "auto"
    rule: ClassRule = field(default_factory=ClassRule)
    negatives: bool = False
    group_by: str = FRAME
    class_file: Path | None = None


def read_labels(
    source: Path,
    images: Path | None = None,
    settings: ReadSettings | None = None,
    progress: Progress = lambda facts, number: facts,
) -> LabelSet:
    """Read a set of labels.

    Args:
        source: folder of label files, or one file.
        images: folder of pictures; None looks beside the labels.
        settings: how to read.
        progress: wraps the walk over the opened pictures, given their number.

    Returns:
        The set; whatever is wrong in single files is in its `faults`.

    Raises:
        UserError: no labels, no pictures, or a setting that cannot be met.
    """
    settings = settings or ReadSettings()
    grouping = Grouping(settings.group_by)
    if not source.exists():
        raise UserError(f"{source}: no such file or folder; give the folder with the label files")
    kind = find_kind(source) if settings.kind == "auto" else settings.kind
    found, order = read_files(source, kind, settings.origin, settings.class_file)
    raws = list(found)
    if not raws:
        raise UserError(
            f"{source}: no {kind} labels in it; leave out --format, or give the folder with the label files"
        )
    index = PictureIndex(picture_folder(source, images))
    if not index.paths:
        damage = "" if raws[0].readable else f"{raws[0].faults[0]}; "
        raise UserError(f"{damage}{index.folder}: no pictures in it; give their folder with --images")
    pairs = pair(raws, index, source if source.is_dir() else source.parent)
    unlabelled = [path for path in index.paths if path not in pairs.labels and path not in pairs.claimed]
    negatives = settings.negatives and not pairs.lost
    wanted = sorted([*pairs.labels, *(unlabelled if negatives else ())])
    if settings.group_by != FRAME and not any(map(grouping.knows, wanted)):
        raise UserError(
            f"--group-by {settings.group_by}: the whole name (without suffix) of no picture is like it; e.g. "
            f"{wanted[0].stem if wanted else '(none)'}"
        )
    faults = list(pairs.faults)
    fitted = _fitted(progress(examine(wanted), len(wanted)), pairs, settings.rule, faults)
    if not negatives:
        doubt = f"; {pairs.lost[0].name}, which cannot be read, may be about it" if settings.negatives else ""
        faults += [Fault(path, 0, "unlabelled-image", f"no labels belong to it{doubt}") for path in unlabelled]
    classes = _classes(settings.rule, order, [rows for _, rows in fitted])
    labelled = []
    for facts, rows in fitted:
        raw = pairs.labels.get(facts.path)
        noted = raw.group if raw and settings.group_by == FRAME else ""  # a rule that is given goes before
        group = noted or grouping(facts.path, index.folder)
        labelled.append(LabelledImage(facts, raw.source if raw else None, objects_of(rows, classes), group))
    left_out = () if negatives else tuple(unlabelled)
    return LabelSet(classes, _together(labelled), tuple(sorted(faults)), source, kind, index.folder, left_out)


def _fitted(
    pictures: Iterable[PictureFacts], pairs: Pairs, rule: ClassRule, faults: list[Fault]
) -> list[tuple[PictureFacts, Rows]]:
    """Fit labels to each picture that can be opened."""
    fitted: list[tuple[PictureFacts, Rows]] = []
    seen: dict[str, Path] = {}
    for facts in pictures:
        if facts.problem:
            faults.append(Fault(facts.path, 0, "unreadable-image", facts.problem))
            continue
        if facts.sha256 in seen:
            faults.append(Fault(facts.path, 0, "duplicate-image", f"byte for byte {seen[facts.sha256].name}"))
        seen.setdefault(facts.sha256, facts.path)
        raw = pairs.labels.get(facts.path)
        rows, found = fit(raw, facts, rule) if raw else ([], [])
        faults += found
        if _believable(rows, [*(raw.faults if raw else ()), *found]):
            fitted.append((facts, rows))
    return fitted


def _together(images: Sequence[LabelledImage]) -> tuple[LabelledImage, ...]:
    """The same pictures; those that are the same byte for byte join their groups."""
    groups = joined([image.group for image in images], copies(image.picture.sha256 for image in images))
    return tuple(replace(image, group=group) for image, group in zip(images, groups, strict=True))


def _believable(rows: Rows, faults: Iterable[Fault]) -> bool:
    """Whether what is left of a picture's labels tells all that is to be learnt from it."""
    serious = [fault for fault in faults if not fault.mild]
    return not any(fault.kind in DOUBTFUL for fault in serious) and bool(rows or not serious)


def _classes(rule: ClassRule, order: Sequence[str], rows_of: Iterable[Rows]) -> tuple[str, ...]:
    """Class names in an order that is the same for every run: as asked for, as the format numbers them, by alphabet."""
    if rule.wanted is not None:
        return rule.wanted
    used = {row["name"] for rows in rows_of for row in rows}
    renamed = [(rule.renamed or {}).get(name, name) for name in order]
    numbered = list(dict.fromkeys(name for name in renamed if name and name not in rule.ignored))
    return (*numbered, *sorted(used - set(numbered)))


def picture_folder(source: Path, images: Path | None) -> Path:
    """Folder of the pictures: as given, else beside the labels, else that of the labels.

    Raises:
        UserError: the one given is none.
    """
    if images is not None:
        if not images.is_dir():
            raise UserError(f"{images}: no such folder; give the folder of the pictures with --images")
        return images
    folder = source if source.is_dir() else source.parent
    for name in PICTURE_FOLDERS:
        for place in (folder / name, folder.parent / name):
            if place.is_dir():
                return place
    return folder
