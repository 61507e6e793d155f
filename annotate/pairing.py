"""Which picture belongs to which labels."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from annotate.faults import Fault
from annotate.formats.raw import RawLabels
from annotate.pictures import PictureIndex


@dataclass
class Pairs:
    """Labels and pictures that found each other.

    Attributes:
        labels: by path of the picture.
        claimed: pictures whose labels exist and cannot be used: neither labelled nor without labels.
        lost: files that cannot be read and may have been about any picture.
        faults: of the files, and of the search.
    """

    labels: dict[Path, RawLabels] = field(default_factory=dict)
    claimed: set[Path] = field(default_factory=set)
    lost: list[Path] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def pair(raws: Iterable[RawLabels], index: PictureIndex, root: Path) -> Pairs:
    """Find the picture of each file.

    A file about one picture belongs to the picture of its own name, as LabelImg and labelme open them: the name written
    inside is often that of the picture before it was renamed. Only where there is none the name inside counts.

    Args:
        raws: files as read.
        index: the pictures.
        root: folder of the label files.
    """
    pairs = Pairs()
    raws = list(raws)
    shared = _shared([raw.source.parent.relative_to(root).parts for raw in raws if raw.readable])
    # Where names with folders are found as written, a like name in another folder is another picture: "b/1.jpg" is not
    # "a/1.jpg". Where none is, the folders are those of another machine.
    literal = {raw.source for raw in raws if not raw.alone and "/" in raw.picture and index.exact(raw.picture)}
    for raw in raws:
        pairs.faults += raw.faults
        if raw.source in literal and "/" in raw.picture:
            found = index.exact(raw.picture)
        else:
            beside = raw.source.parent.relative_to(root).parts
            found = _found(raw, index, [beside[above:] for above in range(shared + 1)], pairs.faults)
        if not raw.readable:
            pairs.claimed.update(found)
            pairs.lost += [] if found else [raw.source]
        elif not found:
            reason = f"no picture {raw.picture or raw.source.stem!r} in {index.folder}"
            pairs.faults.append(Fault(raw.source, 0, "missing-image", reason))
        elif len(found) > 1:
            listed = ", ".join(path.relative_to(index.folder).as_posix() for path in found[:3])
            pairs.faults.append(Fault(raw.source, 0, "missing-image", f"which one is meant: {listed}?"))
            pairs.claimed.update(found)
        elif found[0] in pairs.labels:
            reason = f"{found[0].name} has labels in {pairs.labels[found[0]].source.name} already"
            pairs.faults.append(Fault(raw.source, 0, "duplicate-labels", reason))
        else:
            pairs.labels[found[0]] = raw
    return pairs


def _shared(folders: Sequence[tuple[str, ...]]) -> int:
    """Number of folders that all label files lie in: "labels" in "labels/a.xml" and "labels/b/a.xml"."""
    levels = zip(*folders, strict=False)
    return len(list(itertools.takewhile(lambda names: len(set(names)) == 1, levels)))


def _found(raw: RawLabels, index: PictureIndex, places: Sequence[Sequence[str]], faults: list[Fault]) -> list[Path]:
    named = index.named(raw.picture, places) if raw.picture else []
    if not raw.alone:
        return named
    like = index.like(raw.source.stem, places)
    if like and named and not set(like) & set(named):
        reason = f"it names {raw.picture}, which is there too; expected {like[0].name}"
        faults.append(Fault(raw.source, 0, "other-name", reason))
    # "a.jpg" and "a.png" are both like "a.xml": then the name inside decides.
    return [path for path in like if path in named] or like or named
