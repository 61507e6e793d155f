"""The rule in words: which part turns on which owner, and what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Belonging:
    """Objects of a class are hidden together with what they belong to.

    Attributes:
        part: class that is looked for, e.g. "clown" (a head) or "face".
        owner: class of what it is a part of, e.g. "person"; hidden when such a part belongs to it, else left alone.
        unless: class that is seen in the same place where the part is only thought to be, e.g. "nface", a plain face:
            an owner that it fits better is left alone. None: nothing speaks against it.
    """

    part: str
    owner: str
    unless: str | None = None

    def __str__(self) -> str:
        """In words."""
        return f"{self.owner} of {self.part}" + (f" unless {self.unless}" if self.unless else "")


def looked_for(hidden: Sequence[str], rules: Sequence[Belonging]) -> tuple[str, ...]:
    """All classes that have to be found, each once: what is hidden, owners, then what speaks against."""
    against = [rule.unless for rule in rules if rule.unless is not None]
    return tuple(dict.fromkeys([*hidden, *(rule.owner for rule in rules), *against]))


def may_be_hidden(found: Sequence[str], hidden: Sequence[str], rules: Sequence[Belonging]) -> tuple[str, ...]:
    """The classes among `found` that can end up hidden, in their order."""
    covered = {*hidden, *(rule.owner for rule in rules)}
    only_against = {rule.unless for rule in rules} - covered
    return tuple(name for name in found if name not in only_against)
