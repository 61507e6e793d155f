"""Names of classes: COCO's, and those that a user gives. Background is "BG" and comes first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from common.errors import UserError

BACKGROUND = "BG"
BACKGROUNDS = ("bg", "background", "__background__", "_background_")

# The eighty classes of the COCO data set (Lin et al. 2014, https://cocodataset.org), in its order.
COCO = tuple(
    name.strip()
    for name in """
    person|bicycle|car|motorcycle|airplane|bus|train|truck|boat|traffic light|fire hydrant|stop sign|parking meter|bench
    |bird|cat|dog|horse|sheep|cow|elephant|bear|zebra|giraffe|backpack|umbrella|handbag|tie|suitcase|frisbee|skis
    |snowboard|sports ball|kite|baseball bat|baseball glove|skateboard|surfboard|tennis racket|bottle|wine glass|cup
    |fork|knife|spoon|bowl|banana|apple|sandwich|orange|broccoli|carrot|hot dog|pizza|donut|cake|chair|couch
    |potted plant|bed|dining table|toilet|tv|laptop|mouse|remote|keyboard|cell phone|microwave|oven|toaster|sink
    |refrigerator|book|clock|vase|scissors|teddy bear|hair drier|toothbrush
    """.split("|")
)


def given_names(given: str | Path | Sequence[str]) -> tuple[str, ...]:
    """Read names as a user gives them.

    Args:
        given: names, a text of names with commas between, or a file: a JSON list, or one name a line.

    Raises:
        UserError: the file cannot be read, or there is no name.
    """
    if isinstance(given, str | Path):
        given = _from_file(Path(given)) if Path(given).is_file() else str(given).split(",")
    names = tuple(name.strip() for name in given if name.strip())
    if not names:
        raise UserError('no class name given: give names with commas between, e.g. "BG,dog", or a file with one a line')
    return names


def _from_file(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: cannot be read as class names ({error}); give a UTF-8 text, one name a line"
        ) from error
    if path.suffix.lower() != ".json":
        return text.replace(",", "\n").splitlines()
    try:
        names = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{path}, line {error.lineno}: not JSON ({error.msg}); expected a list of names") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: expected a JSON list of class names, background first")
    return names


def with_background(names: Sequence[str], count: int, source: str | Path) -> tuple[str, ...]:
    """Fit names to a model's classes: background first, added where it was left out.

    Args:
        names: with or without background.
        count: classes of the model with background.
        source: names the model in errors.

    Raises:
        UserError: another number of names, or a name that comes twice.
    """
    if names and names[0].casefold() in BACKGROUNDS:
        names = names[1:]
    if len(names) != count - 1:
        raise UserError(
            f"{source}: finds {count - 1} class{'es' if count != 2 else ''} besides background, but {len(names)} "
            f"{'names were' if len(names) != 1 else 'name was'} given ({', '.join(names)}); give one name for each"
        )
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise UserError(f"{source}: the class name {twice[0]!r} comes twice; give each class a name of its own")
    return (BACKGROUND, *names)
