"""Where a folder may be written: never over the labels and pictures it is made from, nor over a stranger's."""

from __future__ import annotations

from pathlib import Path

from annotate.reading import picture_folder
from common.errors import UserError

DATASET = ("dataset.json", "images")
SETS = (("images", "labels"), ("images", "labels.json"))  # what `writing.write` leaves


def check_folder(target: Path, source: Path, images: Path | None, ours: tuple[tuple[str, ...], ...]) -> None:
    """Refuse a folder that must not be replaced, `--overwrite` or not.

    Args:
        target: folder to make.
        source: folder or file of labels.
        images: folder of pictures; None looks beside the labels.
        ours: names that folders of the kind hold; one that holds anything else is not replaced.

    Raises:
        UserError: the target holds what is read, or something that was not made here.
    """
    place = target.resolve()
    for read in {source.resolve(), picture_folder(source, images).resolve()}:
        if read.is_relative_to(place) and target.exists():
            raise UserError(f"{target} holds the labels or pictures that are read; choose another folder")
    if not target.is_dir() or not any(target.iterdir()):
        return
    if not any(all((target / name).exists() for name in names) for names in ours):
        wanted = " or ".join(" and ".join(names) for names in ours)
        raise UserError(
            f"{target} exists and holds something else than {wanted}; --overwrite replaces only what was made here"
        )
