"""What one frame says for and against each owner and each part.

A "head" here is one place where a part was seen, or what speaks against it, or both at once. Every owner gets at most
one head of its own, so that of two persons who overlap each is judged by its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import supervision as sv

from infer.belonging.fit import fit, preference
from infer.tracking.assignment import assign, overlaps

_SAME_PLACE = 0.5  # intersection over union from which two boxes are the same head
_NEARLY = 0.05  # fits that differ by less are alike: in doubt both owners are hidden


@dataclass(frozen=True)
class Evidence:
    """What a frame says about one object.

    Attributes:
        place: of the object, an owner or a part, in the frame.
        part: score of the part that was seen in its place, times the share of it that lies there; 0: none.
        against: likewise of what speaks against it.
        score: of the part; 0: none was seen.
        head: for an owner the place of the part; None where none was seen, and for a part.
    """

    place: int
    part: float
    against: float
    score: float
    head: int | None = None


@dataclass(frozen=True)
class _Head:
    """Places in the frame of what was seen at one spot; at least one is set."""

    part: int | None
    against: int | None


def evidence(found: sv.Detections, part: int, owner: int, against: int | None, seen: np.ndarray) -> list[Evidence]:
    """Weigh one frame for one rule.

    Args:
        found: its objects.
        part: class id of parts.
        owner: class id of owners.
        against: class id of what speaks against, or None.
        seen: (N,) bool, which objects were seen in this very frame and not put there by linking: only these speak.

    Returns:
        One for every part that was seen, and for every owner about which anything is said; owners may come twice.
    """
    class_ids, scores = np.asarray(found.class_id), np.asarray(found.confidence, float)
    parts = np.flatnonzero(seen & (class_ids == part))
    others = np.flatnonzero(seen & (class_ids == against)) if against is not None else np.zeros(0, int)
    heads = _heads(np.asarray(found.xyxy, float), parts, others)
    said = [
        Evidence(head.part, _score(scores, head.part), _score(scores, head.against), _score(scores, head.part))
        for head in heads
        if head.part is not None
    ]
    owners = np.flatnonzero(class_ids == owner)
    if not len(owners) or not heads:
        return said
    places = np.array([head.against if head.part is None else head.part for head in heads])
    fits = fit(found, places, owners)
    for row, column in _owned(heads, preference(found, places, owners, fits)):
        head, share = heads[row], float(fits[row, column])
        score, other = _score(scores, head.part), _score(scores, head.against)
        said.append(Evidence(int(owners[column]), share * score, share * other, score, head.part))
    return said


def _score(scores: np.ndarray, place: int | None) -> float:
    return 0.0 if place is None else float(scores[place])


def _heads(boxes: np.ndarray, parts: np.ndarray, others: np.ndarray) -> list[_Head]:
    pairs = assign(overlaps(boxes[parts][:, None], boxes[others][None]), _SAME_PLACE)
    both = [_Head(int(parts[row]), int(others[column])) for row, column in pairs]
    rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
    alone = [_Head(int(place), None) for row, place in enumerate(parts) if row not in rows]
    plain = [_Head(None, int(place)) for column, place in enumerate(others) if column not in columns]
    return both + alone + plain


def _owned(heads: list[_Head], fits: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield (head, owner): each owner's own head, then where else a part may belong."""
    own = [(row, column) for row, column in assign(fits, 1e-9) if fits[row, column] > 0]
    yield from own
    taken = {column for _, column in own}
    placed = dict(own)
    for row, head in enumerate(heads):
        if head.part is None:
            continue  # what speaks against speaks about its own owner only
        best = fits[row, placed[row]] if row in placed else fits[row].max()
        for column in np.flatnonzero((fits[row] > 0) & (fits[row] >= best - _NEARLY)).tolist():
            if column != placed.get(row) and (column not in taken or row not in placed):
                yield row, column
