"""The vote over a track: an owner that was surely one once stays hidden, also while it turns its back."""

from __future__ import annotations

from dataclasses import dataclass

from infer.belonging.evidence import Evidence

STEADY = 6  # sure sightings in a row that decide against any majority
_CONTESTED = 0.25  # share of the winner's votes from which the other side was not a flicker


@dataclass
class Ballot:
    """What was said about one object over its track, or in one frame.

    Attributes:
        part: sum for it.
        against: sum against it.
        longest: most sightings in a row in which the part was surely seen and fitted better.
        frame: where it was seen best.
        best: how well.
        surely: whether the part was surely seen at all.
    """

    part: float = 0.0
    against: float = 0.0
    longest: int = 0
    frame: int = -1
    best: float = 0.0
    surely: bool = False
    _run: int = 0

    def add(self, said: Evidence, sure: float, frame: int) -> None:
        """Count what a frame says.

        Args:
            said: about this object.
            sure: score from which a sighting is believed.
            frame: its number.
        """
        self.part += said.part
        self.against += said.against
        if said.part > self.best:
            self.best, self.frame = said.part, frame
        self.surely |= said.score >= sure
        if said.against > said.part:
            self._run = 0
        elif said.score >= sure:
            self._run += 1
            self.longest = max(self.longest, self._run)

    @property
    def hidden(self) -> bool:
        """Whether the object is hidden: the part has the majority, or was steadily and surely seen for a while."""
        return self.part > 0 and (self.part >= self.against or self.longest >= STEADY)

    @property
    def contested(self) -> bool:
        """Whether somebody should look: both were seen, and the decision was close or goes against a sure sighting."""
        weaker, stronger = sorted((self.part, self.against))
        close = weaker >= _CONTESTED * stronger
        return weaker > 0 and (close or (self.surely and not self.hidden))
