"""Which files belong together: videos, their truth, and what a run made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common.detections import Header, read_header
from common.errors import UserError
from common.video.containers import SUFFIXES

TRUTH, DETECTIONS = ".truth.jsonl", ".detections.jsonl"


@dataclass(frozen=True)
class Case:
    """A video whose truth is known.

    Attributes:
        name: for tables.
        truth: its truth, a detections file.
        header: of that.
        video: the video itself; None where it is not at hand.
    """

    name: str
    truth: Path
    header: Header
    video: Path | None


def find_cases(paths: Sequence[Path], truths: Sequence[Path] = ()) -> list[Case]:
    """Find videos with truth.

    Args:
        paths: videos, truth files (.jsonl), or folders of NAME.truth.jsonl.
        truths: the truth of each of `paths`, where it does not lie beside it as NAME.truth.jsonl.

    Raises:
        UserError: something is not there, or is given twice.
    """
    if truths:
        if len(truths) != len(paths):
            raise UserError(f"--truth names {len(truths)} files for {len(paths)} videos; give one for each, in order")
        return _apart([_case(truth, video) for video, truth in zip(paths, truths, strict=True)])
    cases: list[Case] = []
    for path in paths:
        if path.is_dir():
            found = sorted(path.glob(f"*{TRUTH}"))
            if not found:
                raise UserError(f"{path}: holds no *{TRUTH}; give videos with their truth beside them, or --truth FILE")
            cases += [_case(each) for each in found]
        elif path.suffix == ".jsonl":
            cases.append(_case(path))
        else:
            beside = path.with_suffix(TRUTH)
            if path.exists() and not beside.exists():
                raise UserError(f"{path}: its truth {beside.name} is not beside it; name it with --truth FILE")
            cases.append(_case(beside, path))
    return _apart(cases)


def _apart(cases: list[Case]) -> list[Case]:
    """Refuse a truth that is given twice: its visits would count twice. Videos of one name get their folder's too."""
    truths = [case.truth.resolve() for case in cases]
    for place, truth in enumerate(truths):
        if truth in truths[:place]:
            raise UserError(f"{cases[place].truth} is given twice; name each video once")
    names = [case.name for case in cases]
    return [
        replace(case, name=str(case.truth.with_name(case.name))) if names.count(case.name) > 1 else case
        for case in cases
    ]


def _case(truth: Path, video: Path | None = None) -> Case:
    if video is not None and not video.is_file():
        raise UserError(f"{video}: no such file; give a video, a truth file, or a folder of these")
    header = read_header(truth)
    stem = truth.name.removesuffix(".jsonl").removesuffix(".truth")
    if video is None:
        video = _beside(truth, stem, Path(header.source).name)
    return Case(video.name if video else stem, truth, header, video)


def _beside(truth: Path, stem: str, source: str) -> Path | None:
    """The video of a truth file: that of its name, whatever the two were called before; else the one it names."""
    videos = [
        path
        for path in truth.parent.iterdir()
        if path.stem == stem and path.suffix.lower() in SUFFIXES and path.is_file()
    ]
    named = truth.with_name(source) if source else None
    if named is not None and (named in videos or (len(videos) != 1 and named.is_file())):
        return named
    return videos[0] if len(videos) == 1 else None


def made_of(cases: Sequence[Case], given: Sequence[Path], kind: str) -> list[Path]:
    """Find what a run made of each video.

    Args:
        cases: the videos.
        given: one folder for all of them, or a file for each in order.
        kind: "detections" or "masked".

    Raises:
        UserError: something is not there, or the numbers differ.
    """
    if len(given) == 1 and given[0].is_dir():
        return [_in_folder(case, given[0], kind) for case in cases]
    if len(given) != len(cases):
        raise UserError(
            f"--{kind} names {len(given)} files for {len(cases)} videos; give one for each, or their folder"
        )
    for path in given:
        if not path.is_file():
            raise UserError(f"{path}: no such file; --{kind} takes what `python -m infer video` wrote")
    return list(given)


def check_source(case: Case, path: Path, header: Header) -> None:
    """Raise UserError where a detections file says that it was made from other bytes than the video's.

    Args:
        case: the video; without the file itself, or without a hash in the header, nothing can be said.
        path: the detections file.
        header: its first line.
    """
    if not header.sha256 or case.video is None:
        return
    with case.video.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != header.sha256:
            raise UserError(f"{path} was made from another video than {case.video}; give what was made from this one")


def _in_folder(case: Case, folder: Path, kind: str) -> Path:
    """The file of a folder that `infer` writes for a video: NAME.mp4, or NAME.masked.mp4 where both lie together."""
    video = case.video or Path(case.header.source or f"{case.name}.mp4")
    suffix = DETECTIONS if kind == "detections" else ""
    names = [f"{video.stem}.masked{video.suffix}{suffix}", f"{video.name}{suffix}"]
    if suffix:
        names.append(f"{video.stem}{suffix}")
    for name in names:
        path = folder / name
        if path.is_file() and not (case.video and path.exists() and path.samefile(case.video)):
            return path
    raise UserError(f"{folder}: holds none of {', '.join(names)} for {case.name}; name the files one by one")


def classes_to_hide(cases: Sequence[Case], asked: Sequence[str], covers: Sequence[str]) -> tuple[str, ...]:
    """Return the classes of the truth that are to be hidden.

    Args:
        cases: the videos.
        asked: on the command line; empty: all that the cover was made for.
        covers: classes that the cover was made for; empty: all.

    Raises:
        UserError: the truth has no such class.
    """
    known = list(dict.fromkeys(name for case in cases for name in case.header.classes if name != "ignored"))
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise UserError(f"--class {unknown[0]}: the truth has {', '.join(known)}")
    if asked:
        return tuple(dict.fromkeys(asked))
    both = tuple(name for name in known if not covers or name in covers)
    if not both:
        raise UserError(
            f"the truth has {', '.join(known)}, the cover was made for {', '.join(covers)}; say with --class NAME "
            "which class of the truth was to be hidden"
        )
    return both
