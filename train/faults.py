"""What stands in the way of a training, all of it at once."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import UserError


class FaultsError(UserError):
    """Several things to mend.

    Attributes:
        faults: one line each.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = list(faults)
