"""What is wrong with a set of labels: one fault a line, with file, line, reason and what was done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Kind -> (what it means, what `check --fix` and `convert` do about it).
KINDS = {
    "unreadable-labels": ("the label file cannot be read", "its picture is left out"),
    "unreadable-image": ("the picture cannot be opened", "it is left out with its labels"),
    "missing-image": ("no picture belongs to the labels", "the labels are left out"),
    "unlabelled-image": ("no labels belong to the picture", "it is left out, unless unlabelled pictures are negatives"),
    "other-name": ("the file names another picture than the one it is named after", "the one of the same name is used"),
    "duplicate-labels": ("two label files claim one picture", "the first by name is used"),
    "duplicate-image": ("the same picture twice", "both stay, in one group, so that no split parts them"),
    "wrong-size": ("the labels were made on a picture of another size", "the picture is left out"),
    "turned-image": ("the labels were made on the picture as stored, not as shown", "the labels are turned with it"),
    "no-class": ("an object without a class name", "its picture is left out: the object must not count as background"),
    "unknown-class": (
        "a class that was not asked for",
        "the object is left out, and its picture where nothing else is in it",
    ),
    "bad-number": (
        "a coordinate that is no number",
        "its picture is left out: the object must not count as background",
    ),
    "reversed-box": ("minimum and maximum are swapped", "they are swapped back"),
    "zero-area": ("a box without an area", "the object is left out, and its picture where nothing else is in it"),
    "outside": (
        "a box that lies outside the picture",
        "its picture is left out: the object must not count as background",
    ),
    "beyond-edge": ("a box that reaches beyond the edge", "it is clipped"),
    "bad-polygon": (
        "an outline with fewer than three corners or outside the picture, a mask of another size or without a pixel",
        "the box is used",
    ),
    "duplicate-object": ("the same object twice", "the second is left out"),
}
# An object is there, and nobody knows where or what: its picture would teach that it is background.
DOUBTFUL = frozenset({"no-class", "bad-number", "outside", "wrong-size"})
MILD = frozenset(
    {"reversed-box", "beyond-edge", "duplicate-object", "turned-image", "bad-polygon", "other-name", "duplicate-image"}
)


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        file: the file it is in.
        line: counted from 1; 0 where a line has no meaning.
        kind: key of `KINDS`.
        reason: what was found and what was expected.
    """

    file: Path
    line: int
    kind: str
    reason: str

    def __str__(self) -> str:
        """`file:line: kind: reason`, as compilers write it, so that editors jump to it."""
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        text = f"{place}: {self.kind}: {self.reason}"
        return text.encode("utf-8", "backslashreplace").decode()  # names of files need not be UTF-8

    @property
    def mild(self) -> bool:
        """Whether the object can be used after a mend that loses nothing."""
        return self.kind in MILD

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "file": _shown(self.file), "done": KINDS[self.kind][1]}


def _shown(path: Path) -> str:
    return str(path).encode("utf-8", "backslashreplace").decode()


def counts(faults: Iterable[Fault]) -> dict[str, int]:
    """Number of faults of each kind, most frequent first."""
    return dict(Counter(fault.kind for fault in faults).most_common())


def summary(faults: Sequence[Fault]) -> str:
    """One line: `3 faults: 2 outside, 1 zero-area`."""
    if not faults:
        return "no faults"
    listed = ", ".join(f"{number} {kind}" for kind, number in counts(faults).items())
    return f"{len(faults)} fault{'s' if len(faults) > 1 else ''}: {listed}"
