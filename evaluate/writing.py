"""Tables as files: CSV for people and spreadsheets, JSON for programs; whole or not there."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from common.staging import staged


def write_table(folder: Path, name: str, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Write NAME.csv and NAME.json.

    Args:
        folder: exists.
        name: of the table.
        rows: all with the same columns. NaN is written as an empty cell and as null: not known.

    Returns:
        The rows as written.
    """
    known = [{key: _known(value) for key, value in row.items()} for row in rows]
    columns = list(dict.fromkeys(key for row in known for key in row))
    with staged(folder / f"{name}.csv", overwrite=True) as path, path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _short(value) for key, value in row.items()} for row in known)
    write_json(folder / f"{name}.json", known)
    return known


def write_json(path: Path, content: Any) -> None:
    """Write JSON that any program reads: NaN is null."""
    with staged(path, overwrite=True) as part:
        part.write_text(
            json.dumps(_known(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
        )


def _known(value: Any) -> Any:
    """Plain Python values; None for what is no number."""
    if isinstance(value, Mapping):
        return {str(key): _known(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_known(each) for each in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _short(value: Any) -> Any:
    """Six digits are enough for eyes; JSON keeps them all."""
    return f"{value:.6g}" if isinstance(value, float) else value
