"""A folder of pictures with tags, asked by keyword."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from common.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


def tagged_pictures(folder: Path) -> dict[str, list[Path]]:
    """Read which pictures carry which tag.

    `tags.json` in the folder maps file names to lists of tags. Without it the names of sub-folders and the words of
    file names are the tags: `sea/tall-waves.jpg` answers to "sea", "tall" and "waves".

    Args:
        folder: where the pictures are.

    Returns:
        tag (lower case) → pictures, sorted.

    Raises:
        UserError: when there is no such folder, no picture in it, or tags.json is not what it should be.
    """
    if not folder.is_dir():
        raise UserError(f"no folder of pictures at {folder}")
    listed = folder / "tags.json"
    tags = _listed_tags(listed) if listed.is_file() else _named_tags(folder)
    if not tags:
        raise UserError(f"no tagged pictures in {folder}; put {', '.join(SUFFIXES)} files there")
    return {tag: sorted(set(tags[tag])) for tag in sorted(tags)}


def choose_picture(folder: Path, keyword: str, seed: int = 0) -> Path:
    """Choose a picture by keyword.

    Args:
        folder: see `tagged_pictures`.
        keyword: a tag, upper or lower case.
        seed: which one of several; the same seed chooses the same picture.

    Raises:
        UserError: when no picture carries the keyword; the message lists the tags there are.
    """
    tags = tagged_pictures(folder)
    found = tags.get(keyword.strip().lower())
    if not found:
        raise UserError(f"no picture in {folder} is tagged '{keyword}'; there are: {', '.join(tags)}")
    return found[int(np.random.default_rng(seed).integers(len(found)))]


def _listed_tags(path: Path) -> dict[str, list[Path]]:
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no JSON: {error}") from error
    if not isinstance(listed, dict) or not all(isinstance(words, list) for words in listed.values()):
        raise UserError(f'{path} must map file names to lists of tags: {{"sea.jpg": ["sea", "blue"]}}')
    tags: dict[str, list[Path]] = {}
    for name, words in listed.items():
        picture = path.parent / name
        if not picture.is_file():
            raise UserError(f"{path} names {name}, which is not there")
        for word in words:
            tags.setdefault(str(word).lower(), []).append(picture)
    return tags


def _named_tags(folder: Path) -> dict[str, list[Path]]:
    tags: dict[str, list[Path]] = {}
    for picture in folder.rglob("*"):
        if picture.suffix.lower() not in SUFFIXES or not picture.is_file():
            continue
        relative = picture.relative_to(folder)
        words = [part.lower() for part in relative.parts[:-1]]
        words += re.findall(r"[^\W\d_]+", relative.stem.lower())
        for word in words:
            tags.setdefault(word, []).append(picture)
    return tags
