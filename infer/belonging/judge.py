"""One rule at work: who is hidden, after everything was heard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import supervision as sv

from common.detections import PROPAGATED
from infer.belonging.ballot import STEADY, Ballot
from infer.belonging.evidence import evidence


class Judge:
    """Hears evidence about objects that have a number over frames, their track, and says which of them are hidden.

    Args:
        class_ids: of part, owner and what speaks against (or None).
        sure: score from which one sighting is believed.

    Attributes:
        ballots: by the object's number.
    """

    def __init__(self, class_ids: tuple[int, int, int | None], sure: float) -> None:
        self.class_ids = class_ids
        self.ballots: dict[int, Ballot] = {}
        self._sure = sure
        self._owners: dict[int, set[int]] = {}

    def hear(self, found: sv.Detections, numbers: Sequence[int], frame: int) -> None:
        """Take in one frame.

        Args:
            found: its objects; what linking put there says nothing.
            numbers: (N,) of the objects; one below 0 has none and is not judged.
            frame: its index.
        """
        part, owner, against = self.class_ids
        seen = np.asarray(np.asarray(found.data["origin"]) != PROPAGATED)
        for said in evidence(found, part, owner, against, seen):
            number = numbers[said.place]
            if number >= 0:
                self.ballots.setdefault(number, Ballot()).add(said, self._sure, frame)
                if said.head is not None:
                    self._owners.setdefault(numbers[said.head], set()).add(number)

    def has_owner(self, number: int) -> bool:
        """Whether an object is a part that was seen at an owner."""
        return number in self._owners

    def hides_owner(self, number: int) -> bool:
        """Whether an owner is hidden."""
        return number in self.ballots and self.ballots[number].hidden

    def hides_part(self, number: int) -> bool:
        """Whether a part is hidden: with its owner, or by itself where it has none; not where its owner is left alone.

        A part that nobody ever saw, only linking put it there, is hidden.
        """
        owners = self._owners.get(number, set())
        if number not in self.ballots or any(self.hides_owner(owner) for owner in owners):
            return True
        ballot = self.ballots[number]
        against = max(ballot.against, sum(self.ballots[owner].against for owner in owners))
        return ballot.part >= against or ballot.longest >= STEADY
