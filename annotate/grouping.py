"""Which pictures belong together: frames of one clip, and what joins two clips."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from scipy.cluster.hierarchy import DisjointSet

from common.errors import UserError

FRAME = r"(.+)@\d+(?:\.\d+)?s?"  # "party@00012.480.jpg" is a frame of the clip "party"


class Grouping:
    """Which clip a picture is from.

    Args:
        rule: see `reading.ReadSettings.group_by`.

    Raises:
        UserError: no regular expression, or one without a group.
    """

    def __init__(self, rule: str) -> None:
        self.by_folder = rule == "folder"
        try:
            self.pattern = re.compile(rule)
        except re.error as error:
            raise UserError(
                f"--group-by {rule}: no regular expression ({error}); e.g. '(.+)-\\d+', or folder"
            ) from error
        if not self.by_folder and not self.pattern.groups:
            raise UserError(f"--group-by {rule}: has no group in brackets; e.g. '(.+)-\\d+', or folder")

    def knows(self, path: Path) -> bool:
        """Whether the rule says which clip a picture is from."""
        return self.by_folder or self.pattern.fullmatch(path.stem) is not None

    def __call__(self, path: Path, root: Path) -> str:
        """Name of the group, with the folder it lies in."""
        place = path.relative_to(root)
        if self.by_folder:
            return place.parent.as_posix()
        match = self.pattern.fullmatch(path.stem)
        name = match[1] if match and match[1] else place.name
        return (place.parent / name).as_posix()


def joined(groups: Sequence[str], pairs: Iterable[tuple[int, int]]) -> list[str]:
    """Join the groups of pictures that must not be parted.

    Args:
        groups: name of the group of each picture.
        pairs: places of two pictures that belong together; all pictures of their groups then do.

    Returns:
        Name of the group of each picture: the first by alphabet of those that were joined.
    """
    sets: DisjointSet = DisjointSet(groups)
    for first, second in pairs:
        sets.merge(groups[first], groups[second])
    names = {name: min(together) for together in sets.subsets() for name in together}
    return [names[name] for name in groups]


def copies(hashes: Iterable[str]) -> list[tuple[int, int]]:
    """Pairs of places with the same hash: each later one with the first."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(hashes):
        places[each].append(place)
    return [(first, other) for first, *others in places.values() for other in others]
