"""Which format a set has, and its files read one by one."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

from annotate.formats import coco, labelme, voc, yolo
from annotate.formats.raw import RawLabels, unreadable
from annotate.listing import files_below
from common.errors import UserError

MADE = "made.json"  # marks a folder that `python -m data demo` made
KINDS = ("voc", "labelme", "coco", "yolo")
DAMAGED = "damaged"
# Text files that lie in folders of YOLO labels and are none.
NOT_LABELS = frozenset({*yolo.CLASS_FILES, "train.txt", "val.txt", "test.txt", "readme.txt", "license.txt"})


def find_kind(source: Path) -> str:
    """Tell the format of a file or folder by what is in it; JSON that cannot be read counts as COCO.

    Raises:
        UserError: nothing known in it, or several formats.
    """
    found: dict[str, Path] = {}
    for path in [source] if source.is_file() else files_below(source):
        kind = _kind(path)
        if kind:
            found.setdefault(kind, path)
    if len(found) > 1:
        found.pop(DAMAGED, None)  # is named beside the others
    if list(found) == [DAMAGED]:
        return "coco"  # or labelme, once: the reader says where it breaks off
    if "coco" in found and (source / MADE).is_file():
        return "coco"  # a made set has its exact masks there, and boxes beside
    if not found:
        raise UserError(f"{source}: no labels in it; expected VOC .xml, labelme or COCO .json, or YOLO .txt files")
    if len(found) > 1:
        listed = ", ".join(f"{kind} ({path.name})" for kind, path in found.items())
        raise UserError(f"{source}: labels in several formats: {listed}; choose one with --format")
    return next(iter(found))


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix == voc.SUFFIX:
        return "voc"
    if suffix == yolo.SUFFIX:
        return "yolo" if path.name.lower() not in NOT_LABELS and yolo.is_yolo(path) else ""
    if suffix != labelme.SUFFIX:
        return ""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return DAMAGED
    if coco.is_coco(content):
        return "coco"
    return "labelme" if labelme.is_labelme(content) else ""


def read_files(
    source: Path, kind: str, origin: str, class_file: Path | None
) -> tuple[Iterator[RawLabels], tuple[str, ...]]:
    """Read the files of a set.

    Args:
        source: folder or file.
        kind: one of `KINDS`.
        origin: of VOC coordinates, see `voc`.
        class_file: class names for YOLO; None looks beside the labels.

    Returns:
        The labels file by file, and the classes in the order of their numbers where the format has numbers.

    Raises:
        UserError: unknown format, or no class names for YOLO.
    """
    if kind == "voc":
        read = (voc.read(path, origin) for path in _files(source, voc.SUFFIX))
        return itertools.chain(read, _cut_off(source)), ()
    if kind == "labelme":
        return (labelme.read(path) for path in _files(source, labelme.SUFFIX)), ()
    if kind == "coco":
        files = [path for path in _files(source, coco.SUFFIX) if source.is_file() or _kind(path) == "coco"]
        order = dict.fromkeys(name for path in files for name in coco.class_names(path))
        return itertools.chain((labels for path in files for labels in coco.read(path)), _cut_off(source)), tuple(order)
    if kind == "yolo":
        class_file = class_file or yolo.find_classes(source if source.is_dir() else source.parent)
        if class_file is None:
            raise UserError(f"{source}: YOLO's files hold numbers; give the class names with --class-file FILE")
        classes, keypoints = tuple(yolo.read_classes(class_file)), yolo.has_keypoints(class_file)
        files = [path for path in _files(source, yolo.SUFFIX) if path.name.lower() not in NOT_LABELS]
        read = (yolo.read(path, classes, keypoints) for path in files if path != class_file)
        return itertools.chain(read, _cut_off(source)), classes
    raise UserError(f"unknown format {kind!r}: expected one of {', '.join(KINDS)}")


def _cut_off(source: Path) -> Iterator[RawLabels]:
    """Files among the labels that were JSON once: what they said of their pictures is lost, and has to be known."""
    for path in _files(source, labelme.SUFFIX) if source.is_dir() else ():
        try:
            json.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            yield unreadable(path, getattr(error, "lineno", 0), f"not JSON: {error}")


def _files(source: Path, suffix: str) -> list[Path]:
    if source.is_file():
        return [source]
    return [path for path in files_below(source) if path.suffix.lower() == suffix]
