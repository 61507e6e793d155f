"""Which pictures a folder holds, of which class, and which of them come from one source."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from common.errors import UserError
from common.image import SUFFIXES

TRAIN, VAL = "train", "val"
FRAME = r"(.+)@\d+(?:\.\d+)?s?"  # "party@00012.480.jpg" is a frame of the clip "party"
FOLDER = "folder"


@dataclass(frozen=True)
class FacePicture:
    """A picture of a class.

    Attributes:
        path: the file.
        name: the path below the folder of the whole set, with "/".
        class_id: place in the class names.
        group: pictures of one group are never split up.
        digest: SHA-256 of the file's bytes, hexadecimal.
        split: "train" or "val" where the folders say so, else "".
    """

    path: Path
    name: str
    class_id: int
    group: str
    digest: str
    split: str = ""


@dataclass(frozen=True)
class Listing:
    """The pictures of a folder.

    Attributes:
        class_names: in the order of the class ids.
        pictures: in the order of their names.
        faults: pictures that are left out, and why, a line each.
    """

    class_names: tuple[str, ...]
    pictures: list[FacePicture]
    faults: list[str] = field(default_factory=list)

    @property
    def is_split(self) -> bool:
        """Whether the folders say what is for training and what for validation."""
        return any(picture.split for picture in self.pictures)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of names, classes and contents, hexadecimal."""
        lines = [f"{each.name}\t{self.class_names[each.class_id]}\t{each.digest}\n" for each in self.pictures]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def list_pictures(folder: str | Path, classes: Sequence[str] | None = None, group_by: str = FRAME) -> Listing:
    """List a folder that holds a folder of pictures for each class, or train/ and val/ with such folders.

    Args:
        folder: e.g. faces/ with faces/smile/*.jpg and faces/no_smile/*.jpg.
        classes: names of the class folders in the order wanted; None: all, by alphabet.
        group_by: "folder", or a regular expression for a picture's name without suffix, whose first group names its
            source. Copies of a picture are always of one source.

    Raises:
        UserError: no such folder, fewer than two classes, a class without pictures, or a wrong rule.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give a folder that holds a folder of face pictures for each class")
    pattern = _pattern(group_by)
    halves = [(name, folder / name) for name in (TRAIN, VAL)]
    roots = halves if all(path.is_dir() for _, path in halves) else [("", folder)]
    names = _class_names(folder, [path for _, path in roots], classes)
    listed = [
        FacePicture(path, path.relative_to(folder).as_posix(), class_id, _group(path, folder, pattern), digest, split)
        for split, root in roots
        for class_id, name in enumerate(names)
        for path in _files(root / name)
        for digest in [hashlib.sha256(path.read_bytes()).hexdigest()]
    ]
    kept, faults = _without_conflicts(listed, names)
    for class_id, name in enumerate(names):
        for split, root in roots:
            if not any(each.class_id == class_id and each.split == split for each in kept):
                raise UserError(f"{root / name}: holds no picture that can be used; put pictures of {name} there")
    return Listing(names, kept, faults)


def _pattern(rule: str) -> re.Pattern[str] | None:
    if rule == FOLDER:
        return None
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise UserError(f"--group-by {rule}: no regular expression ({error}); e.g. '(.+)_\\d+', or folder") from error
    if not pattern.groups:
        raise UserError(f"--group-by {rule}: has no group in brackets; e.g. '(.+)_\\d+', or folder")
    return pattern


def _group(path: Path, folder: Path, pattern: re.Pattern[str] | None) -> str:
    """Name of the source, whatever the class: who smiles in one picture and not in the next is one source."""
    if pattern is None:
        return path.parent.relative_to(folder).as_posix()
    match = pattern.fullmatch(path.stem)
    return f"source {match[1]}" if match and match[1] else path.relative_to(folder).as_posix()


def _class_names(folder: Path, roots: Sequence[Path], wanted: Sequence[str] | None) -> tuple[str, ...]:
    found = sorted({path.name for root in roots for path in root.iterdir() if path.is_dir() and path.name[0] != "."})
    if wanted is None:
        if len(found) < 2:
            raise UserError(
                f"{folder}: holds {len(found)} folder{'s' if len(found) != 1 else ''}"
                f"{' (' + found[0] + ')' if found else ''}; expected one for each of two or more classes, e.g. "
                "smile/ and no_smile/"
            )
        return tuple(found)
    missing = [name for name in wanted if name not in found]
    if missing or len(set(wanted)) < max(len(wanted), 2):
        raise UserError(
            f"--classes {','.join(wanted)}: expected two or more, each once, of {', '.join(found) or 'no folders'}"
        )
    return tuple(wanted)


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def _without_conflicts(listed: Sequence[FacePicture], names: Sequence[str]) -> tuple[list[FacePicture], list[str]]:
    """Put copies into one group, leave out those that are in two classes, or on both sides of a split."""
    same: dict[str, list[FacePicture]] = {}
    for picture in listed:
        same.setdefault(picture.digest, []).append(picture)
    kept, faults = [], []
    for picture in listed:
        copies = same[picture.digest]
        other = next((each for each in copies if each.class_id != picture.class_id), None)
        taught = next((each for each in copies if each.split == TRAIN), None)
        if other is not None:
            faults.append(f"{picture.path}: the same picture is in {names[other.class_id]} ({other.name}); left out")
        elif picture.split == VAL and taught is not None:
            faults.append(f"{picture.path}: the same picture is in {taught.name}; left out of validation")
        else:
            kept.append(replace(picture, group=copies[0].group))
    return kept, faults
