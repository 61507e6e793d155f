"""A flag that takes a path. An empty one, as an unset variable of the shell gives it, is refused."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common.errors import UserError


class StorePath(argparse.Action):
    """Stores what a flag or an argument names: `parser.add_argument("--out", action=StorePath)`.

    `Path("")` is the folder one stands in, which nobody meant.

    Args:
        type: what is made of each text.
        named: as for every action of argparse.
    """

    def __init__(self, *, type: Callable[[str], Any] = Path, **named: Any) -> None:
        super().__init__(**named)
        self._made = type

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Store it.

        Raises:
            UserError: it is empty.
        """
        several = isinstance(values, list)
        found = []
        for value in values if several and values is not None else [values]:
            if value == "":
                name = "/".join(self.option_strings) or self.metavar or self.dest
                raise UserError(f'{name} "": an empty path; name a file or folder (. is the folder you are in)')
            found.append(self._made(value) if isinstance(value, str) else value)
        setattr(namespace, self.dest, found if several else found[0])
